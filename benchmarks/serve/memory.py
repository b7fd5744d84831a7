"""Memory of the workers of the image's NGINX, and whether it grows.

Starts nginx and wrk. Writes below the tree that is served, and progress to stderr. Network: the
loopback alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import format_met
from benchmarks.serve.configurations import run_both
from benchmarks.serve.requests import Request

GROWTH = 1.05  # of a worker, from a tenth of the requests to all: more indicates a leak


def measure_memory(root: Path, requests: list[Request], total: int) -> str:
    """Return the table of the workers' memory as Markdown."""
    lines = ["| requests | largest worker kB | all workers kB |", "|---:|---:|---:|"]
    largest = []
    with run_both(root, "on") as servers:
        one, done, turn = servers["image"], 0, 0
        for mark in (0, total // 10, total):
            while done < mark:
                done += one.load(requests[turn % len(requests)]).requests
                turn += 1
            resident = one.worker_memory()
            largest.append(max(resident))
            lines.append(f"| {done:,} | {max(resident)} | {sum(resident)} |")
            print(lines[-1], file=sys.stderr)
    growth = largest[2] / largest[1]
    flat = format_met(growth <= GROWTH)
    return "\n".join([*lines, "", f"From the second row to the third: {growth:.3f}; bar {GROWTH}: {flat}."])
