"""A running preview for tests: a process of its own, real HTTP, and its event stream."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pipelines.core.results import SiteResult
from tests.support.project import ROOT, tiny_site

TIMEOUT = 30.0  # seconds; a machine that runs many tests at once is slow

POST = """---
title: One
date: 2026-01-02
tags: [first]
aliases: [/old/]
---
The first version.
"""
FILES: dict[str, str] = {
    "content/pages/index.md": "---\ntitle: Home\n---\nWelcome, [reader](about.md).\n",
    "content/pages/about.md": "---\ntitle: About\n---\nA [file](../files/facts.csv).\n",
    "content/posts/one.md": POST,
    "content/posts/draft.md": "---\ntitle: Not yet\ndate: 2026-01-03\nstatus: draft\n---\nA draft.\n",
    "content/posts/later.md": "---\ntitle: Later\ndate: 2099-01-01\n---\nNot due.\n",
    "content/members/inside.md": "---\ntitle: Inside\n---\nFor members.\n",
    "content/files/facts.csv": "a,b\n1,2\n",
    "content/extra/humans.txt": "Grüße\n",
}


def preview_site(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make a small project in *folder*, with *files* added."""
    return tiny_site(folder, {**FILES, **(files or {})})


def site_result(digest: str = "d") -> SiteResult:
    """Return the result of a build."""
    return SiteResult(digest, 0, True, 3, 4, 5, 0, (), (), {}, {})


def clean_environment() -> dict[str, str]:
    """Return the environment of the tests, without variables of a login."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("LOGIN_", "DATABASE_URL"))
    }


_EACH = 1_500  # ports of each worker process


def free_port() -> int:
    """Return a free port that nobody takes before the test does.

    It is below those that the kernel gives to outgoing connections (32768 and above,
    ip_local_port_range), and each worker process of pytest has its own: a server that
    starts seconds later still finds it free.
    """
    for port in islice(_PORTS, _EACH):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {_EACH} ports of this worker process is free")


def _own_ports() -> Iterator[int]:
    """Yield the ports of this worker process, again and again, from a place that differs between runs."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    ports = range(20_000 + _EACH * worker, 20_000 + _EACH * (worker + 1))
    start = os.getpid() % len(ports)
    return cycle([*ports[start:], *ports[:start]])


_PORTS = _own_ports()


def has_ipv6() -> bool:
    """Return whether this machine has the address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Response:
    """The response of a server."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()


class Events:
    """An open event stream."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("localhost", port, timeout=TIMEOUT)
        self._connection.request("GET", "/_preview/events")
        self._response = self._connection.getresponse()

    def next(self) -> dict[str, Any]:
        """Wait for the next state."""
        while line := self._response.readline():
            if line.startswith(b"data: "):
                state: dict[str, Any] = json.loads(line[6:])
                return state
        raise EOFError("the stream has ended")

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


class DevServer:
    """A dev server that runs."""

    def __init__(self, project: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.project, self.port, self.process, self._log = project, port, process, log

    @property
    def url(self) -> str:
        """Return its URL."""
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> str:
        """Return what it wrote to stdout and stderr."""
        return self._log.read_text("utf-8")

    def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        """Request *path* unchanged; ``If_None_Match="x"`` is the header If-None-Match."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": f"localhost:{self.port}", **named}.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, fields, response.read())
        finally:
            connection.close()

    @contextmanager
    def events(self) -> Iterator[Events]:
        """Open an event stream; it starts with the current state."""
        stream = Events(self.port)
        try:
            yield stream
        finally:
            stream.close()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Send the signal *number*; return the exit status and the seconds until the exit."""
        start = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT), time.monotonic() - start


@contextmanager
def run_dev_server(project: Path, *words: str, port: int = 0, **env: str) -> Iterator[DevServer]:
    """Run ``python -m pipelines serve`` on *project* with *env*; stop it with the block."""
    port, log = port or free_port(), project.parent / "serve.log"
    serve = ("serve", "--port", str(port), *words)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "--project", str(project), *serve],
            cwd=ROOT,
            env={**clean_environment(), "PYTHONUNBUFFERED": "1", **env},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    one = DevServer(project, port, process, log)
    try:
        wait_until(lambda: "http://" in one.log or process.poll() is not None)
        yield one
    finally:
        if process.poll() is None:
            # One with NGINX has a process to end; for all others this is quicker.
            process.terminate() if "--nginx" in words else process.kill()
            process.wait(TIMEOUT)


def wait_until(condition: Any) -> None:
    """Wait until *condition*() is true; fail after TIMEOUT seconds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
