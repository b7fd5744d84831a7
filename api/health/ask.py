"""Ask a release whether it is what its chart says: run by `helm test`, without Django.

    python3 -m api.health.ask '{"site": "http://…", "host": "…", "api": "http://…", "asset": "/assets/…",
                                "version": {…}, "patience": 60}'

Reads what it is told on the command line. Writes one line for each question.
Network: the Services of the release. Exit status: 0 all is well, 1 something is not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 5  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


def get(service: str, path: str, host: str) -> Answer:
    """Ask *service* ("http://name:port") for *path* of the site *host*; raise OSError or HTTPException."""
    line = HTTPConnection(urlsplit(service).netloc, timeout=_PATIENCE)
    try:
        line.request("GET", path, headers={"Host": host})
        got = line.getresponse()
        return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
    finally:
        line.close()


def questions(told: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each question by name, with what asks it and returns the fault, "" for none."""

    def page() -> str:
        answer = get(told["site"], "/", told["host"])
        if answer.status != 200 or not answer.headers.get("content-type", "").startswith("text/html"):
            return f"the front page answers {answer.status} {answer.headers.get('content-type')}"
        return ""

    def asset() -> str:
        answer = get(told["site"], told["asset"], told["host"])
        if answer.status != 200 or "immutable" not in answer.headers.get("cache-control", ""):
            return f"{told['asset']} answers {answer.status} {answer.headers.get('cache-control')}"
        return ""

    def version() -> str:
        answer = get(told["site"], "/version.json", told["host"])
        found = json.loads(answer.body) if answer.status == 200 else answer.status
        return "" if found == told["version"] else f"a pod says {found}, the chart says {told['version']}"

    def gate() -> str:
        answer = get(told["site"], "/members/", told["host"])
        return "" if answer.status == 401 else f"members' pages answer {answer.status} to a stranger, not 401"

    def login() -> str:
        answer = get(told["api"], "/readyz", told["host"])
        return "" if answer.status == 200 else f"the login answers {answer.status}: {answer.body.decode()!r}"

    yield "page", page
    yield "asset", asset
    yield "version", version
    yield "gate", gate
    yield "login", login


def settled(ask: Callable[[], str], end: float) -> str:
    """Ask until there is no fault, or until *end* (of the monotonic clock); return the last fault.

    An old pod may answer for the seconds that it takes to leave.
    """
    while True:
        try:
            fault = ask()
        except (OSError, HTTPException, ValueError) as error:
            fault = f"no answer: {error}"
        if not fault or time.monotonic() > end:
            return fault
        time.sleep(1)


def main(words: list[str]) -> int:
    """Ask everything, tell it, and return the exit status."""
    told = json.loads(words[0])
    end = time.monotonic() + told["patience"]
    faults = {name: settled(ask, end) for name, ask in questions(told)}
    for name, fault in faults.items():
        print(f"{name}: {fault or 'well'}", flush=True)
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
