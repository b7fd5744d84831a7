"""Many logins at once beside members who read: the gate as NGINX asks it, and where logins are refused.

Starts wrk and clients of benchmarks/login/open_loop.py. Writes its requests into the folder that it is
given. Network: the loopback alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import wrk
from benchmarks.login import logins, open_loop, readers
from benchmarks.login.open_loop import Answers
from benchmarks.login.site import GATED
from benchmarks.measure import met
from tests.api.running import Site

ASKED = 20  # members' pages a second, in an open loop
CLIENTS = 64  # that log in, each again as soon as it is answered
BAR = 0.1  # seconds within which 99 % of the members' pages come, without one that is not 200
SECONDS = 15  # of a row: 300 pages, so that 99 % is a figure
RATES = (5, 10, 15, 20, 30, 40)  # logins a second, in an open loop, to the API itself
HEAD = (
    "| database | logins | pages not 200 | pages: half within ms | 99 % within ms | slowest ms "
    "| logged in a second | refused | half within ms | 99 % within ms |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass(frozen=True, slots=True)
class Logins:
    """What came of the logins of one row."""

    entered: float  # a second
    refused: int
    half: float  # seconds
    p99: float


def crowds(folder: Path, site: Site, cookies: list[str], password: str, name: str) -> str:
    """Return the rows of one database, *name*, as Markdown."""
    pages = readers.visits(folder / "crowd.txt", GATED, cookies, "X-Forwarded-For", {"Host": site.host})
    through = logins.requests(folder / "crowd-logins.txt", site, password)
    direct = logins.requests(folder / "crowd-direct.txt", site, password, "X-Real-IP")
    (port,) = site.ports
    with _pages(site, pages) as answers:
        quiet = answers()
    rows = [_row(name, "none", quiet, None)]
    for label, file, to in (
        (f"{CLIENTS} clients, through NGINX", through, site.web.port),
        (f"{CLIENTS} clients, past NGINX's limits", direct, port),
    ):
        with _pages(site, pages) as answers:
            load = wrk.load(
                f"http://127.0.0.1:{to}", CLIENTS, SECONDS,
                ("--script", str(readers.SCRIPT), "--timeout", "30s"), [str(file)], refusals=True,
            )  # fmt: skip
            entered = (load.requests - load.refused) / load.wall
            rows.append(_row(name, label, answers(), Logins(entered, load.refused, load.half, load.p99)))
    saturated = 0
    for rate in RATES:
        with _pages(site, pages) as answers, open_loop.sending(port, direct, rate, SECONDS) as come:
            found = come()
            told = Logins(found.count(200) / SECONDS, found.count(503), found.within(0.5), found.within(0.99))
            rows.append(_row(name, f"{rate} a second, past NGINX's limits", answers(), told))
        if found.count(200, 503) != len(found.all):
            raise RuntimeError(f"{rate} logins a second: an answer is neither 200 nor 503: {found}")
        if told.refused <= 0.01 * len(found.all):
            saturated = rate
    rows.append(f"| {name} | *most a second with 1 % refused at most* | | | | | {saturated} | | | |")
    return "\n".join(rows)


def _pages(site: Site, file: Path) -> AbstractContextManager[Callable[[], Answers]]:
    return open_loop.sending(site.web.port, file, ASKED, SECONDS)


def _row(database: str, label: str, pages: Answers, told: Logins | None) -> str:
    slow, bad = pages.within(0.99), len(pages.all) - pages.count(200)
    cells = [
        f"{bad} ({met(bad == 0)})", f"{pages.within(0.5) * 1e3:.1f}", f"{slow * 1e3:.1f} ({met(slow < BAR)})",
        f"{max(spent for _, spent in pages.all) * 1e3:.0f}",
    ]  # fmt: skip
    if told:
        cells += [f"{told.entered:.1f}", str(told.refused), f"{told.half * 1e3:.0f}", f"{told.p99 * 1e3:.0f}"]
    else:
        cells += [""] * 4
    return f"| {database} | {label} | " + " | ".join(cells) + " |"
