"""Three processes and one database: as on the cluster."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

from tests.api.database import Postgres
from tests.api.running import API, Site, environment, running
from tests.preview import own_environment, until
from tests.project import ROOT

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


def test_figures_are_there_for_prometheus(site: Site) -> None:
    site.browser().send("GET", f"{API}/config")
    text = site.browser().send("GET", "/metrics", port=site.ports[0]).body.decode()
    assert re.search(r"^django_http_requests_total_by_method_total\{method=\"GET\"\} \d", text, re.M)
