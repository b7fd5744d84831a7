"""Build a tree beside the last one and let the two change places.

Writes out/.site-<random>/ while a build runs, then out/<name>/, and
out/<name>.json, a link to the record inside of it: the two always agree. No
network.

A build that fails takes its stage with it; one that is killed leaves it to the
next, which knows it by the lock that nobody holds. Nothing is synced to the
disk: a killed process loses nothing that it wrote, and after a power cut the
site is built again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.digests import normalize_directory, normalize_file
from pipelines.core.errors import PipelineError
from pipelines.tools.atomic_exchange import exchange, recover_exchange

RECORD = "site.json"  # the result of the build, beside them
_STAGE, _LOCK = ".site-", ".lock"


@contextmanager
def staging_directory(out: Path) -> Iterator[Path]:
    """Yield a new folder within *out* to build in; remove it afterwards, published or not.

    Finishes what a killed ``publish`` left and removes the stages of killed
    builds, but not that of a build that is running. Raises PipelineError when
    the disk is full.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _release_lock(_acquire_lock(out))
    except OSError as error:
        text = f"cannot be written ({error.strerror}); make it a folder that you may write"
        raise PipelineError(f"{out.name}: {text}") from error
    with _directory_lock(out):
        for journal in sorted(out.glob(".*.swap")):
            recover_exchange(out / journal.name[1 : -len(".swap")])
        dead = [stage for stage in sorted(out.glob(f"{_STAGE}*")) if not _is_locked(stage)]
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=out))
        lock = _acquire_lock(stage)
    try:
        for leftover in dead:
            _remove(leftover)
        yield stage
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = "the disk is full, the last site is as it was; make room and build again"
        raise PipelineError(f"{out.name}: {text}") from error
    finally:
        _remove(stage)
        os.close(lock)


def swap_directory(stage: Path, place: Path, record: str) -> None:
    """Let the sealed *stage* change places with *place*, which may not exist yet.

    *record*, the JSON of the build's result, goes into it; ``place``.json links
    to it. Whoever opens *place* finds the old site or the new one, whole. The
    old one is in *stage* then, and goes with it. Of several builds that publish
    at once, the last one wins.
    """
    with _directory_lock(place.parent):
        (stage / RECORD).write_text(record, encoding="utf-8")
        normalize_file(stage / RECORD, change=True)
        (stage / _LOCK).unlink()  # nobody sweeps while out is locked
        normalize_directory(stage)
        _link_record(place)
        if os.path.lexists(place):
            exchange(stage, place)
        else:
            os.rename(stage, place)


def _link_record(place: Path) -> None:
    """Make place.json a link to the record of whatever is, or will be, at *place*."""
    link, goal = place.with_name(f"{place.name}.json"), f"{place.name}/{RECORD}"
    if link.is_symlink() and os.readlink(link) == goal:
        return
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(goal)
    os.replace(fresh, link)


@contextmanager
def _directory_lock(out: Path) -> Iterator[None]:
    """Hold the lock of *out*: for the moments in which stages appear, move or are counted."""
    lock = _acquire_lock(out)
    try:
        yield
    finally:
        _release_lock(lock)


def _release_lock(lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough once a child has inherited it
    os.close(lock)


def _acquire_lock(folder: Path) -> int:
    """Wait for the lock of *folder* and return its descriptor; the system frees it at our end."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _is_locked(stage: Path) -> bool:
    """Return whether a process holds the lock of *stage*."""
    try:
        lock = os.open(stage / _LOCK, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _remove(tree: Path) -> None:
    # Errors are let be: another build may sweep the same one, and the next one tries again.
    shutil.rmtree(tree, ignore_errors=True)
