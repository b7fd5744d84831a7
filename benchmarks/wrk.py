"""wrk: requests as fast as they are answered, over connections that are kept.

Starts wrk. Reads the files that it is given. Network: the loopback alone.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.programs import program

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What was answered in some seconds."""

    requests: int
    wall: float  # seconds
    half: float  # seconds within which half of the answers came
    p99: float  # seconds within which 99 of 100 came
    refused: int = 0  # answers that were no good ones

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.requests / self.wall


def load(
    url: str,
    connections: int,
    seconds: int,
    words: Sequence[str] = (),
    arguments: Sequence[str] = (),
    *,
    refusals: bool = False,
) -> Load:
    """Ask for *url* from the client's processors; raise RuntimeError unless every answer was a good one.

    *words* are options of wrk, *arguments* those of its script. With *refusals* answers that are neither 2xx
    nor 3xx are counted instead.
    """
    cores = processes.halves()[0]
    argv = [program("wrk"), f"-t{len(cores)}", f"-c{connections}", f"-d{seconds}s", "--latency", *words]
    with processes.on(cores):
        done = subprocess.run([*argv, "--", url, *arguments], capture_output=True, text=True, check=True)
    count = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)  # tells the time better than "in 1.10s"
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    broken = "Socket errors" in done.stdout or (bad and not refusals)
    if not count or not rate or int(count[1]) == 0 or broken:
        raise RuntimeError(f"{url}: not every answer was a good one: {done.stdout}{done.stderr}")
    wall = int(count[1]) / float(rate[1])
    half, p99 = _percentile(done.stdout, 50), _percentile(done.stdout, 99)
    return Load(int(count[1]), wall, half, p99, int(bad[1]) if bad else 0)


def _percentile(text: str, which: int) -> float:
    found = re.search(rf"(?m)^\s+{which}%\s+([\d.]+)(us|ms|s|m) *$", text)
    if found is None:
        raise RuntimeError(f"wrk tells no latency of {which}%: {text}")
    return float(found[1]) * _UNITS[found[2]]
