"""The site whose login is measured: as on a cluster, with the database elsewhere.

Reads the repository. Works in the folder that it is given. Starts NGINX, gunicorn, PostgreSQL.
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
from benchmarks.build import PYTHON, ROOT, project
from tests.api.database import postgres
from tests.api.running import Site, running
from tests.support.previews import free_port

PUBLIC, GATED = "/open/", "/members/closed/"


def built(folder: Path) -> Path:
    """Build a site in *folder* that has one page twice: for everybody, and for members."""
    command = project(folder, 3)
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
    """Yield the address of an empty database of each kind, by the kind's name."""
    with ExitStack() as stack:
        with processes.on(processes.halves()[0]):
            server = stack.enter_context(postgres())
        yield {"SQLite": f"sqlite:///{folder}/login.sqlite3", "PostgreSQL": server.url("login")}


@contextmanager
def served(folder: Path, site: Path, database: str) -> Iterator[Site]:
    """Run NGINX and one process of the API on the server's processors, with *database*."""
    folder.mkdir()
    with ExitStack() as stack:
        with processes.on(processes.halves()[1]):
            one = stack.enter_context(running(folder, site, database))
        yield one


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    """Run gunicorn, told as for the API, with an application that does nothing; yield its port."""
    port = free_port()
    argv = [PYTHON, "-m", "gunicorn", "--config", "python:api.config.gunicorn"]
    argv += ["--bind", f"127.0.0.1:{port}", "benchmarks.login.bare:application"]
    said = folder / "bare.log"
    with said.open("wb") as log, processes.on(processes.halves()[1]):
        one = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while status(port, "/", {}) != 204:
            if one.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"gunicorn does not answer: {said.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        one.terminate()
        one.wait(60)


def status(port: int, path: str, headers: dict[str, str]) -> int:
    """Return the status of one answer; 0 when there is none."""
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", path, headers=headers)
        return line.getresponse().status
    except (OSError, HTTPException):  # it is starting; who waits for it knows for how long
        return 0
    finally:
        line.close()
