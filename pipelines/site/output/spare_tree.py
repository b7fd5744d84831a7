"""Keep the tree that a build replaced, so that the next build begins with it.

Most files of two sites are the same: a build that begins with the tree before the last
one links only what has changed since, where an empty directory takes a link a file, and
the old tree its removal. Of two builds at once, one gets the spare tree and the other
none: it is claimed by a rename, under the lock of out/.

Nothing in it is believed but size, mtime and mode of a file, as for the last site
(``tree.link_unchanged``). No file of it is changed in place: it may share its inode with
the last site. What is not a file of a site is removed.

Renames, reads and repairs out/.<name>.spare. No network.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, field

from pipelines.core.digests import EPOCH
from pipelines.core.errors import PipelineError
from pipelines.core.site_tree import PARTS

LOCK = ".lock"  # held while a build writes into a staging directory
FILE_MODE, DIRECTORY_MODE = 0o100644, 0o040755  # of a published site
_NANOSECONDS = 10**9


class FoundTree(Struct):
    """What a staging directory holds before a build writes into it."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)  # path -> size, mtime in nanoseconds
    directories: dict[str, bool] = field(default_factory=dict)  # path -> mode and mtime are normalized


def spare_path(target: Path) -> Path:
    """Return where the tree waits that *target* replaced."""
    return target.with_name(f".{target.name}.spare")


def claim(spare: Path, stage: Path) -> None:
    """Rename *spare* to *stage*, an empty directory; leave that empty where it cannot be used.

    Call it under the lock of their directory.
    """
    with suppress(OSError):
        found = os.lstat(spare)
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            os.chmod(spare, 0o700)
            os.rename(spare, stage)
            remove(stage / LOCK)
        else:
            remove(spare)


def leave(old: Path, spare: Path) -> None:
    """Rename *old*, a tree that was replaced, to *spare*, unless another build has left one there.

    Call it under the lock of their directory.
    """
    if old.is_dir() and not old.is_symlink():
        with suppress(OSError):  # not empty: there is one
            os.rename(old, spare)


def read(stage: Path) -> FoundTree:
    """Return the files of a site in *stage*; remove links, pipes and the like, or all files where that fails.

    What is beside its parts stays: see ``remove_others``.
    """
    try:
        return _read(stage)
    except OSError:
        _remove_all(stage, [name for name in os.listdir(stage) if name in PARTS])
        return FoundTree()


def remove_others(stage: Path) -> None:
    """Remove what is in *stage* beside the parts of a site, but the lock."""
    _remove_all(stage, [name for name in os.listdir(stage) if name not in PARTS and name != LOCK])


def _remove_all(stage: Path, names: list[str]) -> None:
    for name in names:
        remove(stage / name)
    if left := [name for name in names if os.path.lexists(stage / name)]:
        what = f"{stage.parent.name}/{stage.name}/{left[0]}: cannot be removed"
        raise PipelineError(f"{what}; remove it and build again") from None


def _read(stage: Path) -> FoundTree:
    found, device = FoundTree(), os.lstat(stage).st_dev
    todo = [""]
    while todo:
        parent = todo.pop()
        with os.scandir(os.path.join(stage, parent)) as entries:
            for entry in entries:
                if not parent and entry.name not in PARTS:
                    continue
                status = entry.stat(follow_symlinks=False)
                if status.st_dev != device:
                    raise OSError(f"{entry.name} is on another file system")
                if path := _read_entry(entry, status, parent, found):
                    todo.append(path)
    return found


def _read_entry(entry: os.DirEntry[str], status: os.stat_result, parent: str, found: FoundTree) -> str:
    """Add *entry* of the directory *parent* to *found*, or remove it; return the path of a directory."""
    path = f"{parent}/{entry.name}" if parent else entry.name
    if stat.S_ISDIR(status.st_mode):
        if status.st_uid != os.geteuid():
            raise OSError(f"{path} belongs to another user")
        if status.st_mode & 0o700 != 0o700:
            os.chmod(entry.path, 0o755)
        moment = EPOCH * _NANOSECONDS
        found.directories[path] = (status.st_mode, status.st_mtime_ns) == (DIRECTORY_MODE, moment)
        return path
    if status.st_mode == FILE_MODE:
        found.files[path] = (status.st_size, status.st_mtime_ns)
    else:
        os.unlink(entry.path)
        if parent:
            found.directories[parent] = False
    return ""


def remove(path: Path) -> None:
    """Remove a file or a tree, as far as that is possible."""
    # Ignore errors: another build may remove the same directory, and the next one retries.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
