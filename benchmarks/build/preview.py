"""Time from the save of a post until a preview serves it: `serve`, and `hugo server`.

Starts both previews on free ports and requests pages. Network: the loopback alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from threading import Event, Thread

from benchmarks.build.generators import HUGO, OURS
from benchmarks.build.scenarios import Project
from benchmarks.measure import interleave
from benchmarks.project import PYTHON
from tests.support.previews import free_port

HUGO_SERVER = "hugo server"
_POLL = 0.005  # seconds between two requests
_TIMEOUT = 600.0  # seconds for a build


@dataclass(frozen=True, slots=True)
class Save:
    """One save of a post."""

    served: float  # seconds from the write until the page has the new word
    event: float  # seconds until the event that reloads the page; 0: not measured


class Preview:
    """A running preview and the post that is saved."""

    def __init__(self, project: Project, port: int, events: str) -> None:
        self._file, self._port, self._events = project.post, port, events
        self._url = f"/posts/{project.post.stem}/"
        self._number = count(1)
        self._data = self._file.read_bytes()

    def wait(self) -> None:
        """Wait until the post is served."""
        self._wait_for(b"<article", time.monotonic())

    def save(self) -> Save:
        """Save the post with a new word; return how long it takes. The file keeps its length."""
        word = f"save{next(self._number):06}".encode()
        event = _EventReader(self._port, self._events) if self._events else None
        data = self._data + b"\n\n" + word + b"\n"
        start = time.monotonic()
        _overwrite(self._file, data)
        served = self._wait_for(word, start)
        return Save(served, event.seconds_after(start) if event else 0.0)

    def _wait_for(self, text: bytes, start: float) -> float:
        while time.monotonic() < start + _TIMEOUT:
            if text in self._read_page():
                return time.monotonic() - start
            time.sleep(_POLL)
        raise RuntimeError(f"{self._url} does not get {text!r} within {_TIMEOUT:.0f} s")

    def _read_page(self) -> bytes:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            connection.request("GET", self._url)
            return connection.getresponse().read()
        except (OSError, HTTPException):  # it starts, or replaces the page
            return b""
        finally:
            connection.close()


class _EventReader(Thread):
    """Notes when the next server-sent event comes, after the one that tells the present state."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self._at, self._came = 0.0, Event()
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._connection.request("GET", path)
        self._response: HTTPResponse = self._connection.getresponse()
        self._next_data()
        self.start()

    def run(self) -> None:
        """Wait for the event."""
        self._next_data()
        self._at = time.monotonic()
        self._came.set()

    def seconds_after(self, start: float) -> float:
        """Return the seconds from *start* to the event."""
        if not self._came.wait(_TIMEOUT):
            raise RuntimeError("no event after a save")
        self._connection.close()
        return self._at - start

    def _next_data(self) -> None:
        while not self._response.readline().startswith(b"data:"):
            pass


def _overwrite(file: Path, data: bytes) -> None:
    """Write *data* into *file* in one call, so that no program reads half of it."""
    with file.open("r+b", buffering=0) as stream:
        stream.write(data)


@contextmanager
def _run(argv: Sequence[str], folder: Path) -> Iterator[None]:
    with (folder / "stderr.txt").open("wb") as stderr:
        child = subprocess.Popen(
            argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()


def measure_saves(projects: Sequence[Project], rounds: int) -> dict[str, list[Save]]:
    """Return the saves in the preview of this build and in that of Hugo, in turns, by name."""
    by_name = {project.generator.name: project for project in projects}
    with ExitStack() as stack:
        own, hugo = free_port(), free_port()
        serve = [PYTHON, "-m", "pipelines", "serve", "--port", str(own)]
        stack.enter_context(_run(serve, by_name[OURS].folder))
        server = ["hugo", "server", "--minify", "--bind", "127.0.0.1", "--port", str(hugo)]
        stack.enter_context(_run(server, by_name[HUGO].folder))
        sides = {
            OURS: Preview(by_name[OURS], own, "/_preview/events"),
            HUGO_SERVER: Preview(by_name[HUGO], hugo, ""),
        }
        for name, side in sides.items():
            print(f"  waiting for the preview: {name}", file=sys.stderr)
            side.wait()
        return interleave({name: side.save for name, side in sides.items()}, rounds)
