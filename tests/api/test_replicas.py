"""Three processes and one database: as on the cluster."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.database import Postgres, postgres
from tests.api.factors import boss
from tests.api.running import API, Browser, Site, environment, running
from tests.support.previews import own_environment, until
from tests.support.project import ROOT

PAGE = "/members/inside/"


def test_three_may_migrate_at_once(database: Postgres, tmp_path: Path) -> None:
    """A rollout starts them together; each ends well, and the tables are there once."""
    settings = environment("http://localhost:1", database.url("migrated"), 1)
    argv = [sys.executable, "api/manage.py", "migrate", "-v", "1"]
    running_ = [
        subprocess.Popen(argv, cwd=ROOT, env={**own_environment(), **settings}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]  # fmt: skip
    said = [one.communicate(timeout=120)[0] for one in running_]
    assert [one.returncode for one in running_] == [0, 0, 0], said
    assert sum("Applying accounts.0001_initial... OK" in text for text in said) == 1


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: to whom, and when."""

    who: str
    status: int
    asked: float  # seconds of the monotonic clock
    given: float


class Crowd:
    """Some who ask again and again, up to 50 times a second, each in a thread, until the block ends."""

    def __init__(self, asks: Mapping[str, Callable[[], int]]) -> None:
        self._asks, self._over = asks, threading.Event()
        self._all: list[Heard] = []
        self._pool = ThreadPoolExecutor(len(asks))
        self._threads: list[Future[None]] = []

    def __enter__(self) -> Crowd:
        self._threads += [self._pool.submit(self._ask, who) for who in self._asks]
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for one in self._threads:
            one.result()  # or what it failed of

    def _ask(self, who: str) -> None:
        while not self._over.wait(0.02):
            asked = time.monotonic()
            status = self._asks[who]()
            self._all.append(Heard(who, status, asked, time.monotonic()))

    def heard(self, who: str, begin: float = 0, end: float = math.inf) -> Counter[int]:
        """Count what *who*, or all of that kind ("page" for "page 1"), were answered between the two."""
        found = [one for one in self._all[:] if f"{one.who} ".startswith(f"{who} ")]
        return Counter(one.status for one in found if begin <= one.asked and one.given <= end)

    def all_hear(self, status: int, since: float, *, who: str = "", times: int = 1) -> Callable[[], bool]:
        """Return whether each of *who* has been answered *status* so many times."""
        return lambda: all(
            self.heard(one, since)[status] >= times for one in self._asks if one.startswith(who)
        )


@pytest.mark.slow
def test_the_database_goes_and_comes_back(project: Path, tmp_path: Path) -> None:
    """Readiness goes down and up, no session is lost, readers of the site never notice: all under load."""
    with postgres() as server, running(tmp_path, project, server.url("gone"), processes=3) as site:
        emails = [f"patient{number}@example.org" for number in range(3)]
        jars = [dict(site.member(email).jar) for email in emails]
        admin = dict(boss(site, "patient-owner@example.org").jar)
        visitor = site.browser()
        visitor.send("GET", f"{API}/config")  # a CSRF cookie, by which a login is one request
        networks = itertools.count()

        def elsewhere() -> str:
            number = next(networks)
            return f"10.{number // 250 % 250}.{number % 250}.7"

        def ask(
            path: str, jar: Mapping[str, str] | None = None, port: int | None = None
        ) -> Callable[[], int]:
            """From another network each time: the limits of NGINX are not what is tried here."""
            return lambda: Browser(site, elsewhere(), jar).send("GET", path, port=port).status

        def login() -> int:
            return Browser(site, elsewhere(), visitor.jar).login(emails[0]).status

        crowd = Crowd(
            {f"site {path}": ask(path) for path in ("/", "/posts/long/", "/feed.atom")}
            | {f"page {number}": ask(PAGE, jar) for number, jar in enumerate(jars)}
            | {"page of the admin": ask("/admin/", admin)}
            | {"api session": ask(f"{API}/auth/session", jars[0]), "api login": login}
            | {f"ready {port}": ask("/readyz", port=port) for port in site.ports}
            | {f"live {port}": ask("/livez", port=port) for port in site.ports}
        )
        with crowd:
            until(crowd.all_hear(200, 0))
            server.stop()
            gone = time.monotonic()
            for who in ("page", "api", "ready"):
                until(crowd.all_hear(503, gone, who=who, times=3))
            until(crowd.all_hear(200, gone, who="site", times=50))
            back = time.monotonic()
            server.start()
            until(crowd.all_hear(200, back))
            again = time.monotonic()
            until(crowd.all_hear(200, again, times=2))

        assert crowd.heard("site").keys() == crowd.heard("live").keys() == {200}
        for who in ("page", "api", "ready"):
            assert crowd.heard(who).keys() == {200, 503}, who
            assert crowd.heard(who, gone, back).keys() == {503}, who
            assert crowd.heard(who, again).keys() == {200}, who
        gates = [ask("/_gate", jar, port)() for jar in jars for port in site.ports]
        assert gates == [204] * 9
        assert [ask(PAGE, jar)() for jar in jars] == [200] * 3


def test_figures_are_there_for_prometheus(site: Site) -> None:
    site.browser().send("GET", f"{API}/config")
    text = site.browser().send("GET", "/metrics", port=site.ports[0]).body.decode()
    assert re.search(r"^django_http_requests_total_by_method_total\{method=\"GET\"\} \d", text, re.M)
