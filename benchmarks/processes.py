"""Processes that are measured: which processors they have, what they hold and use, as the kernel counts it.

Reads /proc. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def halves() -> tuple[set[int], set[int]]:
    """Return the processors of the client and those of the server, which then do not wait for each other."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (set(cores[:half]), set(cores[half:])) if half else (set(cores), set(cores))


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Let what is started within the block run on *cores* alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def children(pid: int) -> list[int]:
    """Return the processes that *pid* has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu(pids: Iterable[int]) -> float:
    """Return the seconds of CPU that *pids* have used."""
    ticks = 0
    for pid in pids:
        # After the name, which may hold spaces: utime and stime are fields 14 and 15 (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the kB of *pid* that are in memory, shared ones included."""
    return _kb(pid, "status", "VmRSS")


def most_resident(pid: int) -> int:
    """Return the most kB that *pid* ever had in memory at once, shared ones included."""
    return _kb(pid, "status", "VmHWM")


def proportional(pid: int) -> int:
    """Return the kB of *pid* in memory, of what it shares with others only its part."""
    return _kb(pid, "smaps_rollup", "Pss")


def _kb(pid: int, file: str, name: str) -> int:
    found = re.search(rf"(?m)^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/{file}").read_text())
    if found is None:
        raise RuntimeError(f"/proc/{pid}/{file} does not name {name}; this measurement needs Linux 4.14")
    return int(found[1])
