"""How long a member cannot use the login: a members' page is opened again and again.

Each request is on a new connection, and asks the login and its database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.cluster.members import Session

PAGE = "/members/welcome/"


def longest_gap(requests: Sequence[tuple[float, float, bool]]) -> float:
    """Return the longest time without a page, in seconds: from the end of one success to that of the next.

    *requests* are begin, end and success, by time. 0 where all succeeded; a gap lasts to the last request
    where no success follows.
    """
    gaps, last, failed = [0.0], requests[0][0] if requests else 0.0, False
    for _, end, success in requests:
        if success and failed:
            gaps.append(end - last)
        if success:
            last, failed = end, False
        else:
            failed = True
    if failed:
        gaps.append(requests[-1][1] - last)
    return max(gaps)


@dataclass
class Probe:
    """What a member got."""

    session: Session
    requests: list[tuple[float, float, bool]] = field(default_factory=list)
    end: Event = field(default_factory=Event)

    def run(self, pause: float) -> None:
        """Open the page until the end."""
        while not self.end.is_set():
            begun = time.monotonic()
            try:
                success = self.session.page(PAGE) == 200
            except OSError:
                success = False
            self.requests.append((begun, time.monotonic(), success))
            self.end.wait(pause)

    @property
    def failed(self) -> int:
        """Return the number of failed requests."""
        return sum(not success for _, _, success in self.requests)

    @property
    def slowest(self) -> float:
        """Return the seconds of the slowest request that succeeded."""
        return max((end - begun for begun, end, success in self.requests if success), default=0.0)


@contextmanager
def probing(session: Session, pause: float = 0.3) -> Iterator[Probe]:
    """Let the member open the page until the block ends."""
    probe = Probe(session)
    thread = Thread(target=probe.run, args=(pause,))
    thread.start()
    try:
        yield probe
    finally:
        probe.end.set()
        thread.join()
