"""What identifies a finished site: its digest, and the times and modes of its files.

Reads the tree that it is given; ``stamp`` changes times and modes. No network.

The rules here are between steps: the build seals by them, the image checks the
digest and gives its files the same times, whatever became of them on the way.

The digest of a site, as a shell computes it within out/site:
    find public gated aliases.map -type f | LC_ALL=C sort | while read -r f; do
    printf '%s\\0%s\\n' "$f" "$(sha256sum <"$f" | cut -c-64)"; done | sha256sum
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import Fault, SourceError
from pipelines.core.site_tree import PARTS

EPOCH, _SPAN = 10**9, 5 * 10**8  # seconds: 2001-09-09, and nearly 16 years from there


@dataclass(frozen=True, slots=True)
class TreeDigest:
    """What identifies a finished tree."""

    digest: str  # SHA-256, hex
    files: int
    bytes: int


def mtime(sha256: bytes) -> int:
    """Return the time of change, in seconds, of a file whose bytes hash to *sha256*.

    NGINX makes ETags of time and size, for a compressed twin of those of the
    twin. Derived from its own bytes, every file keeps its ETag from release to
    release until it changes, and an edit of equal length changes it too.
    """
    return EPOCH + int.from_bytes(sha256[:4], "big") % _SPAN


def normalize_tree(root: Path) -> TreeDigest:
    """Give every file of the site at *root* its time of change and its mode, and return its seal.

    Files get mode 0644 and the time of their content, folders 0755 and a fixed
    time, whatever the umask. Reads each file once, one after the other: 3,000
    files take 0.11 s, and 0.13 to 0.18 s with two threads, which wait for each
    other at every call. Raises SourceError for anything that is neither file
    nor folder.
    """
    return _seal(root, change=True)


def tree_digest(root: Path) -> str:
    """Return the digest of the site at *root*, as ``stamp`` does, and change nothing."""
    return _seal(root, change=False).digest


def read_tree(root: Path) -> dict[str, bytes]:
    """Return every file of the site at *root* by its path; raise SourceError as ``stamp`` does."""
    files, _ = _walk(root)
    return {os.fsdecode(name): _bytes(root / os.fsdecode(name)) for name in sorted(files)}


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """Return the digest of a site that consists of *files*."""
    whole = hashlib.sha256()
    for name in sorted(files, key=os.fsencode):
        _add(whole, os.fsencode(name), hashlib.sha256(files[name]).digest())
    return whole.hexdigest()


def _add(whole: hashlib._Hash, name: bytes, sha256: bytes) -> None:
    whole.update(name + b"\0" + sha256.hex().encode() + b"\n")


def _bytes(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read()


def _seal(root: Path, *, change: bool) -> TreeDigest:
    files, folders = _walk(root)
    whole, size = hashlib.sha256(), 0
    for name in sorted(files):
        sha256, length = normalize_file(root / os.fsdecode(name), change=change)
        _add(whole, name, sha256)
        size += length
    if change:
        for folder in folders:
            normalize_directory(folder)
    return TreeDigest(whole.hexdigest(), len(files), size)


def _walk(root: Path) -> tuple[list[bytes], list[Path]]:
    """Return the files of the site at *root*, relative to it, and its folders."""
    files: list[bytes] = []
    folders: list[Path] = []
    faults: list[Fault] = []
    waiting = [entry for entry in os.scandir(root) if entry.name in PARTS]
    while waiting:
        entry = waiting.pop()
        name = entry.path[len(str(root)) + 1 :]
        if entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
            waiting.extend(os.scandir(entry.path))
        elif entry.is_file(follow_symlinks=False):
            files.append(os.fsencode(name))
        else:
            what = "a symbolic link" if entry.is_symlink() else "neither a file nor a folder"
            faults.append(Fault(name, 0, f"is {what}", "put a copy of the file in its place"))
    if faults:
        raise SourceError(faults)
    return files, folders


def normalize_file(path: Path, *, change: bool) -> tuple[bytes, int]:
    """Return hash and size of the file at *path*; with *change* after it has got its mode and time."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        data = file.read()
        sha256 = hashlib.sha256(data).digest()
        if change:
            os.fchmod(file.fileno(), 0o644)
            os.utime(file.fileno(), (mtime(sha256), mtime(sha256)))
    return sha256, len(data)


def normalize_directory(path: Path) -> None:
    """Give the folder at *path* its mode and time."""
    path.chmod(0o755)
    os.utime(path, (EPOCH, EPOCH))
