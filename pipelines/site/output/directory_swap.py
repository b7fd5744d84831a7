"""Build into a staging directory, then swap it with the published one in one atomic step.

Writes out/.site-<random>/ during a build, then out/<name>/ and out/<name>.json, a
symbolic link to the record inside of it, so that both always agree. Where the caller
wants it, the replaced tree stays for the next build: see spare_tree.py. No network.

A failed build removes its staging directory. That of a killed build is removed by
the next one, which finds its lock free. Nothing is synced to disk: a killed process
loses no writes, and after a power cut the site is built again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.digests import normalize_directory, normalize_file
from pipelines.core.errors import PipelineError
from pipelines.site.output import spare_tree
from pipelines.site.output.spare_tree import LOCK
from pipelines.tools.atomic_exchange import exchange, recover_exchange

RECORD = "site.json"  # the result of the build
_STAGE = ".site-"


@contextmanager
def staging_directory(out: Path, spare: Path | None = None) -> Iterator[Path]:
    """Yield a directory in *out* to build in; remove it afterwards.

    It holds the tree *spare*, if there is one, and else nothing. First completes the swap
    of a killed build and removes the staging directories of killed builds, but not those
    of running ones. Raises PipelineError if the disk is full, or something in *spare* cannot be removed.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _release_lock(_acquire_lock(out))
    except OSError as error:
        text = f"cannot be written ({error.strerror}); make it a writable folder"
        raise PipelineError(f"{out.name}: {text}") from error
    with _directory_lock(out):
        for journal in sorted(out.glob(".*.swap")):
            recover_exchange(out / journal.name[1 : -len(".swap")])
        stale = [stage for stage in sorted(out.glob(f"{_STAGE}*")) if not _is_locked(stage)]
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=out))
        if spare is not None:
            spare_tree.claim(spare, stage)
        lock = _acquire_lock(stage)
    try:
        for leftover in stale:
            spare_tree.remove(leftover)
        spare_tree.remove_others(stage)  # at once: the build writes beside the parts of a site
        yield stage
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        text = "the disk is full, the last site is unchanged; free some space and build again"
        raise PipelineError(f"{out.name}: {text}") from error
    finally:
        spare_tree.remove(stage)
        os.close(lock)


def swap_directory(stage: Path, target: Path, record: str, spare: Path | None = None) -> None:
    """Swap *stage* with *target* atomically; *target* may not exist yet.

    *record*, the JSON of the build's result, is written into *stage*;
    ``<target>.json`` links to it. A reader of *target* sees the old site or the new
    one, never a mixture. The old site is at *spare* afterwards, else in *stage* and
    removed with it. Of several concurrent builds, the last one wins.
    """
    with _directory_lock(target.parent):
        (stage / RECORD).write_text(record, encoding="utf-8")
        normalize_file(stage / RECORD, change=True)
        (stage / LOCK).unlink()  # no cleanup runs while out is locked
        normalize_directory(stage)
        _link_record(target)
        if os.path.lexists(target):
            exchange(stage, target)
            if spare is not None:
                spare_tree.leave(stage, spare)
        else:
            os.rename(stage, target)


def _link_record(target: Path) -> None:
    """Link ``<target>.json`` to the record in *target*."""
    if is_linked(target):
        return
    link, record_path = _record_link(target)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(record_path)
    os.replace(fresh, link)


def is_linked(target: Path) -> bool:
    """Return whether ``<target>.json`` links to the record in *target*."""
    link, record_path = _record_link(target)
    return link.is_symlink() and os.readlink(link) == record_path


def _record_link(target: Path) -> tuple[Path, str]:
    """Return the link to the record of *target*, and where it leads."""
    return target.with_name(f"{target.name}.json"), f"{target.name}/{RECORD}"


@contextmanager
def _directory_lock(out: Path) -> Iterator[None]:
    """Hold the lock of *out* while staging directories are created, swapped or listed."""
    lock = _acquire_lock(out)
    try:
        yield
    finally:
        _release_lock(lock)


def _release_lock(lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)  # a child process may have inherited the descriptor
    os.close(lock)


def _acquire_lock(folder: Path) -> int:
    """Wait for the lock of *folder*; return its descriptor. It is released when the process ends."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _is_locked(stage: Path) -> bool:
    """Whether a process holds the lock of *stage*."""
    try:
        lock = os.open(stage / LOCK, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
