"""What a cluster asks of the login: by address, before and after migrations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection

import pytest

from tests.api.database import Postgres
from tests.api.running import Site, environment
from tests.support.previews import own_environment
from tests.support.project import ROOT


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/_gate", 421)]
)
def test_probes_come_by_the_address_of_a_pod(site: Site, path: str, status: int) -> None:
    """They know no other name, and nothing else is answered under it."""
    for port in site.ports:
        line = HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", path, headers={"Host": "10.244.7.11:8000"})
        assert line.getresponse().status == status
        line.close()


def waiting(settings: Mapping[str, str], timeout: str) -> subprocess.Popen[str]:
    """Start what a pod does before it serves."""
    argv = [sys.executable, "api/manage.py", "await_migrations", "--timeout", timeout]
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**own_environment(), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_pod_waits_for_whoever_migrates(database: Postgres) -> None:
    settings = environment("http://localhost:1", database.url("awaited"), 1)
    one = waiting(settings, "60")
    assert one.stdout
    assert one.stdout.readline().startswith("waiting: not yet migrated: ")
    manage(settings, "migrate", "-v", "0")
    said, _ = one.communicate(timeout=60)
    assert one.returncode == 0
    assert all(line.startswith("waiting: not yet migrated: ") for line in said.splitlines())


def test_a_pod_that_waited_in_vain_says_for_what(database: Postgres) -> None:
    settings = environment("http://localhost:1", database.url("never"), 1)
    one = waiting(settings, "0")
    said, _ = one.communicate(timeout=60)
    assert one.returncode == 1
    assert "after 0 s still: not yet migrated: " in said
    assert "accounts.0001_initial" in said


def test_a_pod_is_content_with_a_newer_database(database: Postgres) -> None:
    """Else a rollback would wait for a migration that its code has never heard of."""
    settings = environment("http://localhost:1", database.url("newer"), 1)
    manage(settings, "migrate", "-v", "0")
    later = (
        "from django.db.migrations.recorder import MigrationRecorder as R; from django.db import connection;"
        "R(connection).record_applied('accounts', '9999_later')"
    )
    manage(settings, "shell", "--no-imports", "-c", later)
    one = waiting(settings, "0")
    said, _ = one.communicate(timeout=60)
    assert (one.returncode, said) == (0, "")


def test_a_pod_waits_for_a_database_that_is_not_there_yet() -> None:
    """The operator makes it while the pods start."""
    settings = environment("http://localhost:1", "postgresql://login@127.0.0.1:1/login", 1)
    one = waiting(settings, "0")
    said, _ = one.communicate(timeout=60)
    assert one.returncode == 1
    assert "still: the database is unreachable (OperationalError)" in said


def manage(settings: Mapping[str, str], *words: str) -> None:
    """Run a command of Django."""
    argv = [sys.executable, "api/manage.py", *words]
    subprocess.run(argv, cwd=ROOT, env={**own_environment(), **settings}, check=True, timeout=120)
