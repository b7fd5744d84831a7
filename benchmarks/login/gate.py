"""The gate as NGINX asks it, against a view that looks nothing up, and against no Django at all.

Starts wrk. Writes its requests into the folder that it is given. Network: the loopback alone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.login import readers
from benchmarks.login.site import GATED, status
from benchmarks.measure import alternate, median, ratio
from benchmarks.wrk import Load
from tests.api.running import Site

HEAD = (
    "| database | asked | requests/s | half within ms | 99 % within ms "
    "| /_gate to it, requests/s: median (least to greatest) |\n|---|---|---:|---:|---:|---:|"
)


def gate(folder: Path, site: Site, bare: int, cookies: list[str], name: str, pairs: int, seconds: int) -> str:
    """Return the rows of one database, *name*, as Markdown."""
    # What login/gate.conf sends.
    headers = {"Host": site.host, "X-Forwarded-Proto": "http", "X-Original-URI": GATED}
    (port,) = site.ports
    told = status(port, "/_gate", {**headers, "Cookie": cookies[0], "X-Real-IP": "198.19.0.1"})
    stranger = status(port, "/_gate", {**headers, "X-Real-IP": "198.19.0.1"})
    if (told, stranger) != (204, 401):
        raise RuntimeError(f"the gate says {told} to a member and {stranger} to a stranger")
    sides = {}
    for label, to, path in (
        ("`/_gate`", port, "/_gate"),
        ("`/livez`", port, "/livez"),
        ("no Django", bare, "/_gate"),
    ):
        file = readers.visits(folder / f"{path[1:]}.txt", path, cookies, "X-Real-IP", headers)
        sides[label] = partial(readers.load, to, file, seconds)
    found = alternate(sides, pairs)
    return "\n".join(_row(name, label, found) for label in found)


def _row(database: str, label: str, found: dict[str, list[Load]]) -> str:
    runs = found[label]
    least, middle, most = ratio(found["`/_gate`"], runs, rate)
    against = "" if label == "`/_gate`" else f"{middle:.2f} ({least:.2f} to {most:.2f})"
    return f"| {database} | {label} | {figures(runs)} | {against} |"


def figures(runs: list[Load]) -> str:
    """Return rate and latencies of *runs* as three cells: medians."""
    half, p99 = median(runs, lambda run: run.half * 1e3), median(runs, lambda run: run.p99 * 1e3)
    return f"{median(runs, rate):.0f} | {half:.1f} | {p99:.1f}"


def rate(run: Load) -> float:
    """Return answers a second."""
    return run.rate
