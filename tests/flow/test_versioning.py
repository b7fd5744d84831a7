"""Which version a commit is, told by real repositories."""

from __future__ import annotations

import json
import shutil
import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.commands.as_of import resolve_as_of
from pipelines.commands.context import Context
from pipelines.core import config, results
from pipelines.core.errors import PipelineError, ToolError
from pipelines.flow.versioning import Pipeline, determine_version
from tests.support.project import COMMITTED, SMALL_SITE, commit_all, git, run_cli, write

NONE = Pipeline()
# Where these tests run in a pipeline themselves, its variables are not meant.
NO_PIPELINE = dict.fromkeys(
    ("CI_MERGE_REQUEST_IID", "CI_PIPELINE_IID", "CI_COMMIT_BRANCH", "CI_DEFAULT_BRANCH", "CI_COMMIT_TAG"), ""
)
PAGE = "content/pages/about.md"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A project of two commits on main; its site.toml says 1.0."""
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
    write(project / PAGE, f"---\ntitle: About\n---\n{text}\n")
    commit_all(project, COMMITTED, message)


def named(project: Path, pipeline: Pipeline = NONE) -> tuple[str, str]:
    result = determine_version(project, config.load_config(project), pipeline)
    return result.version, result.kind


def test_main_makes_candidates_and_counts_all_commits(repo: Path) -> None:
    """Those that a merge brings count as well: whichever parent comes first, the number goes up."""
    assert named(repo) == ("1.0.2-rc", "candidate")
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three")
    change(repo, "four")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert named(repo) == ("1.0.5-rc", "candidate")


def test_a_pull_that_merges_goes_up(repo: Path, tmp_path: Path) -> None:
    """A local commit is the first parent of the merge, and what was published the second one."""
    git(tmp_path, "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    for number in range(3):
        change(repo, f"published {number}")
    assert named(repo) == ("1.0.5-rc", "candidate")
    write(clone / "content/pages/other.md", "---\ntitle: Other\n---\nText.\n")
    commit_all(clone, COMMITTED)
    git(clone, "pull", "-q", "--no-rebase", "--no-edit")
    assert named(clone) == ("1.0.7-rc", "candidate")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=2)), max_size=12))
def test_every_push_of_a_descendant_has_a_higher_version(graph: list[tuple[int, list[int]]]) -> None:
    """Whatever the history looks like: merges with any first parent, several roots, criss-cross."""
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


def test_the_result_is_left_for_the_next_step(repo: Path) -> None:
    result = determine_version(repo, config.load_config(repo), NONE)
    assert results.read_version(repo / "out/version.json") == result
    assert (result.commit, result.time) == (git(repo, "rev-parse", "HEAD").strip(), COMMITTED)
    assert (result.dirty, result.rollback) == (False, "")


def test_a_merge_request_is_numbered_by_gitlab(repo: Path) -> None:
    """Two runs of one merge request must not be one version."""
    git(repo, "checkout", "-q", "--detach")
    told = Pipeline(merge_request="9", number="31", default="main")
    assert named(repo, told) == ("0.0.0-mr.9.31", "preview")


@pytest.mark.parametrize("numbers", [("9", ""), ("x", "1"), ("09", "1"), ("9", "1+2")])
def test_numbers_that_no_version_can_hold_are_refused(repo: Path, numbers: tuple[str, str]) -> None:
    with pytest.raises(PipelineError, match="give CI_MERGE_REQUEST_IID and CI_PIPELINE_IID"):
        named(repo, Pipeline(*numbers))


def test_a_tag_is_the_stable_version_of_its_commit(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    assert named(repo, Pipeline(tag="v1.0.2", default="main")) == ("1.0.2", "stable")


@pytest.mark.parametrize("tag", ["v1.0.1", "v1.0.2-rc", "1.0.2", "v1.1.2"])
def test_a_tag_at_another_commit_is_refused(repo: Path, tag: str) -> None:
    """Else one version would have two contents, and the archive would refuse the second one late."""
    with pytest.raises(PipelineError, match=r"v1\.0\.2 is the tag of this one"):
        named(repo, Pipeline(tag=tag))


def test_a_checkout_of_gitlab_is_of_the_default_branch(repo: Path, tmp_path: Path) -> None:
    """A runner fetches the commit, checks it out without a branch, and says the names in variables."""
    clone = tmp_path / "builds"
    git(tmp_path, "init", "-q", "-b", "none", str(clone))
    git(clone, "remote", "add", "origin", str(repo))
    git(clone, "fetch", "-q", "origin", "main:refs/pipelines/7")
    git(clone, "checkout", "-q", "--detach", "refs/pipelines/7")
    assert named(clone, Pipeline(number="7", branch="main", default="main")) == ("1.0.2-rc", "candidate")


@pytest.mark.parametrize("default", ["main", "trunk"])
def test_a_clone_knows_its_default_branch(repo: Path, tmp_path: Path, default: str) -> None:
    """Whatever it is called, and whichever commit of it is looked at."""
    git(repo, "branch", "-m", default)
    git(tmp_path, "clone", "-q", str(repo), "clone")
    git(tmp_path / "clone", "checkout", "-q", "HEAD~1")
    assert named(tmp_path / "clone") == ("1.0.1-rc", "candidate")


def test_another_branch_never_takes_a_number_of_main(repo: Path) -> None:
    """The same number of another content would stop main's own release."""
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


def test_what_one_person_ignores_is_built_all_the_same(repo: Path) -> None:
    """info/exclude is on one machine: the file would be in the site, and in no commit."""
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


def test_looking_writes_nothing_into_the_repository(repo: Path) -> None:
    """A build must not take the lock that somebody's commit waits for."""
    (repo / PAGE).touch()  # git would note the new time in its index
    before = (repo / ".git/index").read_bytes()
    assert not determine_version(repo, config.load_config(repo), NONE).dirty
    assert (repo / ".git/index").read_bytes() == before


def test_a_site_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    """What else lies in the repository is nobody's business here."""
    project = tmp_path / "sites" / "one"
    write(project / PAGE, "---\ntitle: About\n---\nText.\n")
    shutil.copy(SMALL_SITE / "site.toml", project)
    write(tmp_path / "other.txt", "one")
    commit_all(tmp_path, COMMITTED)
    write(tmp_path / "other.txt", "two")
    assert not determine_version(project, config.load_config(project), NONE).dirty
    write(project / "content/posts/new.md", "new")
    assert determine_version(project, config.load_config(project), NONE).dirty


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
def test_only_what_git_calls_a_trailer_counts(repo: Path, message: str, rollback: str) -> None:
    change(repo, "three", message)
    assert determine_version(repo, config.load_config(repo), NONE).rollback == rollback
    write(repo / "out/message", message)
    told = git(repo, "interpret-trailers", "--parse", "--no-divider", "out/message").splitlines()
    found = [line.partition(":") for line in told]
    assert [value.strip() for key, _, value in found if key.strip().lower() == "rollback-to"] == (
        [rollback] if rollback else []
    )


def test_settings_of_one_persons_git_change_no_version(repo: Path) -> None:
    """Another separator of trailers would make another release of the same commit."""
    git(repo, "config", "trailer.separators", "=")
    change(repo, "three", "Go back\n\nRollback-To= 1.0.1")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""
    change(repo, "four", "Go back\n\nRollback-To: 1.0.1")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == "1.0.1"


def test_only_the_trailers_of_the_commit_itself_count(repo: Path) -> None:
    """A merge brings commits of others; what they once went back to is nothing that this one says."""
    git(repo, "checkout", "-q", "-b", "side")
    change(repo, "three", "Go back\n\nRollback-To: 1.0.1")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert determine_version(repo, config.load_config(repo), NONE).rollback == ""
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    git(repo, "merge", "-q", "--squash", "side")
    git(repo, "commit", "-q", "--no-edit")  # Git's own message, which quotes that of the commit
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
def test_a_commit_may_say_which_posts_are_due(repo: Path, message: str, as_of: int) -> None:
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
def test_a_time_that_is_none_is_refused(repo: Path, lines: str, fault: str) -> None:
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
def test_a_rollback_to_nowhere_is_refused(repo: Path, lines: str, fault: str) -> None:
    """A typing error must not publish the old content under the words of a rollback."""
    change(repo, "three", f"Go back\n\n{lines}")
    with pytest.raises(PipelineError, match=fault.replace(".", r"\.")):
        determine_version(repo, config.load_config(repo), NONE)
    assert not (repo / "out/version.json").exists()


def test_a_shallow_clone_is_refused(repo: Path, tmp_path: Path) -> None:
    """It would count from where it was cut, and publish a number that is taken."""
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
    """Steps read no environment: this is the one place that knows the names."""
    told = {"CI_MERGE_REQUEST_IID": "9", "CI_PIPELINE_IID": "31", "CI_DEFAULT_BRANCH": "main"}
    done = run_cli(repo, "version", env=NO_PIPELINE | told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.0.0-mr.9.31\n", "")
    done = run_cli(repo, "version", "--json", env=NO_PIPELINE | {"CI_COMMIT_TAG": "v1.0.2"})
    assert json.loads(done.stdout) == json.loads((repo / "out/version.json").read_text())
    assert json.loads(done.stdout)["kind"] == "stable"


def test_the_command_says_that_a_tree_is_dirty(repo: Path) -> None:
    write(repo / PAGE, "new")
    done = run_cli(repo, "version", env=NO_PIPELINE)
    assert (done.returncode, done.stdout) == (0, "1.0.2-rc\n")
    assert "commit it" in done.stderr
