"""One site with its login, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.database import Postgres, postgres
from tests.api.running import Site, running
from tests.web.conftest import build_web_project

# Files that ask the server to put a members' page into them.
TRAP = '<!--# include virtual="/members/inside/" --><!--#include file="/members/inside/index.html"-->\n'
TRAPS = ("trap.html", "trap.shtml", "trap.txt")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with members' pages, and traps; tests change nothing in it."""
    return build_web_project(
        tmp_path_factory.mktemp("api"), {f"content/extra/{name}": TRAP for name in TRAPS}
    )


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    """A server of PostgreSQL."""
    with postgres() as one:
        yield one


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def site(
    request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The site with its login, of three processes; each test has users and browsers of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "postgresql":
        url = request.getfixturevalue("database").url(f"site-{folder.name}")
    else:
        url = f"sqlite:///{folder}/login.sqlite3"
    with running(folder, project, url, processes=3) as one:
        yield one


@pytest.fixture
def silent(site: Site) -> Iterator[None]:
    """Fail when a process of the API logs anything during the test."""
    before = [process.said for process in site.processes]
    yield
    after = [process.said for process in site.processes]
    assert [text[len(old) :] for text, old in zip(after, before, strict=True)] == [""] * len(before)
