"""Smoke test of a release: compare its responses with its chart. Run by `helm test`, without Django.

    python3 -m api.health.smoke_test '{"site": "http://…", "host": "…", "api": "http://…",
                                       "asset": "/assets/…", "version": {…}, "timeout": 60}'

Reads its JSON argument. Prints one line for each check.
Network: the Services of the release. Exit status: 0 all checks pass, 1 a check fails.
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

_REQUEST_TIMEOUT = 5  # seconds


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


def get(service: str, path: str, host: str) -> Response:
    """GET *path* of *service* ("http://name:port") for *host*; raise OSError or HTTPException."""
    connection = HTTPConnection(urlsplit(service).netloc, timeout=_REQUEST_TIMEOUT)
    try:
        connection.request("GET", path, headers={"Host": host})
        got = connection.getresponse()
        return Response(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
    finally:
        connection.close()


def checks(expected: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each check by name, as a function that returns the fault, or "" for none."""

    def page() -> str:
        response = get(expected["site"], "/", expected["host"])
        content_type = response.headers.get("content-type", "")
        if response.status != 200 or not content_type.startswith("text/html"):
            return f"/: status {response.status}, {content_type!r}; expected 200, text/html"
        return ""

    def asset() -> str:
        response = get(expected["site"], expected["asset"], expected["host"])
        cache_control = response.headers.get("cache-control", "")
        if response.status != 200 or "immutable" not in cache_control:
            return (
                f"{expected['asset']}: status {response.status}, {cache_control!r}; expected 200, immutable"
            )
        return ""

    def version() -> str:
        response = get(expected["site"], "/version.json", expected["host"])
        found = json.loads(response.body) if response.status == 200 else response.status
        wanted = expected["version"]
        return "" if found == wanted else f"/version.json: {found}; the chart has {wanted}"

    def gate() -> str:
        response = get(expected["site"], "/members/", expected["host"])
        status = response.status
        return "" if status == 401 else f"/members/: status {status} without a login; expected 401"

    def login() -> str:
        response = get(expected["api"], "/readyz", expected["host"])
        status, body = response.status, response.body.decode()
        return "" if status == 200 else f"/readyz: status {status}, {body!r}; expected 200"

    yield "page", page
    yield "asset", asset
    yield "version", version
    yield "gate", gate
    yield "login", login


def retry_check(check: Callable[[], str], end: float) -> str:
    """Retry *check* until it passes, or until *end* (time.monotonic()); return the last fault.

    An old pod may respond for the seconds until it has terminated.
    """
    while True:
        try:
            fault = check()
        except (OSError, HTTPException, ValueError) as error:
            fault = f"no response: {error}"
        if not fault or time.monotonic() > end:
            return fault
        time.sleep(1)


def main(argv: list[str]) -> int:
    """Run all checks, print their results, and return the exit status."""
    expected = json.loads(argv[0])
    end = time.monotonic() + expected["timeout"]
    faults = {name: retry_check(check, end) for name, check in checks(expected)}
    for name, fault in faults.items():
        print(f"{name}: {fault or 'ok'}", flush=True)
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
