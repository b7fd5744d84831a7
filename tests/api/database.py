"""A real PostgreSQL server on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.previews import free_port
from tests.support.tools import need

OWNER = "login_owner"


def _bin(name: str) -> str:
    """Return the path of a PostgreSQL program, which Debian installs outside the PATH."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    return need(name)


class Postgres:
    """A PostgreSQL server that can be stopped and restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        # The server refuses to run as root.
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        if os.geteuid() != 0:
            self._as = []

    def make(self) -> None:
        """Create an empty cluster that trusts local connections."""
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", self.data, "-U", OWNER, "--auth=trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -F -c max_connections=60"
        self._run("pg_ctl", "-D", self.data, "-l", f"{self.folder}/log", "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop the server immediately, and drop its connections."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    @property
    def data(self) -> str:
        """Return the folder of the cluster."""
        return f"{self.folder}/data"

    def url(self, name: str) -> str:
        """Create the database *name* and return its URL."""
        with psycopg.connect(f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres", autocommit=True) as line:
            line.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type,call-overload,unused-ignore]
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self._as, _bin(program), *words],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            pytest.fail(f"{program}: {done.stderr}", pytrace=False)


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of the socket has a limit
    one = Postgres(folder)
    try:
        one.make()
        one.start()
        yield one
        one.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
