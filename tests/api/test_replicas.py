"""Three processes and one database: as on the cluster."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.database import Postgres
from tests.api.running import API, PASSWORD, Site, _elsewhere, environment, running
from tests.preview import until
from tests.project import ROOT

PAGE = "/members/inside/"


@pytest.fixture(scope="module")
def three(project: Path, tmp_path_factory: pytest.TempPathFactory, database: Postgres) -> object:
    """A site with three processes of the API."""
    folder = tmp_path_factory.mktemp("three")
    with running(folder, project, database.url("three"), processes=3) as one:
        yield one


def test_guesses_are_counted_over_all_processes(three: Site) -> None:
    """Stuffing, spread over three processes and many addresses: the sum never passes the limit."""
    three.member("spread@example.org")
    browsers = [three.browser() for _ in range(30)]
    for one in browsers:
        one.send("GET", f"{API}/config")

    def guess(number: int) -> str:
        body = {"email": "spread@example.org", "password": f"a guess {number} of many"}
        forged = {"X-Forwarded-For": f"10.9.8.{number}, {browsers[number].address}"}
        answer = browsers[number].send("POST", f"{API}/auth/login", body, forged)
        return str(answer.json["errors"][0]["code"]) if answer.status == 400 else str(answer.status)

    with ThreadPoolExecutor(15) as pool:
        found = Counter(pool.map(guess, range(30)))
    assert 1 <= found["email_password_mismatch"] <= 5
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429"}
    for port in three.ports:  # each process knows of it
        body = {"email": "spread@example.org", "password": PASSWORD}
        late = three.browser().call("POST", "auth/login", body, port=port, headers={"X-Real-IP": "10.1.2.3"})
        assert (late.status, late.json["errors"][0]["code"]) == (400, "too_many_login_attempts")


def test_a_session_is_good_at_every_process_and_ends_at_all(three: Site) -> None:
    one = three.member("roaming@example.org")
    for port in three.ports:
        assert one.send("GET", "/_gate", port=port).status == 204
    one.logout()
    for port in three.ports:
        assert one.send("GET", "/_gate", port=port).status == 401


def test_three_may_migrate_at_once(database: Postgres, tmp_path: Path) -> None:
    """A rollout starts them together; each ends well, and the tables are there once."""
    settings = environment("http://localhost:1", database.url("migrated"), 1)
    argv = [sys.executable, "api/manage.py", "migrate", "-v", "1"]
    running_ = [
        subprocess.Popen(argv, cwd=ROOT, env={**_elsewhere(), **settings}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]  # fmt: skip
    said = [one.communicate(timeout=120)[0] for one in running_]
    assert [one.returncode for one in running_] == [0, 0, 0], said
    assert sum("Applying accounts.0001_initial... OK" in text for text in said) == 1


def test_the_database_goes_and_comes_back(project: Path, tmp_path: Path) -> None:
    """Readiness goes down and up, no session is lost, readers of the site never notice."""
    from tests.api.database import postgres

    with postgres() as server, running(tmp_path, project, server.url("gone")) as site:
        member = site.member("patient@example.org")
        reader = site.browser()
        over, failed = threading.Event(), []

        def read() -> None:
            while not over.is_set():
                for path in ("/", "/posts/long/", "/feed.atom"):
                    answer = reader.send("GET", path)
                    if answer.status != 200:
                        failed.append((path, answer.status))

        load = threading.Thread(target=read)
        load.start()
        try:
            ready = ("GET", "/readyz")
            assert reader.send(*ready, port=site.ports[0]).status == 200
            server.stop()
            until(lambda: reader.send(*ready, port=site.ports[0]).status == 503)
            assert reader.send("GET", "/livez", port=site.ports[0]).status == 200
            shut = member.send("GET", PAGE)
            assert shut.status == 503
            asked = site.browser().send("GET", f"{API}/auth/session")
            assert asked.status < 600
            server.start()
            until(lambda: reader.send(*ready, port=site.ports[0]).status == 200)
            until(lambda: member.send("GET", PAGE).status == 200)
        finally:
            over.set()
            load.join()
        assert failed == []


def test_figures_are_there_for_prometheus(three: Site) -> None:
    three.browser().send("GET", f"{API}/config")
    text = three.browser().send("GET", "/metrics", port=three.ports[0]).body.decode()
    assert re.search(r"^django_http_requests_total_by_method_total\{method=\"GET\"\} \d", text, re.M)
