"""Write the files of a site into a staging directory, normalized, and keep their digests.

Writes the staging directory; reads the site of the last build to link its files.
No network.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from pipelines.core.digests import mtime
from pipelines.core.site_tree import GATED, PUBLIC

MEMBERS = "members/"  # names below it are in the gated tree


class FileFacts(NamedTuple):
    """A written file."""

    sha256: bytes
    size: int


def tree_path(name: str) -> str:
    """Return the path of the output file *name* in the site: in its public or its gated tree."""
    return f"{GATED if name.startswith(MEMBERS) else PUBLIC}/{name}"


def write_normalized(target: str, data: bytes, sha256: bytes) -> None:
    """Write *data* to the new file *target*, with the mode and the mtime of a published file.

    A file that is there is replaced, never changed: it may be a link to one of another tree.
    """
    with suppress(FileNotFoundError):
        os.unlink(target)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        os.fchmod(descriptor, 0o644)
        os.utime(descriptor, (mtime(sha256), mtime(sha256)))
    finally:
        os.close(descriptor)


def link_unchanged(source: str, target: str, facts: FileFacts) -> bool:
    """Link *target* to *source* if that has the size, the mode and the mtime of its content.

    A change of a file gives it another mtime: that of a published file is derived
    from its bytes. Returns False where it cannot be linked.
    """
    try:
        found = os.lstat(source)
        expected = (0o100644, facts.size, mtime(facts.sha256) * 10**9)
        if (found.st_mode, found.st_size, found.st_mtime_ns) != expected:
            return False
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True
