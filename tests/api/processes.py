"""Processes of the API: each a gunicorn on its own port, like the replicas in a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.support.previews import clean_environment, wait_until
from tests.support.project import ROOT


class Gunicorn:
    """One process of the API on *port*, which can be stopped and restarted."""

    def __init__(
        self, folder: Path, port: int, settings: Mapping[str, str], config: str = "api.config.gunicorn"
    ) -> None:
        self.port, self._settings, self._log = port, settings, folder / f"gunicorn-{port}.log"
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process ID of the master, whose child serves."""
        assert self._process, "it was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """Return the log so far."""
        return self._log.read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the process, without waiting for it."""
        argv = [sys.executable, "-m", "gunicorn", "--config", f"python:{self._config}",
                "--bind", f"127.0.0.1:{self.port}"]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, cwd=ROOT, env={**clean_environment(), **self._settings}, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until the process responds."""
        wait_until(self._responds)

    def _responds(self) -> bool:
        assert self._process, "it was not started"
        assert self._process.poll() is None, self._log.read_text()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(
                "GET", "/livez", headers={"Host": self._settings["LOGIN_SITE_URL"].split("://")[1]}
            )
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def terminate(self) -> None:
        """Send SIGTERM, as a cluster does; the process completes its requests."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> int:
        """Stop the process and return its exit status."""
        assert self._process, "it was not started"
        self.terminate()
        return self._process.wait(60)


@contextmanager
def run_gunicorns(
    folder: Path, ports: Sequence[int], settings: Mapping[str, str]
) -> Iterator[list[Gunicorn]]:
    """Run a process on each of *ports* until the block ends; start and stop them in parallel."""
    found = [Gunicorn(folder, port, settings) for port in ports]
    try:
        for one in found:
            one.start()
        for one in found:
            one.wait()
        yield found
    finally:
        for one in found:
            one.terminate()
        for one in found:
            one.stop()
