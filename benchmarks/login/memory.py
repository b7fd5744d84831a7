"""What a pod of the API holds: gunicorn's master and its worker.

Reads /proc. No writes, no network.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.measure import met
from tests.api.running import Site

BAR = 150.0  # MB, of one pod
HEAD = "| database | when | PSS MB | RSS MB | most RSS ever MB |\n|---|---|---:|---:|---:|"


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of all processes of a pod, in MB."""

    proportional: float  # what they share counted once
    resident: float  # what they share counted for each
    most: float  # the sum of the greatest that each had resident

    def row(self, database: str, when: str) -> str:
        """Return the row as Markdown, each figure against the bar; *when* is what the pod has done."""
        figures = (self.proportional, self.resident, self.most)
        cells = " | ".join(f"{one:.0f} ({met(one < BAR)})" for one in figures)
        return f"| {database} | {when} | {cells} |"


def held(site: Site) -> Held:
    """Return what the API of *site* holds when it has done what it was asked."""
    (master,) = (pid for pid in processes.children(os.getpid()) if _listens(pid, site.ports[0]))
    pids = [master, *processes.children(master)]
    spent = -1.0
    while (now := processes.cpu(pids)) - spent > 0.1:  # who asked has gone, and it may be hashing for him
        spent = now
        time.sleep(1)
    figures = (processes.proportional, processes.resident, processes.most_resident)
    return Held(*(sum(map(one, pids)) * 1024 / 1e6 for one in figures))


def _listens(pid: int, port: int) -> bool:
    """Return whether *pid* was started to listen on *port*."""
    return f"127.0.0.1:{port}" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
