"""An NGINX process that serves a tree of files, and its costs.

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
from benchmarks.programs import find_program
from benchmarks.serve.requests import Request

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests and costs of some seconds."""

    requests: int = 0
    wall: float = 0  # seconds
    cpu: float = 0  # seconds, of the workers

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.requests + other.requests, self.wall + other.wall, self.cpu + other.cpu)


class Server:
    """An NGINX process and its access log."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def load(self, request: Request) -> Sample:
        """Send *request* with wrk for one second; raise RuntimeError after a failed response."""
        before = self._cpu()
        options = ("-H", f"Accept-Encoding: {request.coding}")
        done = wrk.load(f"http://127.0.0.1:{self.port}{request.path}", CONNECTIONS, 1, options)
        spent = self._cpu() - before
        os.truncate(self._log, 0)  # keep the file small: both servers append
        return Sample(done.requests, done.wall, spent)

    def fetch(self, request: Request) -> tuple[int, str, bytes]:
        """Return status, coding and body of one response."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", request.path, headers={"Accept-Encoding": request.coding})
            got = connection.getresponse()
            return got.status, got.getheader("Content-Encoding", "identity"), got.read()
        finally:
            connection.close()

    def worker_memory(self) -> list[int]:
        """Return the resident kB of each worker."""
        return [processes.resident(worker) for worker in processes.children(self.process.pid)]

    def _cpu(self) -> float:
        return processes.cpu(processes.children(self.process.pid))


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def run_nginx(root: Path, conf: str, port: int) -> Iterator[Server]:
    """Run NGINX on the tree *root* with *conf*, a file of its etc/nginx."""
    # Started by root, NGINX would change to a user without access to the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    argv = [find_program("nginx"), "-p", f"{root}/", "-e", "/dev/stderr", "-c", f"etc/nginx/{conf}"]
    log, errors = root / f"{conf}.log", root / f"{conf}.errors"
    with log.open("ab") as out, errors.open("wb") as err, processes.run_on(processes.split_processors()[1]):
        process = subprocess.Popen(
            [*argv, "-g", f"daemon off; {user}"], stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    try:
        end = time.monotonic() + 30
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"NGINX with {conf} does not start: {errors.read_text()}")
            time.sleep(0.02)
        yield Server(process, port, log)
    finally:
        process.terminate()
        process.wait(60)
