"""Tests of a dirty tree: one that would build more than its commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.flow.versioning import determine_version
from tests.support.delivery.versions import NO_PIPELINE, NONE, PAGE
from tests.support.project import COMMITTED, SMALL_SITE, commit_all, git, run_cli, write


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("content/posts/new.md",                    True),
        ("helm/site/templates/new.yaml",            True),
        ("content/extra/.well-known/new.txt",       True),
        (PAGE,                                      True),
        ("content/posts/.new.md.swp",               False),
        ("content/posts/new.md~",                   False),
        ("pipelines/__pycache__/cli.pyc",           False),
        ("notes.txt",                               False),
        ("out/site.json",                           False),
    ],
)  # fmt: skip
def test_a_tree_is_dirty_when_more_than_the_commit_would_be_built(
    repo: Path, path: str, expected: bool
) -> None:
    write(repo / path, "new")
    assert determine_version(repo, config.load_config(repo), NONE).dirty is expected


def test_locally_ignored_files_make_a_tree_dirty(repo: Path) -> None:
    """A file of .git/info/exclude would be in the site, and in no commit."""
    write(repo / ".git/info/exclude", "*.draft.md\n")
    write(repo / "content/posts/x.draft.md", "new")
    assert determine_version(repo, config.load_config(repo), NONE).dirty


def test_staged_and_removed_files_make_a_tree_dirty(repo: Path) -> None:
    git(repo, "rm", "-q", "--cached", PAGE)
    assert determine_version(repo, config.load_config(repo), NONE).dirty
    git(repo, "reset", "-q")
    assert not determine_version(repo, config.load_config(repo), NONE).dirty
    (repo / PAGE).unlink()
    assert determine_version(repo, config.load_config(repo), NONE).dirty


def test_the_dirty_check_writes_nothing_into_the_repository(repo: Path) -> None:
    """A build must not take the index lock from a concurrent commit."""
    (repo / PAGE).touch()  # git would write the new mtime into its index
    before = (repo / ".git/index").read_bytes()
    assert not determine_version(repo, config.load_config(repo), NONE).dirty
    assert (repo / ".git/index").read_bytes() == before


def test_a_site_in_a_subdirectory_ignores_other_files(tmp_path: Path) -> None:
    """Files outside the project are not built."""
    project = tmp_path / "sites" / "one"
    write(project / PAGE, "---\ntitle: About\n---\nText.\n")
    shutil.copy(SMALL_SITE / "site.toml", project)
    write(tmp_path / "other.txt", "one")
    commit_all(tmp_path, COMMITTED)
    write(tmp_path / "other.txt", "two")
    assert not determine_version(project, config.load_config(project), NONE).dirty
    write(project / "content/posts/new.md", "new")
    assert determine_version(project, config.load_config(project), NONE).dirty


def test_the_command_warns_about_a_dirty_tree(repo: Path) -> None:
    write(repo / PAGE, "new")
    done = run_cli(repo, "version", env=NO_PIPELINE)
    assert (done.returncode, done.stdout) == (0, "1.0.2-rc\n")
    assert "commit it" in done.stderr
