"""Compressed variants: true, stable, and only where they help."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import zlib
from pathlib import Path, PurePosixPath

import brotli
import pytest

from pipelines.core.errors import SourceError
from pipelines.site.output.compression import (
    ASSET_LEVELS,
    COMPRESSIBLE,
    MINIMUM_SIZE,
    PAGE_LEVELS,
    CompressionLevels,
    CompressionStats,
    compress_tree,
    compress_variants,
    compression_levels,
)

PROJECT = Path(__file__).resolve().parents[3]
PROSE = "".join(f"<p>Sentence {n}, which is not the one before.</p>\n" for n in range(300)).encode()
NOISE = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(100))  # does not shrink


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("data", [b"", b"a", PROSE, NOISE, PROSE * 4], ids=len)
@pytest.mark.parametrize("levels", [PAGE_LEVELS, ASSET_LEVELS])
def test_variants_decompress_to_the_original(data: bytes, levels: CompressionLevels) -> None:
    """Decompressed by other libraries than those that compressed them, if possible."""
    zipped, brotlied = compress_variants(data, levels)
    assert gzip.decompress(zipped) == data
    assert brotli.decompress(brotlied) == data


def test_gzip_header_has_no_time_name_or_system() -> None:
    """They would differ between two builds (RFC 1952, 2.3.1)."""
    for levels in (CompressionLevels(1, 0), PAGE_LEVELS, ASSET_LEVELS):
        zipped, _ = compress_variants(PROSE, levels)
        assert zipped[:10].hex() == "1f8b08" + "00" + "00000000" + "02" + "ff"
        assert int.from_bytes(zipped[-8:-4], "little") == zlib.crc32(PROSE)
        assert int.from_bytes(zipped[-4:], "little") == len(PROSE)


def test_variants_are_equal_in_another_process() -> None:
    """Equal inputs, equal bytes: also with another hash seed, time zone and locale."""
    program = (
        "import hashlib, sys\n"
        "from pipelines.site.output.compression import compress_variants\n"
        "for variant in compress_variants(sys.stdin.buffer.read()):\n"
        "    print(hashlib.sha256(variant).hexdigest())\n"
    )
    here = [hashlib.sha256(variant).hexdigest() for variant in compress_variants(PROSE)]
    for seed, zone, locale in (("0", "UTC", "C"), ("7", "Asia/Tokyo", "C.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env=environment,
            input=PROSE,
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().split() == here


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("public/index.html", PAGE_LEVELS),
        ("public/assets/site.3fa9c1d0.css", ASSET_LEVELS),
        ("gated/members/assets/map.0badcafe.svg", ASSET_LEVELS),
        ("public/posts/assets.html", PAGE_LEVELS),
        ("assets", PAGE_LEVELS),
    ],
)
def test_assets_have_higher_levels_than_pages(path: str, expected: CompressionLevels) -> None:
    """Their names are hashed: they are compressed once and served for a year."""
    assert compression_levels(PurePosixPath(path)) == expected


def test_assets_are_written_with_their_levels(tmp_path: Path) -> None:
    """compress_tree uses the levels of each path."""
    compress_tree(tree(tmp_path, {"p.css": PROSE, "assets/p.css": PROSE}), 2)
    for suffix in (".gz", ".br"):
        page, asset = tmp_path / f"p.css{suffix}", tmp_path / f"assets/p.css{suffix}"
        assert asset.stat().st_size < page.stat().st_size


def test_only_smaller_variants_are_written(tmp_path: Path) -> None:
    """NGINX sends a variant whenever it exists."""
    root = tree(
        tmp_path,
        {
            "page.html": PROSE,
            "UPPER.SVG": PROSE,
            "just-enough.txt": PROSE[:MINIMUM_SIZE],
            "too-small.txt": PROSE[: MINIMUM_SIZE - 1],
            "noise.json": NOISE,
            "photo.jpg": PROSE,
            "archive.gz": PROSE,
            "no-suffix": PROSE,
        },
    )
    (root / "folder.html").mkdir()
    before = names(root)
    compress_tree(root, 2)
    assert names(root) - before == {
        f"{name}.{variant}"
        for name in ("page.html", "UPPER.SVG", "just-enough.txt")
        for variant in ("gz", "br")
    }


def test_stats_are_the_sums_of_all_files(tmp_path: Path) -> None:
    """The summary of the build prints them."""
    root = tree(tmp_path, {"a.html": PROSE, "b/c.css": PROSE[:5000], "noise.txt": NOISE})
    done = compress_tree(root, 2)
    sizes = {name: (root / name).stat().st_size for name in names(root)}
    assert done == CompressionStats(
        files=2,
        bytes=len(PROSE) + 5000,
        gzip=sizes["a.html.gz"] + sizes["b/c.css.gz"],
        brotli=sizes["a.html.br"] + sizes["b/c.css.br"],
    )
    assert compress_tree(tree(tmp_path / "empty", {"x.png": PROSE}), 1) == CompressionStats(0, 0, 0, 0)


def test_number_of_workers_does_not_change_bytes(tmp_path: Path) -> None:
    """A second run does not, either."""
    files = {f"{n}/index.html": PROSE[n * 40 :] for n in range(20)}
    one, four = tree(tmp_path / "one", files), tree(tmp_path / "four", files)
    assert compress_tree(one, 1) == compress_tree(four, 4) == compress_tree(four, 2)
    assert names(one) == names(four)
    assert all((one / name).read_bytes() == (four / name).read_bytes() for name in names(one))


def test_a_file_with_the_name_of_a_variant_is_a_fault(tmp_path: Path) -> None:
    """It would be served instead of the page to clients that accept gzip."""
    files = {"a.txt": PROSE, "a.txt.gz": b"mine", "s/b.txt": b"small", "s/b.txt.br": b"mine too"}
    with pytest.raises(SourceError) as caught:
        compress_tree(tree(tmp_path, files), 2)
    assert [str(fault) for fault in caught.value.faults] == [
        "a.txt.gz: has the name of the compressed a.txt and would be served instead; rename it",
        "s/b.txt.br: has the name of the compressed b.txt and would be served instead; rename it",
    ]
    assert (tmp_path / "a.txt.gz").read_bytes() == b"mine"


def test_compressed_formats_have_no_variants() -> None:
    """Compressing them again takes time and saves nothing."""
    assert not COMPRESSIBLE & {".png", ".jpg", ".webp", ".avif", ".gif", ".woff2", ".gz", ".br"}
    assert {".html", ".css", ".js", ".svg", ".atom", ".xml", ".txt", ".json"} <= COMPRESSIBLE


def test_a_download_with_the_suffix_of_a_variant_is_a_fault(tmp_path: Path) -> None:
    """The server hides such names: the file would never be served."""
    (tmp_path / "files").mkdir()
    for name in ("data.json.gz", "page.html.br", "archive.tar.gz", "data-json.gz"):
        (tmp_path / "files" / name).write_bytes(b"packed")
    with pytest.raises(SourceError) as caught:
        compress_tree(tmp_path, 1)
    assert [str(fault) for fault in caught.value.faults] == [
        f"files/{name}: has the name of a compressed variant and is never served;"
        " rename it, as in data-json.gz"
        for name in ("data.json.gz", "page.html.br")
    ]
