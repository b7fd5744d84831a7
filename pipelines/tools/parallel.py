"""Run I/O-bound calls in threads, and cancel the rest when one fails.

Starts threads. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from pipelines.tools.retry import CancelledError, RetryPolicy

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def run_parallel(
    function: Callable[[_Item], _Result], items: Sequence[_Item], workers: int, retry_policy: RetryPolicy
) -> list[_Result]:
    """Return ``[function(item) for item in items]``, computed by *workers* threads.

    The first failure stops *retry_policy* and cancels the calls that have not
    begun; its exception is raised.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            unfinished = wait(futures, return_when=FIRST_EXCEPTION).not_done
        except BaseException:  # Ctrl-C
            retry_policy.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if unfinished:
            retry_policy.stop()
            pool.shutdown(wait=True, cancel_futures=True)
    errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
        raise error
    return [future.result() for future in futures]
