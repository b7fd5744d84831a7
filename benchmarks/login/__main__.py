"""``make bench``: the costs of the login: the gate, members' pages, logins, memory of a pod.

Reads the repository. Works in a temporary folder. Writes its section of benchmarks/RESULTS.md. Starts
NGINX, gunicorn, PostgreSQL and wrk. Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path

from api.accounts.hash_queue import MAX_CONCURRENT, MAX_QUEUED
from api.accounts.hashers import Argon2
from benchmarks import processes, programs, report
from benchmarks.login import concurrent_logins, gate, logins, memory, pages, readers
from benchmarks.login.site import build_site, databases, run_minimal_app, run_site
from benchmarks.project import ROOT
from tests.api.live_site import PASSWORD

TEXT = """\
## The gate

One process of the API as a pod runs it (api/config/gunicorn.py). {clients} clients request `/_gate` with
the headers of NGINX (login/gate.conf) and the sessions of {sessions} members in turn. The database has
{other_sessions:,} other sessions. `/livez` is a view of the same process without a query, so that the ratio
to it is the cost of a session. *No Django* is gunicorn with the same configuration and an application of two
lines. gunicorn closes each connection after its response, as for NGINX.

{wrk} and {postgres} have one half of the processors; {nginx} and the API have the
other. The measurements alternate every {seconds} s: one warm-up round, then {pairs}. Medians, and ratios
within one round. The load average of the machine was {load:.1f} before:
from 0.5 on, other work is in the figures.

{gates}

The gate costs one indexed query: `test_the_gate_costs_one_query` (tests/api/test_configuration.py) counts
it, and tests/api/test_gate_cost.py checks the query plans of both databases.

## Members' pages

One text twice in the site: public, and for members. Both through the NGINX of the image for {clients}
keep-alive clients, compressed (brotli), with the same cookies, from {addresses:,} addresses
in turn, since NGINX limits one reader to 50 members' pages a second.

{pages}

## Logins

With mail address and password, past NGINX's rate limits, {concurrency} at a time, from {addresses:,}
addresses and by {members:,} members in turn. *One hash* is the Argon2id of api/accounts/hashers.py
({memory_cost} KiB, {time_cost} rounds), alternating with the logins, which last {login_seconds} s at least.
Hashing allows one hash at a time on each of the API's processors, here {cores}.

{logins}

## Many logins at once

Members open {page_rate} pages a second in an open loop, each through NGINX and the gate, while others log in:
{login_clients} clients in a closed loop, each sending its next login after the response to the last, through
NGINX (10 a second in total, 64 wait: login/http/limits.conf) and to the API itself; and in an open loop, to
the API itself. There {at_once} run concurrently, {waiting} wait, and the next one is refused with 503.
Each row lasts {row_seconds} s. The bar: every page has status 200, and 99 % of the pages come within
{page_bar:.0f} ms.

{concurrent_logins}

## Memory of a pod

gunicorn's master and its worker; bar {bar:.0f} MB. PSS counts shared memory once, as a cluster does; RSS
counts it twice. *Peak RSS* is the sum of both peaks: a login takes {hash_memory:.0f}
MB while it hashes, and {at_once} may hash concurrently.

{memory}
"""


@dataclass
class Rows:
    """The rows of each table, in Markdown."""

    gates: list[str] = field(default_factory=lambda: [gate.HEAD])
    pages: list[str] = field(default_factory=lambda: [pages.HEAD])
    logins: list[str] = field(default_factory=lambda: [logins.HEAD])
    concurrent_logins: list[str] = field(default_factory=lambda: [concurrent_logins.HEAD])
    memory: list[str] = field(default_factory=lambda: [memory.HEAD])

    def add(self, part: list[str], text: str) -> None:
        """Append *text* to *part*, and print it as progress."""
        part.append(text)
        print(text, file=sys.stderr)


def measure(folder: Path, pairs: int, seconds: int) -> Rows:
    """Run all measurements on each database in turn."""
    rows = Rows()
    print("building the site", file=sys.stderr)
    site = build_site(folder / "site")
    with databases(folder) as urls, run_minimal_app(folder) as port:
        for name, url in urls.items():
            print(f"{name}: {readers.SESSIONS} of {readers.MEMBERS} members log in", file=sys.stderr)
            own = folder / name
            with run_site(own, site, url) as one:
                rows.add(rows.memory, memory.measure_pod(one).row(name, "started"))
                readers.insert_members(one, PASSWORD)
                cookies = readers.log_in(one, PASSWORD)
                rows.add(rows.gates, gate.measure_gate(own, one, port, cookies, name, pairs, seconds))
                rows.add(rows.pages, pages.measure_pages(own, one, cookies, name, pairs, seconds))
                rows.add(rows.logins, logins.measure_logins(own, one, PASSWORD, name, pairs, seconds))
                concurrent = concurrent_logins.measure_concurrent_logins(own, one, cookies, PASSWORD, name)
                rows.add(rows.concurrent_logins, concurrent)
                rows.add(rows.memory, memory.measure_pod(one).row(name, "after all of the above"))
    return rows


def main() -> None:
    """Measure, and write the section of the login."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.login")
    parser.add_argument("--pairs", type=int, default=7, help="counted rounds (default: 7)")
    parser.add_argument("--seconds", type=int, default=3, help="of a round (default: 3)")
    options = parser.parse_args()
    if min(options.pairs, options.seconds) < 1:
        parser.error("--pairs and --seconds: write 1 or more")
    programs.require("nginx", "wrk", "postgres")
    load = os.getloadavg()[0]
    # Run the finally blocks of a cancelled job, which end its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.update(PATH=programs.PATH, PYTHONPATH=str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), options.pairs, options.seconds)
    text = TEXT.format(
        **{part.name: "\n".join(getattr(rows, part.name)) for part in fields(rows)},
        **{name: programs.version(name) for name in ("wrk", "nginx", "postgres")},
        clients=readers.CONNECTIONS, sessions=readers.SESSIONS, other_sessions=readers.OTHER_SESSIONS,
        addresses=readers.ADDRESSES, members=readers.MEMBERS, concurrency=logins.CONNECTIONS,
        memory_cost=Argon2.memory_cost, time_cost=Argon2.time_cost,
        hash_memory=Argon2.memory_cost * 1024 / 1e6, at_once=MAX_CONCURRENT, waiting=MAX_QUEUED,
        bar=memory.BAR, login_seconds=logins.MIN_SECONDS, cores=len(processes.split_processors()[1]),
        page_rate=concurrent_logins.PAGE_RATE, login_clients=concurrent_logins.CLIENTS,
        row_seconds=concurrent_logins.SECONDS, page_bar=concurrent_logins.BAR * 1e3,
        pairs=options.pairs, seconds=options.seconds, load=load,
    )  # fmt: skip
    report.write_section("What the login costs", "benchmarks.login", text)
    print(text)


if __name__ == "__main__":
    main()
