"""Staging directory for building an image, removed at the end.

Writes out/.<name>-<random>/ during the block, and the lock out/.<name>.lock.
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
    """Yield a new directory in *out*, to one process at a time; others wait for the lock.

    It is removed after the block; leftovers of a killed process are removed by the
    next. Raises PipelineError for any OSError, of the block, too.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _locked_directory(out, name) as folder:
            yield folder
    except OSError as error:
        path = Path(error.filename or out)
        if path.is_relative_to(out):  # without the staging directory, whose name means nothing to users
            parts = path.relative_to(out).parts
            path = Path(out.name, *(part for part in parts if not part.startswith(f".{name}-")))
        text = f"cannot be written ({error.strerror}); free disk space, or remove what is in the way"
        raise PipelineError(f"{path}: {text}") from error


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
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing does not unlock while a child process has the descriptor
        os.close(lock)
