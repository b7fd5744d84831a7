"""Retry a call after a transient error, with a deadline for all calls together.

Sleeps. No reads, no writes, no network.
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
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 20.0  # seconds: upper limits of the first pause, and of every pause


class TransientError(ToolError):
    """An error that a retry may cure: no connection, a busy server."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, as the server requests


class CancelledError(ToolError):
    """Another thread has failed, so this one is cancelled."""


def is_retryable(status: int) -> bool:
    """Return whether the HTTP *status* is worth a retry.

    Permanent are: not implemented (501, 505), a full disk (507), a captive portal
    (511), and every other 4xx, which faults the request itself.
    """
    return status in (408, 425, 429) or (status >= 500 and status not in (501, 505, 507, 511))


class RetryPolicy:
    """Attempts for each call, and a deadline for all calls together; use from many threads.

    *seconds* is the deadline. Pauses grow exponentially with full jitter, so that
    clients that failed together retry apart. *log* gets a line before each pause.
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
        """The attempts for each call."""
        return self._tries

    def remaining(self) -> float:
        """Return the seconds until the deadline; raise ToolError after it."""
        if self._stop.is_set():
            raise CancelledError("cancelled, since another part has failed")
        remaining = self._end - self._clock()
        if remaining <= 0:
            raise ToolError(
                f"not done within {self._seconds:g} s; run it again, which continues where it stopped, "
                "or allow more with --deadline"
            )
        return remaining

    def stop(self) -> None:
        """Cancel every call that waits."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Sleep *seconds*, at most until the deadline; raise ToolError after it."""
        self._stop.wait(min(seconds, self.remaining()))
        self.remaining()

    def call(self, operation: Callable[[], _T]) -> _T:
        """Return what *operation* returns; retry while it raises TransientError. Raises ToolError."""
        for attempt in count(1):
            self.remaining()
            try:
                return operation()
            except TransientError as error:
                if attempt >= self._tries:
                    raise ToolError(f"{error} ({attempt} tries)") from None
                limit = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
                pause = max(error.retry_after, random.uniform(0, limit))
                if pause >= self.remaining():
                    raise ToolError(f"{error} ({attempt} tries, and no time for another)") from None
                self._log(f"{error}; retry in {pause:.1f} s")
                self.pause(pause)
        raise AssertionError
