"""The site of the read policy's tests, with and without a Git history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.content.policy_site import site_with


@pytest.fixture(params=["git", "no git"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The site as it is cloned, and as it is unpacked from an archive."""
    return site_with(tmp_path, history=request.param == "git")
