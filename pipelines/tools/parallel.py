"""Do many waiting things at once, and stop all of them when one fails.

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
    act: Callable[[_Item], _Result], items: Sequence[_Item], at_once: int, retry_policy: RetryPolicy
) -> list[_Result]:
    """Return ``[act(item) for item in items]``, *at_once* of them at a time.

    The first that fails ends what waits by *patience*, and what has not begun;
    its exception is raised.
    """
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        futures = [pool.submit(act, item) for item in items]
        try:
            waiting = wait(futures, return_when=FIRST_EXCEPTION).not_done
        except BaseException:  # Ctrl-C
            retry_policy.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if waiting:
            retry_policy.stop()
            pool.shutdown(wait=True, cancel_futures=True)
    faults = [one.exception() for one in futures if not one.cancelled() and one.exception()]
    for fault in sorted(faults, key=lambda fault: isinstance(fault, CancelledError)):
        assert fault is not None
        raise fault
    return [one.result() for one in futures]
