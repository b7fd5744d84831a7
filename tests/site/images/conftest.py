"""Fixtures for the tests of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.images.pictures import ImageFolder


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    return ImageFolder(tmp_path)
