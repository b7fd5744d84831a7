"""Fixtures: one site with login, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.database import Postgres, run_postgres
from tests.api.live_site import Site, run_site
from tests.web.conftest import build_web_project

# Files with server-side includes of a members' page.
SSI_DIRECTIVES = (
    '<!--# include virtual="/members/inside/" --><!--#include file="/members/inside/index.html"-->\n'
)
SSI_FILES = ("trap.html", "trap.shtml", "trap.txt")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with members' pages and SSI files; tests do not change it."""
    return build_web_project(
        tmp_path_factory.mktemp("api"), {f"content/extra/{name}": SSI_DIRECTIVES for name in SSI_FILES}
    )


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with run_postgres() as one:
        yield one


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def site(
    request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The site with login, with three processes; each test uses its own users and browsers."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "postgresql":
        url = request.getfixturevalue("database").url(f"site-{folder.name}")
    else:
        url = f"sqlite:///{folder}/login.sqlite3"
    with run_site(folder, project, url, processes=3) as one:
        yield one


@pytest.fixture
def no_log_output(site: Site) -> Iterator[None]:
    """Fail if a process of the API logs anything during the test."""
    before = [process.log for process in site.processes]
    yield
    after = [process.log for process in site.processes]
    assert [text[len(old) :] for text, old in zip(after, before, strict=True)] == [""] * len(before)
