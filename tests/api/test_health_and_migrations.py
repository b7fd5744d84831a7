"""Health checks by a pod's IP address, and pods that wait for migrations."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from threading import Thread

import pytest

from tests.api.database import Postgres
from tests.api.live_site import Site, login_environment
from tests.support.previews import clean_environment, free_port
from tests.support.project import ROOT


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/_gate", 421)]
)
def test_only_health_checks_are_served_for_a_pods_ip(site: Site, path: str, status: int) -> None:
    """Probes send the IP address as Host; other paths respond 421 to it."""
    for port in site.ports:
        line = HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", path, headers={"Host": "10.244.7.11:8000"})
        assert line.getresponse().status == status
        line.close()


def await_migrations(settings: Mapping[str, str], timeout: str) -> subprocess.Popen[str]:
    """Start the init container of a pod."""
    argv = [sys.executable, "api/manage.py", "await_migrations", "--timeout", timeout]
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**clean_environment(), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_pod_waits_until_migrations_are_applied(database: Postgres) -> None:
    settings = login_environment("http://localhost:1", database.url("awaited"), 1)
    one = await_migrations(settings, "60")
    assert one.stdout
    assert one.stdout.readline().startswith("waiting: not yet migrated: ")
    manage(settings, "migrate", "-v", "0")
    output, _ = one.communicate(timeout=60)
    assert one.returncode == 0
    assert all(line.startswith("waiting: not yet migrated: ") for line in output.splitlines())


@pytest.mark.slow
def test_a_pod_names_the_missing_migrations_after_the_timeout(database: Postgres) -> None:
    settings = login_environment("http://localhost:1", database.url("never"), 1)
    one = await_migrations(settings, "0")
    output, _ = one.communicate(timeout=60)
    assert one.returncode == 1
    assert "after 0 s still: not yet migrated: " in output
    assert "accounts.0001_initial" in output


@pytest.mark.slow
def test_a_pod_accepts_a_newer_database(database: Postgres) -> None:
    """A rollback runs older code on a newer schema."""
    settings = login_environment("http://localhost:1", database.url("newer"), 1)
    manage(settings, "migrate", "-v", "0")
    later = (
        "from django.db.migrations.recorder import MigrationRecorder as R; from django.db import connection;"
        "R(connection).record_applied('accounts', '9999_later')"
    )
    manage(settings, "shell", "--no-imports", "-c", later)
    one = await_migrations(settings, "0")
    output, _ = one.communicate(timeout=60)
    assert (one.returncode, output) == (0, "")


def test_a_pod_waits_for_an_unreachable_database() -> None:
    """The PostgreSQL operator creates it while the pods start."""
    settings = login_environment("http://localhost:1", "postgresql://login@127.0.0.1:1/login", 1)
    one = await_migrations(settings, "0")
    output, _ = one.communicate(timeout=60)
    assert one.returncode == 1
    assert "still: the database is unreachable (OperationalError)" in output


@contextmanager
def forwarded_port(port: int, target: int) -> Iterator[None]:
    """Accept connections on *port*, and forward them to the port *target*."""
    ends: list[socket.socket] = []

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                upstream = socket.create_connection(("127.0.0.1", target))
                ends.extend((client, upstream))
                for pair in ((client, upstream), (upstream, client)):
                    Thread(target=copy, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = Thread(target=accept, args=[server])
        thread.start()
        try:
            yield
        finally:
            for one in (server, *ends):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            thread.join()


COMMANDS = [["migrate", "-v", "0"], ["clearsessions"], ["invite", "ann@small.example"]]


@pytest.mark.slow
def test_a_command_waits_for_the_database(database: Postgres) -> None:
    """A network policy lets a new pod out seconds after its start; the pool gives up after 1.5 s."""
    port = free_port()
    late = database.url("late").replace(f":{database.port}/", f":{port}/")
    settings = login_environment("http://localhost:1", late, 1)
    argv = [sys.executable, "api/manage.py", "migrate"]
    environ = {**clean_environment(), **settings}
    one = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert one.stdout
    line = one.stdout.readline()
    assert line.startswith("waiting: the database is unreachable (OperationalError: ")
    with forwarded_port(port, database.port):
        output, _ = one.communicate(timeout=120)
        assert one.returncode == 0
        assert "Applying accounts.0001_initial... OK" in output
        for words in COMMANDS[:2]:  # the third one needs a mail server
            assert run_command(settings, *words).returncode == 0, words


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("words", COMMANDS)
def test_commands_name_the_fault_after_the_wait(words: list[str]) -> None:
    settings = login_environment("http://localhost:1", "postgresql://login@127.0.0.1:1/login", 1)
    done = run_command(settings, *words, "--wait", "0")
    assert done.returncode == 1
    assert "CommandError: after 0 s still: the database is unreachable (OperationalError: " in done.stderr
    assert "Traceback" not in done.stderr


def run_command(settings: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a management command, and return what it wrote."""
    argv = [sys.executable, "api/manage.py", *words]
    environ = {**clean_environment(), **settings}
    return subprocess.run(
        argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def manage(settings: Mapping[str, str], *words: str) -> None:
    """Run a management command."""
    argv = [sys.executable, "api/manage.py", *words]
    subprocess.run(argv, cwd=ROOT, env={**clean_environment(), **settings}, check=True, timeout=120)
