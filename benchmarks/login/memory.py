"""Memory of a pod of the API: gunicorn's master and its worker.

Reads /proc. No writes, no network.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.measure import format_met
from tests.api.live_site import Site

BAR = 150.0  # MB, of one pod
HEAD = "| database | when | PSS MB | RSS MB | peak RSS MB |\n|---|---|---:|---:|---:|"


@dataclass(frozen=True, slots=True)
class PodMemory:
    """Memory of all processes of a pod, in MB."""

    proportional: float  # PSS: shared memory counts once
    resident: float  # RSS: shared memory counts for each process
    peak: float  # sum of the peak RSS of each process

    def row(self, database: str, when: str) -> str:
        """Return the row as Markdown, each figure compared with the bar."""
        figures = (self.proportional, self.resident, self.peak)
        cells = " | ".join(f"{one:.0f} ({format_met(one < BAR)})" for one in figures)
        return f"| {database} | {when} | {cells} |"


def measure_pod(site: Site) -> PodMemory:
    """Return the memory of the API of *site* once it is idle."""
    (master,) = (pid for pid in processes.children(os.getpid()) if _listens(pid, site.ports[0]))
    pids = [master, *processes.children(master)]
    spent = -1.0
    while (now := processes.cpu(pids)) - spent > 0.1:  # it may still hash for a client that has gone
        spent = now
        time.sleep(1)
    figures = (processes.proportional, processes.resident, processes.peak_resident)
    return PodMemory(*(sum(map(one, pids)) * 1024 / 1e6 for one in figures))


def _listens(pid: int, port: int) -> bool:
    """Return whether *pid* was started to listen on *port*."""
    return f"127.0.0.1:{port}" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
