"""Concurrent logins while members read: latency of their pages, and the rate at which logins are refused.

Starts wrk and clients of benchmarks/login/open_loop.py. Writes its requests into the given
folder. Network: the loopback alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import wrk
from benchmarks.login import logins, open_loop, readers
from benchmarks.login.open_loop import Responses
from benchmarks.login.site import GATED
from benchmarks.measure import format_met
from tests.api.live_site import Site

PAGE_RATE = 20  # members' pages a second, in an open loop
CLIENTS = 64  # that log in, in a closed loop
BAR = 0.1  # seconds; 99th percentile of the members' pages, all with status 200
SECONDS = 15  # of a row: 300 pages, so that 99 % is a figure
RATES = (5, 10, 15, 20, 30, 40)  # logins a second, in an open loop, to the API itself
HEAD = (
    "| database | logins | pages not 200 | pages: p50 ms | p99 ms | slowest ms "
    "| logins/s | refused | p50 ms | p99 ms |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass(frozen=True, slots=True)
class LoginFigures:
    """The logins of one row."""

    rate: float  # successful logins a second
    refused: int
    half: float  # seconds; median latency
    p99: float


def measure_concurrent_logins(folder: Path, site: Site, cookies: list[str], password: str, name: str) -> str:
    """Return the rows of the database *name* as Markdown."""
    pages = readers.write_visits(folder / "pages.txt", GATED, cookies, "X-Forwarded-For", {"Host": site.host})
    through = logins.write_logins(folder / "logins-nginx.txt", site, password)
    direct = logins.write_logins(folder / "logins-direct.txt", site, password, "X-Real-IP")
    (port,) = site.ports
    with _pages(site, pages) as wait_for_pages:
        quiet = wait_for_pages()
    rows = [_row(name, "none", quiet, None)]
    for label, file, target in (
        (f"{CLIENTS} clients, through NGINX", through, site.web.port),
        (f"{CLIENTS} clients, past NGINX's limits", direct, port),
    ):
        with _pages(site, pages) as wait_for_pages:
            load = wrk.load(
                f"http://127.0.0.1:{target}", CLIENTS, SECONDS,
                ("--script", str(readers.SCRIPT), "--timeout", "30s"), [str(file)], allow_refusals=True,
            )  # fmt: skip
            login_rate = (load.requests - load.refused) / load.wall
            figures = LoginFigures(login_rate, load.refused, load.half, load.p99)
            rows.append(_row(name, label, wait_for_pages(), figures))
        readers.wait_until_idle(port)
    max_rate = 0
    for rate in RATES:
        with (
            _pages(site, pages) as wait_for_pages,
            open_loop.run_client(port, direct, rate, SECONDS) as wait_for_logins,
        ):
            found = wait_for_logins()
            figures = LoginFigures(
                found.count(200) / SECONDS, found.count(503), found.within(0.5), found.within(0.99)
            )
            rows.append(_row(name, f"{rate} a second, past NGINX's limits", wait_for_pages(), figures))
        if found.count(200, 503) != len(found.all):
            raise RuntimeError(f"{rate} logins a second: a status is neither 200 nor 503: {found}")
        if figures.refused <= 0.01 * len(found.all):
            max_rate = rate
    rows.append(f"| {name} | *highest rate with at most 1 % refused* | | | | | {max_rate} | | | |")
    return "\n".join(rows)


def _pages(site: Site, file: Path) -> AbstractContextManager[Callable[[], Responses]]:
    return open_loop.run_client(site.web.port, file, PAGE_RATE, SECONDS)


def _row(database: str, label: str, pages: Responses, logins: LoginFigures | None) -> str:
    slow, bad = pages.within(0.99), len(pages.all) - pages.count(200)
    cells = [
        f"{bad} ({format_met(bad == 0)})", f"{pages.within(0.5) * 1e3:.1f}",
        f"{slow * 1e3:.1f} ({format_met(slow < BAR)})", f"{max(spent for _, spent in pages.all) * 1e3:.0f}",
    ]  # fmt: skip
    if logins:
        cells += [f"{logins.rate:.1f}", str(logins.refused)]
        cells += [f"{logins.half * 1e3:.0f}", f"{logins.p99 * 1e3:.0f}"]
    else:
        cells += [""] * 4
    return f"| {database} | {label} | " + " | ".join(cells) + " |"
