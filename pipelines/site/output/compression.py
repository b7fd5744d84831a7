"""Precompress files: ``index.html.gz`` and ``index.html.br`` beside ``index.html``.

Reads the compressible files of one tree and writes the variants beside them. No
network.

NGINX sends a variant if it exists (gzip_static, brotli_static). libdeflate and
brotli are pinned wheels: the bytes do not depend on the system.

Levels measured on 159 pages of prose with code, mean 16.7 kB, on one core; size
in percent of the page, time for 1,000 pages of 25 kB:

    gzip    6    9   10   11   12     brotli    5    8    9*    10    11
    %    28.9 28.5 28.0 27.9 27.9             26.9 26.7 26.6  23.6  22.9
    s     0.3  0.4  3.0  4.6  7.8              0.6  1.0  1.0  14.3  38.8
                                       * window of 2^16; 12.1 s with the default

Pages are compressed in every build and served for one release: gzip 9, brotli 8.
Hashed assets are few and served for a year: 12 and 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

import brotli
from msgspec import Struct

from pipelines.core.errors import Fault, SourceError
from pipelines.tools import gzip

# Text, and formats without built-in compression.
COMPRESSIBLE = frozenset((
    ".asc", ".atom", ".css", ".csv", ".htm", ".html", ".ico", ".ics", ".js", ".json", ".map", ".md",
    ".mjs", ".otf", ".rss", ".svg", ".ttf", ".txt", ".vcf", ".wasm", ".webmanifest", ".xml", ".xsl",
))  # fmt: skip
MINIMUM_SIZE = 256  # bytes; a smaller file fits the first packet


class CompressionLevels(Struct, frozen=True):
    """Compression levels."""

    gzip: int  # 1 to 12 (libdeflate)
    brotli: int  # 0 to 11


PAGE_LEVELS = CompressionLevels(gzip=9, brotli=8)
ASSET_LEVELS = CompressionLevels(gzip=12, brotli=11)


class CompressionStats(Struct, frozen=True):
    """Result of compress_tree."""

    files: int  # with at least one variant
    bytes: int  # of those files
    gzip: int  # bytes of their gzip variants
    brotli: int


def compression_levels(path: PurePath) -> CompressionLevels:
    """Return the levels for *path*: files of a directory "assets" are immutable."""
    return ASSET_LEVELS if "assets" in path.parts[:-1] else PAGE_LEVELS


def compress_variants(data: bytes, effort: CompressionLevels = PAGE_LEVELS) -> tuple[bytes, bytes]:
    """Return *data* compressed with gzip and with brotli; equal inputs give equal bytes."""
    return gzip.gzip_bytes(data, effort.gzip), brotli.compress(data, quality=effort.brotli)


def compress_page(data: bytes, name: PurePath) -> dict[str, bytes]:
    """Return the variants of the file *name* by suffix: those that are smaller than *data*."""
    if name.suffix.lower() not in COMPRESSIBLE or len(data) < MINIMUM_SIZE:
        return {}
    variants = zip((".gz", ".br"), compress_variants(data, compression_levels(name)), strict=True)
    return {suffix: variant for suffix, variant in variants if len(variant) < len(data)}


def compress_tree(
    root: Path,
    workers: int,
    names: Iterable[str] | None = None,
    variants: Callable[[bytes, CompressionLevels], tuple[bytes, bytes]] = compress_variants,
    exists: Callable[[Path], bool] = Path.exists,
    write: Callable[[Path, bytes], object] = Path.write_bytes,
) -> CompressionStats:
    """Write the compressed variants of each compressible file below *root*, in *workers* threads.

    Only of *names*, if given: the others have theirs. Files below 256 bytes have no variants,
    and a variant that is not smaller than the file is not written. The compressors
    release the GIL: two threads take 0.5 to 0.65 of the time of one. *variants* computes
    them, *exists* knows the files of the site, and *write* adds one. Raises SourceError if
    a file of the site has the name of a variant.
    """
    every = sorted(root.rglob("*") if names is None else (root / name for name in names))
    files = [path for path in every if path.suffix.lower() in COMPRESSIBLE]
    faults = [
        Fault(path.relative_to(root).as_posix(), 0,
              "has the name of a compressed variant and is never served", "rename it, as in data-json.gz",
              "address")
        for path in every
        if path.suffix in (".gz", ".br")
        and PurePath(path.stem).suffix.lower() in COMPRESSIBLE
        and not exists(path.with_name(path.stem))
    ]  # fmt: skip
    from concurrent.futures import ThreadPoolExecutor  # a build of a few texts compresses pages alone

    with ThreadPoolExecutor(workers) as pool:
        rows = list(pool.map(lambda path: _compress_file(root, path, faults, variants, exists, write), files))
    if faults:
        raise SourceError(faults)
    return CompressionStats(*(sum(column) for column in zip((0, 0, 0, 0), *rows, strict=True)))


def _compress_file(
    root: Path,
    path: Path,
    faults: list[Fault],
    compute: Callable[[bytes, CompressionLevels], tuple[bytes, bytes]],
    exists: Callable[[Path], bool],
    write: Callable[[Path, bytes], object],
) -> tuple[int, int, int, int]:
    """Write the variants of *path*; return (1, size, gzip size, brotli size), or zeros without any."""
    if not path.is_file():
        return 0, 0, 0, 0
    data, relative = path.read_bytes(), path.relative_to(root)
    variants = compute(data, compression_levels(relative)) if len(data) >= MINIMUM_SIZE else (data, data)
    sizes = []
    for suffix, variant in zip((".gz", ".br"), variants, strict=True):
        target = path.with_name(path.name + suffix)
        smaller = len(variant) < len(data)
        if exists(target):
            if not smaller or target.read_bytes() != variant:
                name = relative.with_name(target.name).as_posix()
                text = f"has the name of the compressed {relative.name} and would be served instead"
                faults.append(Fault(name, 0, text, "rename it", "address"))
        elif smaller:
            write(target, variant)
        sizes.append(len(variant) if smaller else 0)
    return (1, len(data), sizes[0], sizes[1]) if any(sizes) else (0, 0, 0, 0)
