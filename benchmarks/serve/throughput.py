"""Requests per second of the image's NGINX and of a minimal one, interleaved.

Starts both, and wrk. Writes below the tree that they serve, and progress to stderr. Network: the
loopback alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import format_met, median, ratio
from benchmarks.serve.configurations import run_both
from benchmarks.serve.requests import Request
from benchmarks.serve.server import Sample, Server

BARS = {"off": 0.9, "on": 0.8}  # requests per second, the image's to the minimal one's, by logging


def measure_throughput(root: Path, requests: list[Request], rounds: int, seconds: int) -> str:
    """Return the table of requests per second as Markdown."""
    lines = [
        "| logging | file | coding | minimal, requests/s | image, requests/s | image to minimal: median "
        "(least to greatest) | bar | met | minimal, CPU µs | image, CPU µs |",
        "|---|---|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    for log, bar in BARS.items():
        with run_both(root, log) as servers:
            for request in requests:
                minimal, image = (server.fetch(request) for server in servers.values())
                if minimal != image or image[:2] != (200, request.coding):
                    raise RuntimeError(
                        f"{request}: responses {minimal[:2]} and {image[:2]}, or bodies, differ"
                    )
                found = _turns(servers, request, rounds, seconds)
                least, middle, most = ratio(found["image"], found["minimal"], _rate)
                rates = " | ".join(f"{median(one, _rate):.0f}" for one in found.values())
                costs = " | ".join(f"{median(one, _cpu):.1f}" for one in found.values())
                lines.append(
                    f"| {log} | {request.name} | {request.coding} | {rates} "
                    f"| {middle:.2f} ({least:.2f} to {most:.2f}) "
                    f"| {bar:.2f} | {format_met(middle >= bar)} | {costs} |"
                )
                print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def _turns(
    servers: dict[str, Server], request: Request, rounds: int, seconds: int
) -> dict[str, list[Sample]]:
    """Load the servers A B A B … by the second, after one warm-up second each."""
    found: dict[str, list[Sample]] = {name: [] for name in servers}
    for server in servers.values():
        server.load(request)
    for _ in range(rounds):
        # Alternate by the second, so that other work on the machine slows both servers.
        slices = [{name: server.load(request) for name, server in servers.items()} for _ in range(seconds)]
        for name, samples in found.items():
            samples.append(sum((one[name] for one in slices), start=Sample()))
    return found


def _rate(sample: Sample) -> float:
    return sample.requests / sample.wall


def _cpu(sample: Sample) -> float:
    return sample.cpu / sample.requests * 1e6
