"""A folder to build an image in, which leaves no trace.

Writes out/.<name>-<random>/ while the block lasts, and the lock out/.<name>.lock.
No network.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import PipelineError


@contextmanager
def staging_directory(out: Path, name: str) -> Iterator[Path]:
    """Yield a new folder within *out*, to one process at a time; others wait.

    It goes with the block. What a killed process left is removed by the next.
    Raises PipelineError where something cannot be written, in the block too.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _locked_directory(out, name) as folder:
            yield folder
    except OSError as error:
        place = Path(error.filename or out)
        if place.is_relative_to(out):  # without the folder of this block, whose name nobody gave
            words = place.relative_to(out).parts
            place = Path(out.name, *(word for word in words if not word.startswith(f".{name}-")))
        text = f"cannot be written ({error.strerror}); make room, or remove what is in the way"
        raise PipelineError(f"{place}: {text}") from error


@contextmanager
def _locked_directory(out: Path, name: str) -> Iterator[Path]:
    lock = os.open(out / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in out.glob(f".{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=out))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough once a child has inherited it
        os.close(lock)
