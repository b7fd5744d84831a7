"""A project with two commits, and the version of its HEAD."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.flow.versioning import Pipeline, determine_version
from tests.support.project import COMMITTED, SMALL_SITE, commit_all, write

NONE = Pipeline()


# The variables of a pipeline that these tests may run in.
NO_PIPELINE = dict.fromkeys(
    ("CI_MERGE_REQUEST_IID", "CI_PIPELINE_IID", "CI_COMMIT_BRANCH", "CI_DEFAULT_BRANCH", "CI_COMMIT_TAG"), ""
)


PAGE = "content/pages/about.md"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A project with two commits on main and version 1.0 in site.toml."""
    project = tmp_path / "site"
    write(project / PAGE, "---\ntitle: About\n---\nText.\n")
    shutil.copy(SMALL_SITE / "site.toml", project)
    write(project / ".gitignore", "/out/\n__pycache__/\n")
    with (project / "site.toml").open("a") as file:
        file.write('\n[chart]\nversion = "1.0"\n')
    commit_all(project, COMMITTED)
    change(project, "two")
    return project


def change(project: Path, text: str, message: str = "A change") -> None:
    """Commit *text* as the page."""
    write(project / PAGE, f"---\ntitle: About\n---\n{text}\n")
    commit_all(project, COMMITTED, message)


def named(project: Path, pipeline: Pipeline = NONE) -> tuple[str, str]:
    """Return the version of HEAD and its kind."""
    result = determine_version(project, config.load_config(project), pipeline)
    return result.version, result.kind
