"""Compute a function of many items in several processes.

No reads, no writes, no network.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pipelines.core.errors import PipelineError
from pipelines.core.progress import Progress
from pipelines.tools.forks import end_with

T = TypeVar("T")
R = TypeVar("R")
# With fewer items, starting processes costs more than it saves.
PARALLEL_FROM = 24
_task: Any = None  # (task, items) of the worker processes, inherited by fork


def map_items(task: Callable[[T], R], items: Sequence[T], workers: int, progress: Progress) -> Iterator[R]:
    """Yield task(item) for each item, in order; *workers* processes compute many items.

    Raises PipelineError if one of the processes is killed, as where the memory is used up.
    """
    if len(items) <= PARALLEL_FROM or workers < 2:
        for item in items:
            yield task(item)
            progress.advance(1)
        return
    yield from _map_parallel(task, items, workers, progress)


def _map_parallel(
    task: Callable[[T], R], items: Sequence[T], workers: int, progress: Progress
) -> Iterator[R]:
    """Yield task(item) for each item, computed by processes that inherit task and items by fork.

    Nothing large is pickled on the way to them. They leave the objects of this process
    alone: a garbage collection in each of them would copy its whole memory. They end with this process
    where that is killed; otherwise they would wait for work, with the locks that they have inherited.
    """
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    global _task
    _task = (task, items)
    size = max(1, min(16, len(items) // (workers * 4)))
    chunks = [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
    gc.freeze()
    try:
        fork, parent = multiprocessing.get_context("fork"), os.getpid()
        with ProcessPoolExecutor(workers, fork, end_with, (parent,)) as pool:
            for results in pool.map(_run_chunk, chunks):
                progress.advance(len(results))
                yield from results
    except BrokenProcessPool:
        what = f"one of {workers} processes was killed, most often because the memory is used up"
        raise PipelineError(f"{what}; free some, or try --workers {workers // 2}") from None
    finally:
        gc.unfreeze()
        _task = None


def _run_chunk(chunk: range) -> list[Any]:
    task, items = _task
    return [task(items[index]) for index in chunk]
