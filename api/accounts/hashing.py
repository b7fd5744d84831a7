"""How many passwords are hashed at once, and how many requests may wait for it.

A hash takes 40 ms of a processor and 19 MiB. Requests that hash take a turn before Django looks at them:
AT_ONCE are handled at a time, WAITING more wait, and the next one is refused at once. The other threads of
gunicorn stay free for the gate. The hashes themselves run in threads of the lowest priority, so that on one
processor the gate does not share its time with them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

AT_ONCE = 2  # more would be no faster on the one or two processors of a pod, and each needs memory
WAITING = 3
RETRY_AFTER = 5  # seconds; the queue is empty in less than one
NICE = 10  # by which the threads that hash are below the others (nice(2))

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class QueueFull(Exception):
    """As many requests as may wait for a hash are waiting."""


class HashQueue:
    """*at_once* holders of a turn, *waiting* more who wait for one."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._turns = threading.BoundedSemaphore(at_once)
        self._held: ContextVar[bool] = ContextVar("held", default=False)
        self._threads = ThreadPoolExecutor(at_once, "hash", initializer=_lower_priority)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a turn for the block, after waiting for it; raise QueueFull when too many wait already.

        Who holds one needs no second one.
        """
        if self._held.get():
            yield
            return
        if not self._places.acquire(blocking=False):
            raise QueueFull
        try:
            with self._turns:
                held = self._held.set(True)
                try:
                    yield
                finally:
                    self._held.reset(held)
        finally:
            self._places.release()

    def run(
        self, hash_: Callable[Arguments, Result], *args: Arguments.args, **more: Arguments.kwargs
    ) -> Result:
        """Return what *hash_* returns, called in a thread of low priority, within a turn."""
        with self.turn():
            return self._threads.submit(hash_, *args, **more).result()


def _lower_priority() -> None:
    """Lower the priority of this thread; elsewhere than on Linux it would be that of the whole process."""
    if sys.platform == "linux":
        os.nice(NICE)


QUEUE = HashQueue(AT_ONCE, WAITING)
