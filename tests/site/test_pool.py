"""Worker processes end with the one that started them, which goes on when one of them is killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.core.errors import PipelineError
from pipelines.core.progress import NoProgress
from pipelines.site.pool import map_items


def has_ended(process: int) -> bool:
    """Return whether *process* is gone, or waits for a parent that reaps none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_workers_of_a_killed_build_end(tmp_path: Path) -> None:
    """They would wait for work for ever, and hold the lock of its staging directory."""

    def work(_: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.01)

    parent = os.fork()
    if not parent:
        list(map_items(work, range(10_000), 2, NoProgress()))
        os._exit(0)
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    try:
        for _ in range(500):
            if all(map(has_ended, workers)):
                break
            time.sleep(0.01)
        assert all(map(has_ended, workers))
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def test_a_killed_worker_is_named_with_what_to_do() -> None:
    """As the kernel does where the memory is used up."""
    with pytest.raises(PipelineError, match=r"^one of 2 processes was killed, .* try --workers 1$"):
        list(map_items(lambda _: os.kill(os.getpid(), signal.SIGKILL), range(100), 2, NoProgress()))
    assert list(map_items(abs, range(100), 2, NoProgress())) == [*range(100)]
