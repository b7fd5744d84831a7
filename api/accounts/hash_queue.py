"""Limit concurrent password hashing with a bounded queue.

A hash takes 40 ms of a processor and 19 MiB. Requests that hash take a slot before Django handles them:
MAX_CONCURRENT run, MAX_QUEUED wait, and the next one is refused. The other threads of gunicorn stay free
for the gate. Hashes run in threads of low priority, so that they do not slow the gate down on one processor.
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

MAX_CONCURRENT = 2  # more needs memory and is not faster on the one or two processors of a pod
MAX_QUEUED = 3
RETRY_AFTER = 5  # seconds; the queue drains in less than one
NICE = 10  # added to the niceness of the hashing threads (nice(2))

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class QueueFull(Exception):
    """The queue of requests that wait for a hash is full."""


class HashQueue:
    """*max_concurrent* slots, and a queue of *max_queued* for them."""

    def __init__(self, max_concurrent: int, max_queued: int) -> None:
        self._capacity = threading.BoundedSemaphore(max_concurrent + max_queued)
        self._slots = threading.BoundedSemaphore(max_concurrent)
        self._has_slot: ContextVar[bool] = ContextVar("has_slot", default=False)
        self._threads = ThreadPoolExecutor(max_concurrent, "hash", initializer=_lower_priority)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it for the block; raise QueueFull when the queue is full.

        Nested calls in one context share the slot.
        """
        if self._has_slot.get():
            yield
            return
        if not self._capacity.acquire(blocking=False):
            raise QueueFull
        try:
            with self._slots:
                token = self._has_slot.set(True)
                try:
                    yield
                finally:
                    self._has_slot.reset(token)
        finally:
            self._capacity.release()

    def run(
        self, hash_: Callable[Arguments, Result], *args: Arguments.args, **more: Arguments.kwargs
    ) -> Result:
        """Return the result of *hash_*, called in a thread of low priority while holding a slot."""
        with self.slot():
            return self._threads.submit(hash_, *args, **more).result()


def _lower_priority() -> None:
    """Lower the priority of this thread; only Linux has a priority for each thread."""
    if sys.platform == "linux":
        os.nice(NICE)


QUEUE = HashQueue(MAX_CONCURRENT, MAX_QUEUED)
