"""CPU affinity, CPU time and memory of processes.

Reads /proc. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def split_processors() -> tuple[set[int], set[int]]:
    """Return disjoint processors for client and server."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (set(cores[:half]), set(cores[half:])) if half else (set(cores), set(cores))


@contextmanager
def run_on(cores: set[int]) -> Iterator[None]:
    """Set the CPU affinity of this process, and of those started within the block, to *cores*."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def children(pid: int) -> list[int]:
    """Return the child processes of *pid*."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu(pids: Iterable[int]) -> float:
    """Return the CPU seconds of *pids*."""
    ticks = 0
    for pid in pids:
        # Skip the name, which may contain spaces: utime and stime are fields 14 and 15 (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the resident memory (RSS) of *pid* in kB."""
    return _kb(pid, "status", "VmRSS")


def peak_resident(pid: int) -> int:
    """Return the peak resident memory of *pid* in kB."""
    return _kb(pid, "status", "VmHWM")


def proportional(pid: int) -> int:
    """Return the proportional memory (PSS) of *pid* in kB: its share of shared pages."""
    return _kb(pid, "smaps_rollup", "Pss")


def session_proportional(session: int) -> int:
    """Return the proportional memory of all processes of *session* in kB; one that has ended counts 0."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if read_session(stat.read_text()) == session:
                total += parse_kb((stat.parent / "smaps_rollup").read_text(), "Pss") or 0
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def read_session(stat: str) -> int:
    """Return the session of the process with this /proc/<pid>/stat."""
    # Skip the name, which may contain spaces: session is field 6 (proc(5)).
    return int(stat.rpartition(")")[2].split()[3])


def open_connections(port: int) -> int:
    """Return the number of IPv4 connections to *port* of this machine that its server has not closed."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        # 01 is ESTABLISHED; 08 is CLOSE_WAIT: the client has closed it.
        count += int(local.partition(":")[2], 16) == port and state in ("01", "08")
    return count


def parse_kb(text: str, name: str) -> int | None:
    """Return the kB of the line *name* in *text* of /proc/<pid>/status or smaps_rollup; None without it."""
    found = re.search(rf"(?m)^{name}:\s+(\d+) kB$", text)
    return int(found[1]) if found else None


def _kb(pid: int, file: str, name: str) -> int:
    found = parse_kb(Path(f"/proc/{pid}/{file}").read_text(), name)
    if found is None:
        raise RuntimeError(f"/proc/{pid}/{file} has no {name}; this benchmark needs Linux 4.14")
    return found
