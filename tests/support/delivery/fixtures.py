"""Servers that many tests publish to; each test has its own buckets and repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.delivery.release import release
from tests.support.delivery.status_site import Runner, StatusSite, serve_status_site
from tests.support.delivery.targets import Publisher, Services

Make = Callable[..., Publisher]


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest, start_services: Callable[[str], Services]) -> Services:
    """The servers, with moto for the buckets unless a test is parametrized with another store."""
    return start_services(getattr(request, "param", "moto"))


@pytest.fixture
def publisher(servers: Services, tmp_path: Path) -> Publisher:
    """A publisher of a project with a release in out/."""
    project = tmp_path / "project"
    project.mkdir()
    release(project)
    return servers.publisher(project)


@pytest.fixture
def status_site(tmp_path: Path) -> Iterator[StatusSite]:
    """A site of three commits with a front door and a chart repository."""
    with serve_status_site(tmp_path) as one:
        yield one


@pytest.fixture
def status(
    status_site: StatusSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Runner:
    """Runs `status` on that site."""
    home = tmp_path / "home"
    home.mkdir()
    return Runner(status_site, home, monkeypatch, capsys)
