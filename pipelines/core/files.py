"""Write files atomically.

Writes the file that it is given, and a temporary file beside it. No network.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666, fsync: bool = False) -> None:
    """Write *data* to *path* in one rename, making its directory: readers find the old file or the new one.

    *mode* is restricted by the umask. With *fsync*, *data* is on the disk before
    the rename: for what cannot be made again. Raises OSError; then *path* is
    unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # of a killed run
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
