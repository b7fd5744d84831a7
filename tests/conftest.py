"""Fixtures that more than one module of tests uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import project
from tests.support.signals import restore_for_children

restore_for_children()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small site, built once; tests read its out/site and change nothing."""
    site = project.small_site(tmp_path_factory.mktemp("built"))
    project.build_site(site)
    return site
