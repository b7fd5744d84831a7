"""Run wrk: a closed loop of requests over keep-alive connections.

Starts wrk. Reads the files that it is given. Network: the loopback alone.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.programs import find_program

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one run."""

    requests: int
    wall: float  # seconds
    half: float  # seconds; median latency
    p99: float  # seconds; 99th percentile of the latency
    refused: int = 0  # responses with another status than 2xx or 3xx

    @property
    def rate(self) -> float:
        """Return responses per second."""
        return self.requests / self.wall


def load(
    url: str,
    connections: int,
    seconds: int,
    options: Sequence[str] = (),
    arguments: Sequence[str] = (),
    *,
    allow_refusals: bool = False,
) -> Load:
    """Request *url* from the client's processors; raise RuntimeError after a failed response.

    *options* are those of wrk, *arguments* those of its script. With *allow_refusals*, responses with another
    status than 2xx or 3xx are counted instead.
    """
    cores = processes.split_processors()[0]
    argv = [
        find_program("wrk"),
        f"-t{len(cores)}",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        *options,
    ]
    with processes.run_on(cores):
        done = subprocess.run([*argv, "--", url, *arguments], capture_output=True, text=True, check=True)
    count = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)  # more precise than "in 1.10s"
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    broken = "Socket errors" in done.stdout or (bad and not allow_refusals)
    if not count or not rate or int(count[1]) == 0 or broken:
        raise RuntimeError(f"{url}: a response failed: {done.stdout}{done.stderr}")
    wall = int(count[1]) / float(rate[1])
    half, p99 = _percentile(done.stdout, 50), _percentile(done.stdout, 99)
    return Load(int(count[1]), wall, half, p99, int(bad[1]) if bad else 0)


def _percentile(text: str, which: int) -> float:
    found = re.search(rf"(?m)^\s+{which}%\s+([\d.]+)(us|ms|s|m) *$", text)
    if found is None:
        raise RuntimeError(f"wrk prints no latency of {which}%: {text}")
    return float(found[1]) * _UNITS[found[2]]
