"""What the workers of the image's NGINX hold, and whether it grows.

Starts nginx and wrk. Writes below the tree that is served, and progress to stderr. Network: the
loopback alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import met
from benchmarks.serve.asked import Request
from benchmarks.serve.peers import both

GROWTH = 1.05  # of a worker, from a tenth of the requests to all of them: more is a leak


def memory(root: Path, requests: list[Request], total: int) -> str:
    """Return the table of what the workers of the image hold, as Markdown."""
    lines = ["| requests | largest worker kB | all workers kB |", "|---:|---:|---:|"]
    largest = []
    with both(root, "on") as servers:
        one, done, turn = servers["image"], 0, 0
        for mark in (0, total // 10, total):
            while done < mark:
                done += one.load(requests[turn % len(requests)]).requests
                turn += 1
            held = one.memory()
            largest.append(max(held))
            lines.append(f"| {done:,} | {max(held)} | {sum(held)} |")
            print(lines[-1], file=sys.stderr)
    growth = largest[2] / largest[1]
    flat = met(growth <= GROWTH)
    return "\n".join([*lines, "", f"From the second row to the third: {growth:.3f}; bar {GROWTH}: {flat}."])
