"""Requests per second of the image's NGINX and of a bare one, in turns.

Starts both, and wrk. Writes below the tree that they serve, and progress to stderr. Network: the
loopback alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import median, met, ratio
from benchmarks.serve.asked import Request
from benchmarks.serve.peers import both
from benchmarks.serve.server import Server, Stint

BARS = {"off": 0.9, "on": 0.8}  # requests per second, the image's to the bare one's, by logging


def throughput(root: Path, requests: list[Request], rounds: int, seconds: int) -> str:
    """Return the table of requests per second, as Markdown."""
    lines = [
        "| logging | what | coding | bare, requests/s | image, requests/s | image to bare: median "
        "(least to greatest) | bar | met | bare, CPU µs | image, CPU µs |",
        "|---|---|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    for log, bar in BARS.items():
        with both(root, log) as servers:
            for request in requests:
                bare, image = (server.answer(request) for server in servers.values())
                if bare != image or image[:2] != (200, request.coding):
                    raise RuntimeError(f"{request}: answered with {bare[:2]} and {image[:2]}, or other bytes")
                found = _turns(servers, request, rounds, seconds)
                least, middle, most = ratio(found["image"], found["bare"], _rate)
                rates = " | ".join(f"{median(one, _rate):.0f}" for one in found.values())
                costs = " | ".join(f"{median(one, _cpu):.1f}" for one in found.values())
                lines.append(
                    f"| {log} | {request.name} | {request.coding} | {rates} "
                    f"| {middle:.2f} ({least:.2f} to {most:.2f}) "
                    f"| {bar:.2f} | {met(middle >= bar)} | {costs} |"
                )
                print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def _turns(servers: dict[str, Server], request: Request, rounds: int, seconds: int) -> dict[str, list[Stint]]:
    """Load the servers A B A B … by the second, after one second each that is not counted."""
    found: dict[str, list[Stint]] = {name: [] for name in servers}
    for server in servers.values():
        server.load(request)
    for _ in range(rounds):
        # Other work on the machine comes and goes within seconds: it should meet both.
        slices = [{name: server.load(request) for name, server in servers.items()} for _ in range(seconds)]
        for name, stints in found.items():
            stints.append(sum((one[name] for one in slices), start=Stint()))
    return found


def _rate(stint: Stint) -> float:
    return stint.requests / stint.wall


def _cpu(stint: Stint) -> float:
    return stint.cpu / stint.requests * 1e6
