"""Tests of the chart of a rollback: the digests of the archived release under a new version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.results import Release
from tests.support.delivery.charts import chart_values, packed
from tests.support.delivery.projects import WEB, recommit
from tests.support.project import git


@pytest.fixture
def back(project: Path) -> Path:
    """A project whose HEAD is a rollback to 1.0.1, with the archived record of that release."""
    first = git(project, "rev-parse", "HEAD").strip()
    recommit(project, "Go back\n\nRollback-To: 1.0.1")
    old = Release(
        "1.0.1-rc", first, "sha256:" + "e" * 64, "sha256:" + "f" * 64, "9" * 64, "/assets/old.01234567.css"
    )
    results.write(project / "out/rollback.json", old)
    return project


def test_a_rollback_takes_the_archived_digests(back: Path) -> None:
    """Under a new, higher version and the rollback's own commit, without a build."""
    shutil.rmtree(back / "out/site")
    for file in back.glob("out/image-*.json"):
        file.unlink()
    result, data = packed(back)
    assert (result.version, result.commit) == ("1.0.3-rc", git(back, "rev-parse", "HEAD").strip())
    assert (result.web, result.api) == ("sha256:" + "e" * 64, "sha256:" + "f" * 64)
    assert chart_values(data)["release"] == {
        "commit": result.commit, "site": "9" * 64, "asset": "/assets/old.01234567.css",
    }  # fmt: skip


def test_a_rollback_to_before_the_login_has_no_login(back: Path) -> None:
    """The old web image has no gate, so an API beside it would get no requests."""
    old = results.read_release(back / "out/rollback.json")
    results.write(
        back / "out/rollback.json", Release(old.version, old.commit, old.web, "", old.site, old.asset)
    )
    _, data = packed(back)
    assert chart_values(data)["api"]["enabled"] is False
    assert chart_values(data)["api"]["image"] == {"repository": "", "digest": ""}


def test_a_rollback_without_its_archive_is_refused(back: Path) -> None:
    (back / "out/rollback.json").unlink()
    with pytest.raises(PipelineError, match=r"rollback\.json: no such file"):
        packed(back)


def test_a_rollback_with_the_archive_of_another_version_is_refused(back: Path) -> None:
    old = results.read_release(back / "out/rollback.json")
    results.write(
        back / "out/rollback.json", Release("1.0.2", old.commit, old.web, old.api, old.site, old.asset)
    )
    with pytest.raises(PipelineError, match=r"is of 1\.0\.2, and HEAD goes back to 1\.0\.1"):
        packed(back)


def test_an_outdated_rollback_record_is_ignored(back: Path) -> None:
    """The next commit without the trailer rolls forward."""
    recommit(back, "Forward")
    assert packed(back)[0].web == WEB
