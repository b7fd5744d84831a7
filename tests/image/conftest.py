"""Fixtures of the image tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.image.web import pack_web_image
from tests.image.packing import web_project


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a web image, not to be changed."""
    project = web_project(tmp_path_factory.mktemp("web-image"))
    pack_web_image(project, config.load_config(project))
    return project
