"""Servers that many tests publish to; each test has its own buckets and repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.delivery.release import release
from tests.support.delivery.status_site import Runner, Stage
from tests.support.delivery.status_site import stage as make_stage
from tests.support.delivery.targets import Publisher, Services, services

Make = Callable[..., Publisher]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The servers, with moto for the buckets."""
    with services(tmp_path_factory.mktemp("services")) as one:
        yield one


@pytest.fixture
def publisher(servers: Services, tmp_path: Path) -> Publisher:
    """A publisher of a project with a release in out/."""
    project = tmp_path / "project"
    project.mkdir()
    release(project)
    return servers.publisher(project)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site of three commits with a front door and a chart repository."""
    with make_stage(tmp_path) as one:
        yield one


@pytest.fixture
def status(
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Runner:
    """Runs `status` on that site."""
    home = tmp_path / "home"
    home.mkdir()
    return Runner(stage, home, monkeypatch, capsys)
