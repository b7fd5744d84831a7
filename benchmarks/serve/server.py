"""An NGINX that runs on a tree of files, and what it has cost.

Starts nginx. Writes its log below the tree. Network: the loopback alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import processes, wrk
from benchmarks.programs import program
from benchmarks.serve.asked import Request

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Stint:
    """What was answered in some seconds."""

    requests: int = 0
    wall: float = 0  # seconds
    cpu: float = 0  # seconds, of the workers

    def __add__(self, other: Stint) -> Stint:
        return Stint(self.requests + other.requests, self.wall + other.wall, self.cpu + other.cpu)


class Server:
    """An NGINX that runs, and its access log."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def load(self, request: Request) -> Stint:
        """Ask for one second, as fast as wrk can; raise RuntimeError unless every answer was a good one."""
        before = self._cpu()
        words = ("-H", f"Accept-Encoding: {request.coding}")
        done = wrk.load(f"http://127.0.0.1:{self.port}{request.path}", CONNECTIONS, 1, words)
        spent = self._cpu() - before
        os.truncate(self._log, 0)  # both append; nothing of a round is left for the next one
        return Stint(done.requests, done.wall, spent)

    def answer(self, request: Request) -> tuple[int, str, bytes]:
        """Return status, coding and body of one answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", request.path, headers={"Accept-Encoding": request.coding})
            got = connection.getresponse()
            return got.status, got.getheader("Content-Encoding", "identity"), got.read()
        finally:
            connection.close()

    def memory(self) -> list[int]:
        """Return the resident kB of each worker."""
        return [processes.resident(worker) for worker in processes.children(self.process.pid)]

    def _cpu(self) -> float:
        return processes.cpu(processes.children(self.process.pid))


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(root: Path, conf: str, port: int) -> Iterator[Server]:
    """Run NGINX on the tree *root* with *conf*, a file of its etc/nginx."""
    # Only root may change the user, and a temporary folder is closed to others.
    user = "user root;" if os.geteuid() == 0 else ""
    words = [program("nginx"), "-p", f"{root}/", "-e", "/dev/stderr", "-c", f"etc/nginx/{conf}"]
    log, faults = root / f"{conf}.log", root / f"{conf}.faults"
    with log.open("ab") as out, faults.open("wb") as err, processes.on(processes.halves()[1]):
        process = subprocess.Popen(
            [*words, "-g", f"daemon off; {user}"], stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    try:
        end = time.monotonic() + 30
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"NGINX with {conf} does not answer: {faults.read_text()}")
            time.sleep(0.02)
        yield Server(process, port, log)
    finally:
        process.terminate()
        process.wait(60)
