"""The API's image in a container: without rights, on a root that cannot be written, on both databases."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from pipelines.core import config
from pipelines.image.api import pack_api_image
from tests.api.database import OWNER, Postgres, run_postgres
from tests.image.packing import api_project
from tests.support.previews import TIMEOUT, free_port
from tests.support.registry import certificate
from tests.web import server
from tests.web.server import PodmanImage

pytestmark = pytest.mark.slow

HOST = "small.example"
ENVIRONMENT = {
    "LOGIN_SITE_URL": f"https://{HOST}",
    "LOGIN_SITE_NAME": "Small",
    "LOGIN_SECRET_KEYS": "a text of these tests alone that signs nothing in any other place",
    "LOGIN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
}
MANAGE = ["api/manage.py"]
# Every shared library, loaded by itself: what a name in it lacks would be found on a reader's request.
LOAD = """
import ctypes, pathlib, sys
for root in ("/srv/packages", sys.prefix + "/lib/python3.13"):
    for file in sorted(pathlib.Path(root).rglob("*.so*")):
        try:
            ctypes.CDLL(str(file))
        except OSError as error:
            print(error)
"""


class Box:
    """The image, and the words and variables that every container of it gets."""

    def __init__(
        self, image: PodmanImage, folder: Path, variables: Mapping[str, str], volumes: Mapping[Path, str]
    ) -> None:
        self.image, self.folder = image, folder
        self._words = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        self._words += [word for place, path in volumes.items() for word in ("--volume", f"{place}:{path}")]

    def _argv(self, *more: str) -> list[str]:
        name = f"api-{free_port()}"
        return [*self.image.podman, *server.unprivileged_options(name), *self._words, *more]

    def python(self, *words: str, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run Python with *words*, as a job of the chart does."""
        argv = [*self._argv(*more, "--entrypoint", "python3"), self.image.name, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT * 4)

    @contextmanager
    def serving(self) -> Iterator[Running]:
        """Run the image as it is, on a free port."""
        port = free_port()
        argv = [*self._argv(), self.image.name, "--bind", f"127.0.0.1:{port}"]
        with (self.folder / "log").open("ab") as log:
            one = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        running = Running(one, port, self.folder / "log")
        try:
            running.wait()
            yield running
        finally:
            if one.poll() is None:
                one.terminate()
                one.wait(60)


class Running:
    """A container that serves."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    @property
    def log_text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def get(self, path: str) -> tuple[int, bytes]:
        line = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            line.request("GET", path, headers={"Host": HOST, "X-Forwarded-Proto": "https"})
            response = line.getresponse()
            return response.status, response.read()
        finally:
            line.close()

    def wait(self) -> None:
        end = time.monotonic() + TIMEOUT * 2
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log_text
            try:
                self.get("/livez")
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"not ready in time: {self.log_text}")

    @property
    def processes(self) -> list[int]:
        """Return the numbers of gunicorn's processes, as this machine sees them."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"python3") and f"127.0.0.1:{self.port}".encode() in words:
                found.append(int(folder.name))
        return found


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodmanImage]:
    project = api_project(tmp_path_factory.mktemp("api-container"))
    pack_api_image(project, config.load_config(project), lambda line: pytest.fail(f"asked for more: {line}"))
    with server.podman_image(project / "out/images/api") as found:
        yield found


@pytest.fixture(scope="module")
def sqlite(image: PodmanImage, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """The API on a volume with SQLite, migrated by the image."""
    folder = tmp_path_factory.mktemp("sqlite")
    volume = folder / "data"
    volume.mkdir()
    volume.chmod(0o777)  # as a volume of the cluster: its group may write
    variables = {**ENVIRONMENT, "DATABASE_URL": "sqlite:////data/login.sqlite3"}
    box = Box(image, folder, variables, {volume: "/data"})
    done = box.python(*MANAGE, "migrate", "--verbosity", "0")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return box


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL as on a cluster: it wants TLS and a password."""
    keys = tmp_path_factory.mktemp("keys")
    certificate(keys)
    with run_postgres() as one:
        with psycopg.connect(
            host=str(one.folder), port=one.port, user=OWNER, dbname="postgres", autocommit=True
        ) as line:
            line.execute("CREATE ROLE api LOGIN PASSWORD 'long and secret'")
            line.execute("CREATE DATABASE login OWNER api")
        data = Path(one.data)
        for name in ("key.pem", "certificate.pem"):
            shutil.copy(keys / name, data)
            (data / name).chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(data / name, "postgres", "postgres")
        (data / "pg_hba.conf").write_text("hostssl all api 127.0.0.1/32 scram-sha-256\n")
        with (data / "postgresql.conf").open("a") as file:
            file.write("ssl = on\nssl_cert_file = 'certificate.pem'\nssl_key_file = 'key.pem'\n")
        one.stop()
        one.start()
        yield one


@pytest.fixture(scope="module")
def on_postgres(image: PodmanImage, database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """The API with its credentials apart from the address, as an operator of PostgreSQL hands them out."""
    variables = {
        **ENVIRONMENT,
        "DATABASE_URL": f"postgresql://127.0.0.1:{database.port}/login?sslmode=require",
        "PGUSER": "api",
        "PGPASSWORD": "long and secret",
    }
    folder = tmp_path_factory.mktemp("postgres")
    copy = Path(shutil.copy(Path(database.data, "certificate.pem"), folder))
    copy.chmod(0o644)
    return Box(image, folder, variables, {copy: "/ca.pem"})


def test_it_serves_unprivileged_on_sqlite(sqlite: Box) -> None:
    with sqlite.serving() as one:
        assert one.get("/readyz") == (200, b"ready\n")
        assert one.get("/_gate")[0] == 401
        assert one.get("/_allauth/browser/v1/config")[0] == 200
        assert one.get("/admin/static/admin/css/base.css")[0] == 200
        assert one.log_text == ""
        owners = {Path(f"/proc/{number}").stat().st_uid for number in one.processes}
        environ = "".join(Path(f"/proc/{number}/status").read_text() for number in one.processes)
        rights = set(re.findall(r"(?m)^(?:CapEff|CapBnd|NoNewPrivs):.*", environ))
        assert owners == {10001}
        assert rights == {f"CapEff:\t{0:016x}", f"CapBnd:\t{0:016x}", "NoNewPrivs:\t1"}


def test_the_root_cannot_be_written(sqlite: Box) -> None:
    script = "import pathlib; pathlib.Path('/tmp/x').write_text('x'); pathlib.Path('/srv/x').write_text('x')"
    done = sqlite.python("-c", script)
    assert done.returncode == 1
    assert "Read-only file system: '/srv/x'" in done.stderr


def test_commands_of_django_run_in_it(sqlite: Box) -> None:
    """The chart's: migrate, clearsessions, and to wait for the first of them."""
    for words in (
        [*MANAGE, "clearsessions"],
        ["-m", "api.manage", "migrate", "--check"],
        [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    ):
        done = sqlite.python(*words)
        assert done.returncode == 0, done.stderr


def test_migrations_run_on_postgresql(on_postgres: Box) -> None:
    """libpq takes name and password from PGUSER and PGPASSWORD, and speaks TLS."""
    assert on_postgres.python(*MANAGE, "migrate", "--check").returncode == 1
    done = on_postgres.python(*MANAGE, "migrate", "--verbosity", "0")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert on_postgres.python(*MANAGE, "migrate", "--check").returncode == 0
    with on_postgres.serving() as one:
        assert one.get("/readyz") == (200, b"ready\n")
    script = "\n".join(
        [
            "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'api.config.settings'; django.setup()",
            "from django.db import connection",
            "with connection.cursor() as cursor:",
            "    cursor.execute('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')",
            "    print(cursor.fetchone()[0], connection.get_connection_params().get('user'))",
            "connection.close_pool()",
        ]
    )
    assert on_postgres.python("-c", script).stdout == "True None\n"


def test_a_wrong_password_is_refused(on_postgres: Box) -> None:
    done = on_postgres.python(
        *MANAGE, "migrate", "--check", more=("--env", "PGPASSWORD=wrong", "--env", "LOGIN_DATABASE_POOL=0")
    )
    assert done.returncode == 1
    assert 'password authentication failed for user "api"' in done.stderr


def test_the_bundled_libpq_finds_the_certificate_authorities(on_postgres: Box, database: Postgres) -> None:
    """sslrootcert=system means the file that SSL_CERT_FILE names: the wheel brings an OpenSSL of its own."""
    address = f"host=127.0.0.1 port={database.port} dbname=login sslmode=verify-full sslrootcert=system"
    script = f"import psycopg; print(psycopg.connect('{address}').execute('SELECT 1').fetchone())"
    assert on_postgres.python("-c", script, more=("--env", "SSL_CERT_FILE=/ca.pem")).stdout == "(1,)\n"
    assert "certificate verify failed" in on_postgres.python("-c", script).stderr
    script = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 100)"
    assert on_postgres.python("-c", script).stdout == "True\n"


def test_every_library_finds_what_it_loads(sqlite: Box) -> None:
    done = sqlite.python("-c", LOAD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_stops_gracefully(sqlite: Box) -> None:
    """It finishes a request that has begun, and then exits with 0."""
    with sqlite.serving() as one:
        line = HTTPConnection("127.0.0.1", one.port, timeout=TIMEOUT)
        line.putrequest("POST", "/_allauth/browser/v1/auth/login", skip_host=True)
        for name, value in {"Host": HOST, "Content-Type": "application/json", "Content-Length": "2"}.items():
            line.putheader(name, value)
        line.endheaders()
        time.sleep(0.3)
        one.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert one.process.poll() is None
        line.send(b"{}")
        assert line.getresponse().status in (400, 403)
        line.close()
        assert one.process.wait(30) == 0
        assert "Traceback" not in one.log_text


def test_it_needs_little_memory(sqlite: Box) -> None:
    """The bar: 150 MB a pod."""
    with sqlite.serving() as one:
        assert one.get("/readyz")[0] == 200
        assert one.get("/_allauth/browser/v1/config")[0] == 200
        rows = [Path(f"/proc/{number}/smaps_rollup").read_text().splitlines() for number in one.processes]
        shares = [int(line.split()[1]) for row in rows for line in row if line.startswith("Pss:")]
        assert len(shares) >= 2  # gunicorn and its worker
        assert sum(shares) < 150_000, f"{sum(shares)} kB"


def test_a_missing_variable_is_reported_without_a_traceback(image: PodmanImage, tmp_path: Path) -> None:
    done = Box(image, tmp_path, {}, {}).python(*MANAGE, "migrate")
    assert done.returncode == 2
    assert "LOGIN_SITE_URL: is missing; set LOGIN_SITE_URL" in done.stderr
    assert "Traceback" not in done.stderr
