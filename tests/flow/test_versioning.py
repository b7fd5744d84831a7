"""Tests of the version of a commit, on real Git repositories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core import config, results
from pipelines.core.errors import PipelineError, ToolError
from pipelines.flow.versioning import Pipeline, determine_version
from tests.support.delivery.versions import NO_PIPELINE, NONE, change, named
from tests.support.project import COMMITTED, SMALL_SITE, commit_all, git, run_cli, write


def test_main_makes_candidates_and_counts_all_commits(repo: Path) -> None:
    """Merged commits count, so the number goes up whichever parent comes first."""
    assert named(repo) == ("1.0.2-rc", "candidate")
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three")
    change(repo, "four")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert named(repo) == ("1.0.5-rc", "candidate")


def test_a_pull_that_merges_goes_up(repo: Path, tmp_path: Path) -> None:
    """The local commit is the first parent of the merge, and the published one the second."""
    git(tmp_path, "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    for number in range(3):
        change(repo, f"published {number}")
    assert named(repo) == ("1.0.5-rc", "candidate")
    write(clone / "content/pages/other.md", "---\ntitle: Other\n---\nText.\n")
    commit_all(clone, COMMITTED)
    git(clone, "pull", "-q", "--no-rebase", "--no-edit")
    assert named(clone) == ("1.0.7-rc", "candidate")


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=2)), max_size=12))
def test_every_push_of_a_descendant_has_a_higher_version(graph: list[tuple[int, list[int]]]) -> None:
    """For any history: merges with any first parent, several roots, criss-cross merges."""
    with TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copy(SMALL_SITE / "site.toml", project)
        commit_all(project, COMMITTED)
        tree = git(project, "rev-parse", "HEAD^{tree}").strip()
        commits, parents = [git(project, "rev-parse", "HEAD").strip()], list[set[int]]([set()])
        for number, (first, more) in enumerate(graph):
            chosen = list(dict.fromkeys(one % len(commits) for one in (first, *more)))
            flags = [word for one in chosen for word in ("-p", commits[one])]
            commits.append(git(project, "commit-tree", tree, *flags, "-m", f"{number}").strip())
            parents.append(set(chosen).union(*(parents[one] for one in chosen)))
        numbers = []
        for commit in commits:
            git(project, "update-ref", "refs/heads/main", commit)
            numbers.append(
                int(determine_version(project, config.load_config(project), NONE).version.split(".")[2][:-3])
            )
        for one, ancestors in enumerate(parents):
            assert all(numbers[older] < numbers[one] for older in ancestors)
            assert numbers[one] == len(ancestors) + 1


def test_the_result_is_written_for_the_next_step(repo: Path) -> None:
    result = determine_version(repo, config.load_config(repo), NONE)
    assert results.read_version(repo / "out/version.json") == result
    assert (result.commit, result.time) == (git(repo, "rev-parse", "HEAD").strip(), COMMITTED)
    assert (result.dirty, result.rollback) == (False, "")


def test_a_merge_request_is_numbered_by_gitlab(repo: Path) -> None:
    """Two runs of one merge request must not be one version."""
    git(repo, "checkout", "-q", "--detach")
    pipeline = Pipeline(merge_request="9", number="31", default="main")
    assert named(repo, pipeline) == ("0.0.0-mr.9.31", "preview")


@pytest.mark.parametrize("numbers", [("9", ""), ("x", "1"), ("09", "1"), ("9", "1+2")])
def test_numbers_that_are_not_semver_are_refused(repo: Path, numbers: tuple[str, str]) -> None:
    with pytest.raises(PipelineError, match="give CI_MERGE_REQUEST_IID and CI_PIPELINE_IID"):
        named(repo, Pipeline(*numbers))


def test_a_tag_is_the_stable_version_of_its_commit(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    assert named(repo, Pipeline(tag="v1.0.2", default="main")) == ("1.0.2", "stable")


@pytest.mark.parametrize("tag", ["v1.0.1", "v1.0.2-rc", "1.0.2", "v1.1.2"])
def test_a_tag_at_another_commit_is_refused(repo: Path, tag: str) -> None:
    """One version would have two contents, which the archive would refuse only later."""
    with pytest.raises(PipelineError, match=r"v1\.0\.2 is the tag of this one"):
        named(repo, Pipeline(tag=tag))


def test_a_checkout_of_gitlab_is_of_the_default_branch(repo: Path, tmp_path: Path) -> None:
    """A runner checks out a detached commit, and passes the branch names in variables."""
    clone = tmp_path / "builds"
    git(tmp_path, "init", "-q", "-b", "none", str(clone))
    git(clone, "remote", "add", "origin", str(repo))
    git(clone, "fetch", "-q", "origin", "main:refs/pipelines/7")
    git(clone, "checkout", "-q", "--detach", "refs/pipelines/7")
    assert named(clone, Pipeline(number="7", branch="main", default="main")) == ("1.0.2-rc", "candidate")


@pytest.mark.parametrize("default", ["main", "trunk"])
def test_a_clone_finds_its_default_branch(repo: Path, tmp_path: Path, default: str) -> None:
    """By any name, and from any of its commits."""
    git(repo, "branch", "-m", default)
    git(tmp_path, "clone", "-q", str(repo), "clone")
    git(tmp_path / "clone", "checkout", "-q", "HEAD~1")
    assert named(tmp_path / "clone") == ("1.0.1-rc", "candidate")


def test_another_branch_never_takes_a_number_of_main(repo: Path) -> None:
    """Another content with the same number would block the release of main."""
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three")
    head = git(repo, "rev-parse", "HEAD")[:8]
    assert named(repo) == (f"0.0.0-branch.3.g{head}", "preview")


def test_a_commit_that_came_in_by_a_merge_is_not_one_of_main(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    git(repo, "checkout", "-q", "side")
    assert named(repo)[1] == "preview"


def test_a_shallow_clone_is_refused(repo: Path, tmp_path: Path) -> None:
    """Its count starts at the cut, so the number may already be published."""
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "clone")
    with pytest.raises(PipelineError, match="set GIT_DEPTH to 0"):
        named(tmp_path / "clone")


def test_without_git_there_is_no_version(repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    with pytest.raises(ToolError, match="clone the site with Git"):
        named(repo)


def test_without_a_commit_there_is_no_version(repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    git(repo, "init", "-q")
    with pytest.raises(ToolError, match="no commit here"):
        named(repo)


def test_the_command_reads_the_variables_of_gitlab(repo: Path) -> None:
    """Only the command reads the environment; steps get values."""
    environ = {"CI_MERGE_REQUEST_IID": "9", "CI_PIPELINE_IID": "31", "CI_DEFAULT_BRANCH": "main"}
    done = run_cli(repo, "version", env=NO_PIPELINE | environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.0.0-mr.9.31\n", "")
    done = run_cli(repo, "version", "--json", env=NO_PIPELINE | {"CI_COMMIT_TAG": "v1.0.2"})
    assert json.loads(done.stdout) == json.loads((repo / "out/version.json").read_text())
    assert json.loads(done.stdout)["kind"] == "stable"
