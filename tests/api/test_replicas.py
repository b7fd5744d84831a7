"""Three processes and one database, as on the cluster."""

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

from tests.api.database import Postgres, run_postgres
from tests.api.live_site import API, Browser, Site, login_environment, run_site
from tests.api.second_factors import login_owner
from tests.support.previews import clean_environment, wait_until
from tests.support.project import ROOT

PAGE = "/members/inside/"


@pytest.mark.slow
def test_three_processes_may_migrate_concurrently(database: Postgres, tmp_path: Path) -> None:
    """A rollout starts them together; each succeeds, and one applies the migrations."""
    settings = login_environment("http://localhost:1", database.url("migrated"), 1)
    argv = [sys.executable, "api/manage.py", "migrate", "-v", "1"]
    processes = [
        subprocess.Popen(argv, cwd=ROOT, env={**clean_environment(), **settings}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]  # fmt: skip
    outputs = [one.communicate(timeout=120)[0] for one in processes]
    assert [one.returncode for one in processes] == [0, 0, 0], outputs
    assert sum("Applying accounts.0001_initial... OK" in text for text in outputs) == 1


@dataclass(frozen=True, slots=True)
class Result:
    """A response, with its client and times."""

    client: str
    status: int
    sent: float  # time.monotonic()
    received: float


class LoadGenerator:
    """Clients that send up to 50 requests a second, each in a thread, until the block ends."""

    def __init__(self, clients: Mapping[str, Callable[[], int]]) -> None:
        self._clients, self._stop = clients, threading.Event()
        self._all: list[Result] = []
        self._pool = ThreadPoolExecutor(len(clients))
        self._threads: list[Future[None]] = []

    def __enter__(self) -> LoadGenerator:
        self._threads += [self._pool.submit(self._run, client) for client in self._clients]
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for one in self._threads:
            one.result()  # raises the error of a failed thread

    def _run(self, client: str) -> None:
        while not self._stop.wait(0.02):
            sent = time.monotonic()
            status = self._clients[client]()
            self._all.append(Result(client, status, sent, time.monotonic()))

    def statuses(self, client: str, begin: float = 0, end: float = math.inf) -> Counter[int]:
        """Count the statuses of *client*, or of all of its kind ("page" for "page 1"), between two times."""
        found = [one for one in self._all[:] if f"{one.client} ".startswith(f"{client} ")]
        return Counter(one.status for one in found if begin <= one.sent and one.received <= end)

    def all_get(self, status: int, since: float, *, kind: str = "", times: int = 1) -> Callable[[], bool]:
        """Return a function: whether each client of *kind* got *status* at least *times*."""
        return lambda: all(
            self.statuses(one, since)[status] >= times for one in self._clients if one.startswith(kind)
        )


@pytest.mark.slow
def test_an_outage_of_the_database_loses_no_session(project: Path, tmp_path: Path) -> None:
    """Under load: readiness fails and recovers, and public pages are not affected."""
    with run_postgres() as server, run_site(tmp_path, project, server.url("gone"), processes=3) as site:
        emails = [f"patient{number}@example.org" for number in range(3)]
        jars = [dict(site.member(email).jar) for email in emails]
        admin = dict(login_owner(site, "patient-owner@example.org").jar)
        visitor = site.browser()
        visitor.send("GET", f"{API}/config")  # the CSRF cookie, so that a login is one request
        networks = itertools.count()

        def new_address() -> str:
            number = next(networks)
            return f"10.{number // 250 % 250}.{number % 250}.7"

        def request_of(
            path: str, jar: Mapping[str, str] | None = None, port: int | None = None
        ) -> Callable[[], int]:
            """From another network each time, below the rate limits of NGINX."""
            return lambda: Browser(site, new_address(), jar).send("GET", path, port=port).status

        def login() -> int:
            return Browser(site, new_address(), visitor.jar).login(emails[0]).status

        load = LoadGenerator(
            {f"site {path}": request_of(path) for path in ("/", "/posts/long/", "/feed.atom")}
            | {f"page {number}": request_of(PAGE, jar) for number, jar in enumerate(jars)}
            | {"page of the admin": request_of("/admin/", admin)}
            | {"api session": request_of(f"{API}/auth/session", jars[0]), "api login": login}
            | {f"ready {port}": request_of("/readyz", port=port) for port in site.ports}
            | {f"live {port}": request_of("/livez", port=port) for port in site.ports}
        )
        with load:
            wait_until(load.all_get(200, 0))
            server.stop()
            gone = time.monotonic()
            for kind in ("page", "api", "ready"):
                wait_until(load.all_get(503, gone, kind=kind, times=3))
            wait_until(load.all_get(200, gone, kind="site", times=50))
            back = time.monotonic()
            server.start()
            wait_until(load.all_get(200, back))
            again = time.monotonic()
            wait_until(load.all_get(200, again, times=2))

        assert load.statuses("site").keys() == load.statuses("live").keys() == {200}
        for kind in ("page", "api", "ready"):
            assert load.statuses(kind).keys() == {200, 503}, kind
            assert load.statuses(kind, gone, back).keys() == {503}, kind
            assert load.statuses(kind, again).keys() == {200}, kind
        gates = [request_of("/_gate", jar, port)() for jar in jars for port in site.ports]
        assert gates == [204] * 9
        assert [request_of(PAGE, jar)() for jar in jars] == [200] * 3


def test_metrics_are_served_for_prometheus(site: Site) -> None:
    site.browser().send("GET", f"{API}/config")
    text = site.browser().send("GET", "/metrics", port=site.ports[0]).body.decode()
    assert re.search(r"^django_http_requests_total_by_method_total\{method=\"GET\"\} \d", text, re.M)
