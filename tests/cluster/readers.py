"""Readers who open pages and every hashed asset that a page names, and a member who stays logged in.

Each request is on a new connection to the edge. Every failed request is kept with its time.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from tests.cluster import front_door
from tests.cluster.members import Session

PAGES = ("/", "/posts/", "/about/", "/tech/")
_ASSET = re.compile(rb"""(?:href|src)="?(/[^"\s>]+\.[0-9a-f]{8}\.\w+)""")


def assets_of(page: bytes) -> list[str]:
    """Return the paths of the hashed assets that *page* names."""
    return sorted({found.decode() for found in _ASSET.findall(page)})


@dataclass(frozen=True)
class Fault:
    """A failed request."""

    at: float  # seconds since the readers began
    path: str
    what: str  # status, or the exception


@dataclass
class Readers:
    """What happened to all of them."""

    requests: Counter[str] = field(default_factory=Counter)  # "page", "asset", "members' page"
    faults: list[Fault] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    end: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def note(self, kind: str, path: str, fault: str = "") -> None:
        """Count a request."""
        with self.lock:
            self.requests[kind] += 1
            if fault:
                self.faults.append(Fault(round(time.monotonic() - self.begun, 1), path, fault))

    def _get(self, kind: str, path: str) -> bytes:
        try:
            found = front_door.get(path)
        except OSError as error:
            self.note(kind, path, repr(error)[:120])
            return b""
        self.note(kind, path, "" if found.status == 200 else str(found.status))
        return found.body

    def read(self, number: int, pause: float) -> None:
        """Open pages, one after the other, and the assets that each names, until the end."""
        while not self.end.is_set():
            page = self._get("page", PAGES[number % len(PAGES)])
            for asset in assets_of(page):
                self._get("asset", asset)
            number += 1
            self.end.wait(pause)

    def stay_logged_in(self, session: Session, path: str, pause: float) -> None:
        """Open a members' page until the end."""
        while not self.end.is_set():
            try:
                status = session.page(path)
            except OSError as error:
                self.note("members' page", path, repr(error)[:120])
            else:
                self.note("members' page", path, "" if status == 200 else str(status))
            self.end.wait(pause)


@contextmanager
def reading(count: int, session: Session | None = None, pause: float = 5.0) -> Iterator[Readers]:
    """Let *count* readers read, and a member with *session*, until the block ends.

    Each pauses between two pages, for seconds.
    """
    readers = Readers()
    threads = [Thread(target=readers.read, args=(number, pause)) for number in range(count)]
    if session:
        words = (session, "/members/welcome/", 1.0)
        threads.append(Thread(target=readers.stay_logged_in, args=words))
    for thread in threads:
        thread.start()
        time.sleep(min(0.1, pause / count))
    try:
        yield readers
    finally:
        readers.end.set()
        for thread in threads:
            thread.join()
