"""The measured site: as on a cluster, with the database on other processors.

Reads the repository. Works in the given folder. Starts NGINX, gunicorn, PostgreSQL.
Network: the loopback alone.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks import processes
from benchmarks.project import PYTHON, ROOT, write_project
from tests.api import live_site
from tests.api.database import run_postgres
from tests.support.previews import free_port

PUBLIC, GATED = "/open/", "/members/closed/"


def build_site(folder: Path) -> Path:
    """Build a site in *folder* with one page twice: public, and for members."""
    command = write_project(folder, 3)
    shutil.copytree(ROOT / "images", folder / "images")
    _, _, text = (folder / "content/posts/post-00000.md").read_text().partition("\n\n")
    page = f"---\ntitle: A page of text\n---\n{text}"
    (folder / "content/members").mkdir()
    (folder / "content/pages/open.md").write_text(page)
    (folder / "content/members/closed.md").write_text(page)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the URL of an empty database of each kind, by the name of the kind."""
    with ExitStack() as stack:
        with processes.run_on(processes.split_processors()[0]):
            server = stack.enter_context(run_postgres())
        yield {"SQLite": f"sqlite:///{folder}/login.sqlite3", "PostgreSQL": server.url("login")}


@contextmanager
def run_site(folder: Path, site: Path, database: str) -> Iterator[live_site.Site]:
    """Run NGINX and one process of the API on the server's processors, with *database*."""
    folder.mkdir()
    with ExitStack() as stack:
        with processes.run_on(processes.split_processors()[1]):
            one = stack.enter_context(live_site.run_site(folder, site, database))
        yield one


@contextmanager
def run_minimal_app(folder: Path) -> Iterator[int]:
    """Run gunicorn, configured as for the API, with a minimal application; yield its port."""
    port = free_port()
    argv = [PYTHON, "-m", "gunicorn", "--config", "python:api.config.gunicorn"]
    argv += ["--bind", f"127.0.0.1:{port}", "benchmarks.login.minimal_app:application"]
    log_file = folder / "minimal.log"
    with log_file.open("wb") as log, processes.run_on(processes.split_processors()[1]):
        one = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while get_status(port, "/", {}) != 204:
            if one.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"gunicorn does not start: {log_file.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        one.terminate()
        one.wait(60)


def get_status(port: int, path: str, headers: dict[str, str]) -> int:
    """Return the status of a GET; 0 without a response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except (OSError, HTTPException):  # the server is starting
        return 0
    finally:
        connection.close()
