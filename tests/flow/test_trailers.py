"""Tests of the trailers Rollback-To and As-Of, which count as Git itself reads them."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import pytest

from pipelines.commands.as_of import resolve_as_of
from pipelines.commands.context import Context
from pipelines.core import config
from pipelines.core.errors import PipelineError
from pipelines.flow.versioning import determine_version
from tests.support.delivery.versions import NONE, change
from tests.support.project import COMMITTED, git, write


def test_a_rollback_names_an_older_release(repo: Path) -> None:
    change(
        repo,
        "three",
        "Go back\n\nThe login was slow.\n\nRollback-To: 1.0.1\nSigned-off-by: A <a@small.example>",
    )
    assert determine_version(repo, config.load_config(repo), NONE).rollback == "1.0.1"
    change(repo, "four")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""


@pytest.mark.parametrize(
    ("message", "rollback"),
    [
        ("Go back\n\nRollback-To: 0.9.80-rc",        "0.9.80-rc"),
        ("Go back\n\nrollback-to:1.0.2",             "1.0.2"),
        ("Say\n\nRollback-To: 1.0.1\n\nis a line.",  ""),
        ("Rollback-To: 1.0.1",                       ""),
        ("Go back\n\nRollback-To: 1.0.1\n\nA word more.", ""),
        ("Go back\n\n    Rollback-To: 1.0.1",        ""),  # as `git merge --squash` quotes a message
        ("Go back\n\nROLLBACK-TO : 1.0.1",           "1.0.1"),
        ("Go back\n\nRollback-To:\n 1.0.1",          "1.0.1"),
        ("Go back\n\nRollback-To= 1.0.1",            ""),
        ("Go back\n\nNot-Rollback-To: 1.0.1",        ""),
    ],
)  # fmt: skip
def test_trailers_are_those_of_git_interpret_trailers(repo: Path, message: str, rollback: str) -> None:
    change(repo, "three", message)
    assert determine_version(repo, config.load_config(repo), NONE).rollback == rollback
    write(repo / "out/message", message)
    trailers = git(repo, "interpret-trailers", "--parse", "--no-divider", "out/message").splitlines()
    found = [line.partition(":") for line in trailers]
    assert [value.strip() for key, _, value in found if key.strip().lower() == "rollback-to"] == (
        [rollback] if rollback else []
    )


def test_git_settings_of_a_user_change_no_version(repo: Path) -> None:
    """Another trailer separator would make another release of the same commit."""
    git(repo, "config", "trailer.separators", "=")
    change(repo, "three", "Go back\n\nRollback-To= 1.0.1")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""
    change(repo, "four", "Go back\n\nRollback-To: 1.0.1")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == "1.0.1"


def test_only_the_trailers_of_the_commit_itself_count(repo: Path) -> None:
    """A trailer of a merged or squashed commit is not one of the merge itself."""
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three", "Go back\n\nRollback-To: 1.0.1")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    git(repo, "merge", "-q", "--squash", "side")
    git(repo, "commit", "-q", "--no-edit")  # Git's message quotes that of the commit
    assert "Rollback-To" in git(repo, "log", "-1", "--format=%B")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""


@pytest.mark.parametrize(
    ("message", "as_of"),
    [
        ("Publish\n\nAs-Of: 2026-11-23T18:30:00Z",       1_795_458_600),
        ("Publish\n\nas-of: 2026-11-23",                 1_795_392_000),
        ("Publish\n\nAs-Of: 1795458600",                 1_795_458_600),
        ("Publish\n\nAs-Of: 2026-11-23\n\nis a line.",   0),
    ],
)  # fmt: skip
def test_as_of_sets_which_posts_are_due(repo: Path, message: str, as_of: int) -> None:
    change(repo, "three", message)
    assert determine_version(repo, config.load_config(repo), NONE).as_of == as_of
    context = Context(Namespace(), repo, {}, repo, time.time, time.monotonic, time.sleep, print)
    assert resolve_as_of(context, None) == (as_of or COMMITTED)
    assert resolve_as_of(context, "7") == 7


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("As-Of: soon",                              "As-Of: 'soon' is not a time; write 2026-11-23"),
        ("As-Of: 2026-11-23\nAs-Of: 2026-11-23",     "has 2 trailers As-Of; keep one"),
        ("As-Of: 2026-11-23\nRollback-To: 1.0.1",    "a rollback builds nothing; remove one"),
    ],
)  # fmt: skip
def test_an_invalid_as_of_is_refused(repo: Path, lines: str, fault: str) -> None:
    change(repo, "three", f"Publish\n\n{lines}")
    with pytest.raises(PipelineError, match=fault):
        determine_version(repo, config.load_config(repo), NONE)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("Rollback-To: 1.0.1\nRollback-To: 1.0.2", "has 2 trailers Rollback-To; keep one"),
        ("Rollback-To: yesterday",                 "'yesterday' is not a release"),
        ("Rollback-To: v1.0.1",                    "'v1.0.1' is not a release"),
        ("Rollback-To: 1.0.01",                    "'1.0.01' is not a release"),
        ("Rollback-To: 0.0.0-mr.9.31",             "is not a release"),
        ("Rollback-To: 1.0.3",                     "1.0.3 is not older than this commit's 1.0.3"),
        ("Rollback-To: 1.1.1",                     "1.1.1 is not older than this commit's 1.0.3"),
    ],
)  # fmt: skip
def test_a_rollback_to_an_invalid_release_is_refused(repo: Path, lines: str, fault: str) -> None:
    """A typing error must not publish the new content as a rollback."""
    change(repo, "three", f"Go back\n\n{lines}")
    with pytest.raises(PipelineError, match=fault.replace(".", r"\.")):
        determine_version(repo, config.load_config(repo), NONE)
    assert not (repo / "out/version.json").exists()
