"""Servers that many tests publish to; each test has places of its own there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.place import Place, Services, services
from tests.pipeline.release import release

Make = Callable[..., Place]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The servers, with moto for the buckets."""
    with services(tmp_path_factory.mktemp("services")) as one:
        yield one


@pytest.fixture
def place(running: Services, tmp_path: Path) -> Place:
    """A place to publish to, and a release that lies in out/."""
    project = tmp_path / "project"
    project.mkdir()
    release(project)
    return running.place(project)
