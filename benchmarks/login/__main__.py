"""``make bench``: what the login costs: the gate, members' pages, logins, memory of a pod.

Reads the repository. Works in a temporary folder. Writes its section of benchmarks/RESULTS.md. Starts
NGINX, gunicorn, PostgreSQL and wrk. Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from api.accounts.hash_queue import MAX_CONCURRENT, MAX_QUEUED
from api.accounts.hashers import Argon2
from benchmarks import processes, programs, report
from benchmarks.build import ROOT
from benchmarks.login import crowd, gate, logins, memory, pages, readers
from benchmarks.login.site import bare, built, databases, served
from tests.api.running import PASSWORD

TEXT = """\
## The gate

One process of the API as a pod runs it (api/config/gunicorn.py), asked `/_gate` by {clients} clients, with
what NGINX sends (login/gate.conf), for {sessions} members who are logged in, by turns; {strangers:,} sessions
of others are in the database. `/livez` is a view of the same process that looks nothing up, so that the ratio
to it is what a session costs. *No Django* is gunicorn, told the same, with an application of two lines. The
clients would keep their connections; gunicorn closes each after its answer, as NGINX asks it to.

{wrk} and {postgres} have one half of the processors; {nginx} and the API have the
other. Everything is measured in turns of {seconds} s, the first of which is not counted, {pairs} after it:
medians, and ratios of what was measured in one turn. The load average of the machine was {load:.1f} before:
from 0.5 on, other work is in the figures.

{gates}

The gate costs one indexed query: `test_the_gate_costs_one_query` (tests/api/test_configuration.py) counts
it, and tests/api/test_gate_cost.py asks both databases how they find its rows.

## Members' pages

One text twice in the site: for everybody, and for members. Both through the NGINX of the image to {clients}
clients who keep their connections, compressed (brotli), with the same cookies, from {addresses:,} addresses
by turns, since NGINX gives one reader 50 members' pages a second.

{pages}

## Logins

With mail address and password, past NGINX's limits, {entering} at a time, from {addresses:,} addresses and by
{members:,} members in turn. *One hash* is Argon2id as api/accounts/hashers.py has it ({memory_cost} KiB,
{time_cost} rounds), verified by itself in turns with the logins, which last {turn} s at least. What hashing
allows is one hash at a time on each of the API's processors, here {cores}.

{logins}

## Many logins at once

Members open {asked} pages a second in an open loop, each through NGINX and the gate, while others log in:
{crowd} clients in a closed loop, each sending its next login as soon as the last is answered, through NGINX
(10 a second of all together, 64 wait: login/http/limits.conf) and to the API itself; and in an open loop, to
the API itself. There {at_once} are handled at once, {waiting} wait, and the next one is refused with 503.
Each row lasts {crowd_seconds} s. The bar: no page that is not 200, and 99 % of the pages within
{crowd_bar:.0f} ms.

{crowds}

## Memory of a pod

gunicorn's master and its worker; bar {bar:.0f} MB. PSS counts once what both share, as a cluster does; RSS
counts it twice. *Most RSS ever* is the sum of what each had at its greatest: a login holds {hash_memory:.0f}
MB while it hashes, and {at_once} may do so at once.

{memory}
"""


@dataclass
class Rows:
    """What was found, a row of Markdown each."""

    gates: list[str] = field(default_factory=lambda: [gate.HEAD])
    pages: list[str] = field(default_factory=lambda: [pages.HEAD])
    logins: list[str] = field(default_factory=lambda: [logins.HEAD])
    crowds: list[str] = field(default_factory=lambda: [crowd.HEAD])
    memory: list[str] = field(default_factory=lambda: [memory.HEAD])

    def add(self, part: list[str], text: str) -> None:
        """Add *text* to *part*, and show it as progress."""
        part.append(text)
        print(text, file=sys.stderr)


def measure(folder: Path, pairs: int, seconds: int) -> Rows:
    """Measure everything on each database in turn."""
    rows = Rows()
    print("building the site", file=sys.stderr)
    site = built(folder / "site")
    with databases(folder) as urls, bare(folder) as port:
        for name, url in urls.items():
            print(f"{name}: {readers.SESSIONS} of {readers.MEMBERS} members log in", file=sys.stderr)
            own = folder / name
            with served(own, site, url) as one:
                rows.add(rows.memory, memory.held(one).row(name, "started"))
                readers.fill(one, PASSWORD)
                cookies = readers.enter(one, PASSWORD)
                rows.add(rows.gates, gate.gate(own, one, port, cookies, name, pairs, seconds))
                rows.add(rows.pages, pages.pages(own, one, cookies, name, pairs, seconds))
                rows.add(rows.logins, logins.logins(own, one, PASSWORD, name, pairs, seconds))
                rows.add(rows.crowds, crowd.crowds(own, one, cookies, PASSWORD, name))
                rows.add(rows.memory, memory.held(one).row(name, "after all of the above"))
    return rows


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.login")
    parser.add_argument("--pairs", type=int, default=7, help="turns that are counted; 7 unless told")
    parser.add_argument("--seconds", type=int, default=3, help="of a turn; 3 unless told")
    options = parser.parse_args()
    if min(options.pairs, options.seconds) < 1:
        parser.error("--pairs and --seconds: write 1 or more")
    programs.need("nginx", "wrk", "postgres")
    load = os.getloadavg()[0]
    # A job that is cancelled ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.update(PATH=programs.PATH, PYTHONPATH=str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), options.pairs, options.seconds)
    text = TEXT.format(
        **{part: "\n".join(getattr(rows, part)) for part in ("gates", "pages", "logins", "crowds", "memory")},
        **{name: programs.version(name) for name in ("wrk", "nginx", "postgres")},
        clients=readers.CONNECTIONS, sessions=readers.SESSIONS, strangers=readers.STRANGERS,
        addresses=readers.ADDRESSES, members=readers.MEMBERS, entering=logins.CONNECTIONS,
        memory_cost=Argon2.memory_cost, time_cost=Argon2.time_cost,
        hash_memory=Argon2.memory_cost * 1024 / 1e6, at_once=MAX_CONCURRENT, bar=memory.BAR, turn=logins.TURN,
        cores=len(processes.halves()[1]), waiting=MAX_QUEUED, asked=crowd.ASKED, crowd=crowd.CLIENTS,
        crowd_seconds=crowd.SECONDS, crowd_bar=crowd.BAR * 1e3,
        pairs=options.pairs, seconds=options.seconds, load=load,
    )  # fmt: skip
    report.write("What the login costs", "benchmarks.login", text)
    print(text)


if __name__ == "__main__":
    main()
