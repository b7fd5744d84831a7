"""Digest the names, sizes, modes and mtimes of a site, to see that nobody has changed it.

The mtime of a published file is derived from its bytes (core/digests.py), so a change of
them shows. Inodes do not count: a site that was moved or unpacked is the same one.

Reads directories. No writes, no network.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from pipelines.core.digests import EPOCH, mtime
from pipelines.site.output.spare_tree import DIRECTORY_MODE, FILE_MODE
from pipelines.site.output.tree import FileFacts

_NANOSECONDS = 10**9


def expected_listing(files: Mapping[str, FileFacts], directories: Iterable[str]) -> bytes:
    """Return the digest of a site of *files* and *directories*, by path."""
    rows = [_row(path, facts.size, mtime(facts.sha256) * _NANOSECONDS) for path, facts in files.items()]
    return _digest([*rows, *(f"{path}\0directory" for path in directories)])


def read_listing(root: Path) -> bytes:
    """Return the digest of the site at *root*; b"" for one with a mode or a kind of file that no build gives.

    Raises OSError for one that cannot be read.
    """
    if not stat.S_ISDIR(os.lstat(root).st_mode):
        return b""
    rows: list[str] = []
    todo, start = [str(root)], len(str(root)) + 1
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                status, path = entry.stat(follow_symlinks=False), entry.path[start:]
                if status.st_mode == FILE_MODE:
                    rows.append(_row(path, status.st_size, status.st_mtime_ns))
                elif (status.st_mode, status.st_mtime_ns) == (DIRECTORY_MODE, EPOCH * _NANOSECONDS):
                    rows.append(f"{path}\0directory")
                    todo.append(entry.path)
                else:
                    return b""
    return _digest(rows)


def _row(path: str, size: int, moment: int) -> str:
    return f"{path}\0{size} {moment}"


def _digest(rows: list[str]) -> bytes:
    return sha256("\0".join(sorted(rows)).encode("utf-8", "surrogateescape")).digest()
