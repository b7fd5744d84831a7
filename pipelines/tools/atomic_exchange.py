"""Swap two paths atomically: one system call, or a journal where there is none.

Renames the files and folders that it is given, and writes a journal beside
them while it does so in steps. No network.

Linux has renameat2(RENAME_EXCHANGE) on ext4, xfs, btrfs, tmpfs and overlayfs
(Linux 3.15 and glibc 2.28), macOS renamex_np(RENAME_SWAP) on APFS. NFS and
shares of virtual machines have neither.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def exchange(fresh: Path, target: Path) -> None:
    """Swap *fresh* and *target*, which both exist, on one file system.

    Whoever opens *target* meanwhile finds the one or the other. Without support
    of the system *target* is missing for the time between two renames, and a
    process that is killed then leaves a journal for ``recover_exchange``. Raises OSError;
    then nothing has changed.
    """
    try:
        _at_once(fresh, target)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _in_steps(fresh, target)


def supports_exchange(folder: Path) -> bool:
    """Return whether the file system of *folder* exchanges two paths at once."""
    with tempfile.TemporaryDirectory(prefix=".exchange-", dir=folder) as name:
        one, two = Path(name, "one"), Path(name, "two")
        one.mkdir()
        two.mkdir()
        try:
            _at_once(one, two)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return False
    return True


def recover_exchange(target: Path) -> bool:
    """Make *target* whole after a killed exchange in steps; return whether there was one.

    Finishes the exchange, or undoes it when the fresh one is gone. Call it, as
    ``exchange``, from one process at a time.
    """
    journal = _journal(target)
    try:
        name = journal.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    if name.endswith("\n"):  # else it was killed while writing, before any rename
        fresh = target.with_name(name[:-1])
        old = _old(fresh)
        if os.path.lexists(old) and not os.path.lexists(target):
            os.rename(fresh if os.path.lexists(fresh) else old, target)
        if os.path.lexists(old) and not os.path.lexists(fresh):
            os.rename(old, fresh)
    journal.unlink()
    return True


def _journal(target: Path) -> Path:
    return target.with_name(f".{target.name}.swap")


def _old(fresh: Path) -> Path:
    """Return where the old one waits; beside *fresh*, whose owner sweeps what is left there."""
    return fresh.with_name(f"{fresh.name}.old")


def _in_steps(fresh: Path, target: Path) -> None:
    fresh.lstat()  # raises what the system call would
    target.lstat()
    if fresh.parent.resolve() != target.parent.resolve():
        reason = "an exchange in steps needs both in one folder"
        raise OSError(errno.EXDEV, reason, str(fresh), None, str(target))
    journal, old = _journal(target), _old(fresh)
    journal.write_text(f"{fresh.name}\n", encoding="utf-8")
    try:
        os.rename(target, old)
        os.rename(fresh, target)
        os.rename(old, fresh)
    except BaseException:  # Ctrl-C too: the journal goes only when both are in their places
        if os.path.lexists(old):
            if os.path.lexists(target):
                os.rename(target, fresh)
            os.rename(old, target)
        journal.unlink()
        raise
    journal.unlink()


def _at_once(one: Path, two: Path) -> None:
    """Exchange by the system call; raise OSError with ENOSYS where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(two)
    try:
        if sys.platform == "darwin":
            status = libc.renamex_np(first, second, ctypes.c_uint(_RENAME_SWAP))
        else:
            flags = ctypes.c_uint(_RENAME_EXCHANGE)
            status = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, flags)
    except AttributeError:  # a C library without it
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if status:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one), None, str(two))
