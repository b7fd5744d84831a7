"""Try a service again while that makes sense, and no longer.

Waits. No reads, no writes, no network.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import count
from threading import Event
from typing import TypeVar

from pipelines.core.errors import ToolError

_T = TypeVar("_T")
_FIRST, _MOST = 0.5, 20.0  # seconds: the longest first pause, and the longest of all


class TransientError(ToolError):
    """A fault that another try may not meet: no connection, a busy server."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after  # seconds that the server asked to wait


class CancelledError(ToolError):
    """Another thread has failed, so that this one need not go on."""


def is_retryable(status: int) -> bool:
    """Return whether the answer *status* may be another one soon.

    Not those that say what the server cannot do (501, 505), that it is full
    (507) or that somebody stands before it (511); and no other 4xx: the request
    is wrong, and stays so.
    """
    return status in (408, 425, 429) or (status >= 500 and status not in (501, 505, 507, 511))


class RetryPolicy:
    """How often a call is tried, and until when all of them must be done; use from many threads.

    *seconds* is for everything together. Pauses double, and are drawn by chance
    from nothing to the full length, so that two who failed together do not come
    back together. *say* gets a line before each pause.
    """

    def __init__(
        self,
        seconds: float,
        *,
        tries: int = 6,
        log: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._tries, self._log, self._clock = seconds, tries, log, clock
        self._end = clock() + seconds
        self._stop = Event()

    @property
    def tries(self) -> int:
        """How often a call is tried."""
        return self._tries

    def left(self) -> float:
        """Return the seconds that are left for everything; raise ToolError when there are none."""
        if self._stop.is_set():
            raise CancelledError("ended, since another part has failed")
        left = self._end - self._clock()
        if left <= 0:
            raise ToolError(
                f"not done within {self._seconds:g} s; run it again, it goes on where it was, "
                "or allow more with --deadline"
            )
        return left

    def stop(self) -> None:
        """Let every call that waits give up."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait *seconds*, or less when time is up; raise ToolError when it is."""
        self._stop.wait(min(seconds, self.left()))
        self.left()

    def call(self, act: Callable[[], _T]) -> _T:
        """Return what *act* returns; try again while it raises Passing. Raises ToolError."""
        for number in count(1):
            self.left()
            try:
                return act()
            except TransientError as fault:
                if number >= self._tries:
                    raise ToolError(f"{fault} ({number} tries)") from None
                longest = min(_MOST, _FIRST * 2 ** (number - 1))
                wait = max(fault.after, random.uniform(0, longest))
                if wait >= self.left():
                    raise ToolError(f"{fault} ({number} tries, and no time for another)") from None
                self._log(f"{fault}; again in {wait:.1f} s")
                self.pause(wait)
        raise AssertionError
