"""The gate with NGINX's subrequests, against a view without a query and against gunicorn without Django.

Starts wrk. Writes its requests into the given folder. Network: the loopback alone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.login import readers
from benchmarks.login.site import GATED, get_status
from benchmarks.measure import interleave, median, ratio
from benchmarks.wrk import Load
from tests.api.live_site import Site

HEAD = (
    "| database | path | requests/s | p50 ms | p99 ms "
    "| /_gate to it, requests/s: median (least to greatest) |\n|---|---|---:|---:|---:|---:|"
)


def measure_gate(
    folder: Path, site: Site, minimal_port: int, cookies: list[str], name: str, pairs: int, seconds: int
) -> str:
    """Return the rows of the database *name* as Markdown."""
    # The headers of login/gate.conf.
    headers = {"Host": site.host, "X-Forwarded-Proto": "http", "X-Original-URI": GATED}
    (port,) = site.ports
    member = get_status(port, "/_gate", {**headers, "Cookie": cookies[0], "X-Real-IP": "198.19.0.1"})
    anonymous = get_status(port, "/_gate", {**headers, "X-Real-IP": "198.19.0.1"})
    if (member, anonymous) != (204, 401):
        raise RuntimeError(f"/_gate: {member} for a member, {anonymous} without a cookie; expected 204, 401")
    sides = {}
    for label, to, path in (
        ("`/_gate`", port, "/_gate"),
        ("`/livez`", port, "/livez"),
        ("no Django", minimal_port, "/_gate"),
    ):
        file = readers.write_visits(folder / f"{path[1:]}.txt", path, cookies, "X-Real-IP", headers)
        sides[label] = partial(readers.load, to, file, seconds)
    found = interleave(sides, pairs)
    return "\n".join(_row(name, label, found) for label in found)


def _row(database: str, label: str, found: dict[str, list[Load]]) -> str:
    runs = found[label]
    least, middle, most = ratio(found["`/_gate`"], runs, request_rate)
    ratio_text = "" if label == "`/_gate`" else f"{middle:.2f} ({least:.2f} to {most:.2f})"
    return f"| {database} | {label} | {format_figures(runs)} | {ratio_text} |"


def format_figures(runs: list[Load]) -> str:
    """Return the medians of rate and latencies of *runs* as three cells."""
    half, p99 = median(runs, lambda run: run.half * 1e3), median(runs, lambda run: run.p99 * 1e3)
    return f"{median(runs, request_rate):.0f} | {half:.1f} | {p99:.1f}"


def request_rate(run: Load) -> float:
    """Return responses per second."""
    return run.rate
