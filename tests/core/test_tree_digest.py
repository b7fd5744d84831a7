"""The digest of a tree, its normalized modes and its times."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

import pytest

from pipelines.core.digests import TreeDigest, mtime, normalize_tree, tree_digest
from pipelines.core.errors import SourceError
from tests.site.output.generated_site import (
    write,
)


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        # sha256("") = e3b0c442…: 0xe3b0c442 = 3820012610; 3820012610 mod 5·10⁸ = 320012610
        (b"", 1_320_012_610),
        # sha256("abc") = ba7816bf…: 0xba7816bf = 3128432319; 3128432319 mod 5·10⁸ = 128432319
        (b"abc", 1_128_432_319),
    ],
)
def test_mtime_is_derived_from_content(data: bytes, seconds: int) -> None:
    """10⁹ plus the first 32 bits of SHA-256 modulo 5·10⁸, computed by hand."""
    assert seconds == mtime(hashlib.sha256(data).digest())


def test_modes_and_mtimes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    """Image layers contain modes and mtimes: two machines must write the same."""
    digests = []
    for umask in (0o002, 0o022, 0o077):
        before = os.umask(umask)
        try:
            root = tmp_path / f"{umask:o}"
            write(root, {"public/a/x.html": b"abc", "public/run.sh": b"", "aliases.map": b"abc"})
            (root / "public/run.sh").chmod(0o755)
            digests.append(normalize_tree(root))
        finally:
            os.umask(before)
        found = {
            path.relative_to(root).as_posix(): (
                oct(stat.S_IMODE(path.stat().st_mode)),
                path.stat().st_mtime_ns,
            )
            for path in root.rglob("*")
        }
        assert found == {
            "aliases.map": ("0o644", 1_128_432_319 * 10**9),
            "public": ("0o755", 10**18),
            "public/a": ("0o755", 10**18),
            "public/a/x.html": ("0o644", 1_128_432_319 * 10**9),
            "public/run.sh": ("0o644", 1_320_012_610 * 10**9),
        }
    assert len(set(digests)) == 1
    assert (digests[0].files, digests[0].bytes) == (3, 6)


def test_an_edit_of_equal_length_changes_the_mtime(tmp_path: Path) -> None:
    """NGINX derives the ETag from mtime and size: a constant mtime would return 304 for the old page."""
    write(tmp_path, {"public/a": b"one way", "public/b": b"another"})
    normalize_tree(tmp_path)
    a, b = (tmp_path / "public/a").stat(), (tmp_path / "public/b").stat()
    assert a.st_size == b.st_size
    assert a.st_mtime != b.st_mtime


def test_digest_is_the_hash_of_sorted_paths_and_hashes(tmp_path: Path) -> None:
    """Anyone can compute it: it identifies the site in images and in /version.json."""
    write(tmp_path, {"public/b": b"abc", "public/a/é.html": b"", "aliases.map": b"abc"})
    write(tmp_path, {"site.json": b"not of the site", ".lock": b""})
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lines = f"aliases.map\0{abc}\npublic/a/é.html\0{nothing}\npublic/b\0{abc}\n"
    assert hashlib.sha256(lines.encode()).hexdigest() == tree_digest(tmp_path)
    assert normalize_tree(tmp_path) == TreeDigest(tree_digest(tmp_path), files=3, bytes=6)


def test_the_documented_shell_command_prints_the_digest(tmp_path: Path) -> None:
    """Operators copy it from the module docstring."""
    import pipelines.core.digests as module

    write(tmp_path, {"public/b-c": b"1", "public/b/c": b"2", "gated/ü x": b"3", "aliases.map": b""})
    line = (module.__doc__ or "").split("out/site:\n")[1]
    output = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert output.stdout.split()[0].decode() == tree_digest(tmp_path)


@pytest.mark.parametrize("moved", ["public/b", "gated/a"])
def test_digest_depends_on_paths(tmp_path: Path, moved: str) -> None:
    """A page that moves, above all into the public tree, makes another site."""
    write(tmp_path / "one", {"public/a": b"abc"})
    write(tmp_path / "two", {moved: b"abc"})
    assert tree_digest(tmp_path / "one") != tree_digest(tmp_path / "two")


def test_links_and_pipes_are_rejected_together(tmp_path: Path) -> None:
    """A link could publish a file from outside of the tree."""
    write(tmp_path, {"public/a": b"abc"})
    (tmp_path / "public/link").symlink_to("/etc/hostname")
    (tmp_path / "public/dir").symlink_to("/etc")
    os.mkfifo(tmp_path / "public/pipe")
    for read in (tree_digest, normalize_tree):
        with pytest.raises(SourceError) as caught:
            read(tmp_path)
        assert [fault.path for fault in caught.value.faults] == [
            "public/dir",
            "public/link",
            "public/pipe",
        ]
