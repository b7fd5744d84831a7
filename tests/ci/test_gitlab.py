"""Tests of the jobs that GitLab runs for a change, with gitlab-ci-local, which has GitLab's schema."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core import digests
from pipelines.site.build_cache import FOLDER
from tests.support.project import ROOT, commit_all, git, run_cli, small_site, write
from tests.support.tools import need
from tests.support.trees import require_package

FILE = ROOT / ".gitlab-ci.yml"
MAIN = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "9"}
PREVIEWS = REQUEST | {"SITE_PREVIEWS": "yes"}
WEEKLY = MAIN | {"CI_PIPELINE_SOURCE": "schedule"}
TAG = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.0.2"}
BACK = "Go back\n\nRollback-To: 1.0.1"
CHECKS = ("lint", "typing", "test", "test-slow")
OUT = ("publish", "rollout")  # and until it is seen


class _Loader(yaml.SafeLoader):
    """Loads !reference as a list."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[object]:
    return list(loader.construct_sequence(node))


_Loader.add_constructor("!reference", _reference)


@cache
def file() -> dict[str, Any]:
    return dict(yaml.load(FILE.read_text(), Loader=_Loader))  # a SafeLoader underneath


def extended(name: str) -> dict[str, Any]:
    """Return a job or a template with what it extends."""
    own = file()[name]
    return {**(extended(own["extends"]) if "extends" in own else {}), **own}


def jobs() -> dict[str, dict[str, Any]]:
    keywords = {"workflow", "stages", "variables", "default"}
    return {name: extended(name) for name in file() if name not in keywords and not name.startswith(".")}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A clone of a project with a remote, which gitlab-ci-local requires."""
    origin = tmp_path / "origin"
    write(origin / "content/pages/about.md", "one")
    write(origin / "pipelines/x.py", "one")
    write(origin / "images/base/web.Containerfile", "one")
    shutil.copy(FILE, origin)
    commit_all(origin, 1_775_000_000)
    git(tmp_path, "clone", "-q", str(origin), "clone")
    # It reads the project's name from the URL, and fetches nothing.
    git(tmp_path / "clone", "remote", "set-url", "origin", "git@gitlab.small.example:me/site.git")
    return tmp_path / "clone"


def local(repo: Path, *argv: str) -> str:
    program = require_package("gitlab-ci-local/dist/index.js")
    env = {**os.environ, "GIT_SSH_COMMAND": "false"}  # nothing leaves this machine
    done = subprocess.run(
        [need("node"), program, *argv], cwd=repo, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_by(repo: Path, variables: dict[str, str]) -> list[str]:
    """Return the jobs of the pipeline that GitLab would start with *variables*."""
    empty = dict.fromkeys(("CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "CI_MERGE_REQUEST_IID"), "")
    if "CI_COMMIT_BRANCH" in variables:
        del empty["CI_COMMIT_TAG"]  # gitlab-ci-local takes an empty variable as set in `if: $CI_COMMIT_TAG`
    argv = [
        word
        for name, value in (empty | variables).items()
        if value
        for word in ("--variable", f"{name}={value}")
    ]
    unset = [
        word
        for name, value in (empty | variables).items()
        if not value
        for word in ("--unset-variable", name)
    ]
    output = local(repo, "--list-csv", *argv, *unset, "--ignore-predefined-vars", ",".join(empty | variables))
    rows = output.partition("name;stage;when")[2].splitlines()[1:]
    return sorted(row.split(";")[0] for row in rows if row.count(";") >= 5)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("variables", "path", "message", "expected"),
    [
        (MAIN,    "content/pages/about.md",        "A change", [*CHECKS, *OUT, "pack", "plan"]),
        (REQUEST, "content/pages/about.md",        "A change", [*CHECKS, "pack"]),
        (MAIN,    "pipelines/x.py",                "A change", [*CHECKS, *OUT, "pack", "plan"]),
        (REQUEST, "pipelines/x.py",                "A change", [*CHECKS, "pack"]),
        (MAIN,    "images/base/web.Containerfile", "A change", ["bases", *CHECKS, *OUT, "pack", "plan"]),
        (PREVIEWS, "content/pages/about.md",       "A change", [*CHECKS, "pack", "preview"]),
        # `make version` detects a rollback; no rule reads the message.
        (MAIN,    "content/pages/about.md",        BACK,       [*CHECKS, *OUT, "pack", "plan"]),
        (REQUEST, "content/pages/about.md",        BACK,       [*CHECKS, "pack"]),
    ],
)  # fmt: skip
def test_no_message_and_no_path_decides_which_jobs_run(
    repo: Path, variables: dict[str, str], path: str, message: str, expected: list[str]
) -> None:
    write(repo / path, "two")
    commit_all(repo, 1_775_000_000, message)
    # The program compares with the remote's main, GitLab with the commit before the push.
    assert run_by(repo, variables | {"CI_COMMIT_MESSAGE": message}) == sorted(expected)


@pytest.mark.slow
def test_the_schedule_runs_updates_and_link_checks(repo: Path) -> None:
    """It checks Debian's updates and external links, and publishes nothing."""
    found = run_by(repo, WEEKLY)
    assert {"bases", "links"} <= set(found)
    assert not {"publish", "preview", "rollout"} & set(found)


@pytest.mark.slow
def test_a_tag_packs_and_publishes(repo: Path) -> None:
    """Its commit was published as a candidate, or is checked by this pipeline."""
    assert run_by(repo, TAG) == sorted([*CHECKS, "pack", "plan", "publish"])


def test_no_rule_reads_the_message_of_a_commit() -> None:
    """A commit message must not select the jobs."""
    assert "CI_COMMIT_MESSAGE" not in FILE.read_text()
    assert "CI_COMMIT_DESCRIPTION" not in FILE.read_text()


def test_a_check_of_the_default_branch_is_not_cancelled_by_the_next_commit() -> None:
    for name in CHECKS:
        assert jobs()[name]["rules"] == [
            {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'},
            {"when": "on_success", "interruptible": False},
        ]
        assert jobs()[name]["artifacts"]["paths"] == ["out/checks"]
        assert name in jobs()["publish"]["needs"]


def test_the_file_follows_the_schema_of_gitlab(repo: Path) -> None:
    output = local(repo, "--list-csv-all")
    assert "json schema validated" in output
    assert "reserved" not in output


def test_each_job_is_one_existing_make_target() -> None:
    """Each job is one make target, which also runs locally."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name, job in jobs().items():
        found = re.fullmatch(r"make ([a-z]+)", str(job["script"]))
        assert found, name
        assert found[1] in targets


def test_artifacts_are_for_members_of_the_project() -> None:
    """Artifacts of a public project are public, and these contain members' pages."""
    artifacts = {name: job["artifacts"] for name, job in jobs().items() if "artifacts" in job}
    assert {name: one.get("access") for name, one in artifacts.items()} == dict.fromkeys(
        artifacts, "developer"
    )
    assert all("expire_in" in one for one in artifacts.values())


def test_jobs_with_credentials_are_scoped_and_not_interruptible() -> None:
    """A job without an environment gets no variable that is scoped to one."""
    holders = {name for name, job in jobs().items() if "environment" in job}
    assert holders == {"bases", "plan", "publish", "rollout", "preview"}
    assert not any("environment" in jobs()[name] for name in (*CHECKS, "pack"))  # they run code of any commit
    for name in ("publish", "preview"):
        assert jobs()[name]["resource_group"]
        assert jobs()[name]["interruptible"] is False


def test_the_whole_history_is_cloned_and_nothing_is_privileged() -> None:
    assert file()["variables"]["GIT_DEPTH"] == "0"
    text = re.sub(r"#.*", "", FILE.read_text())
    assert "privileged" not in text
    assert "dind" not in text


def test_cache_keys_are_the_files_that_pin_the_contents() -> None:
    """All but that of builds, which checks each of its inputs itself."""
    keys = [one["key"] for job in jobs().values() for one in job.get("cache", []) if not is_build(one)]
    assert keys
    assert [path for key in keys for path in key["files"] if not (ROOT / path).is_file()] == []
    assert all(len(key["files"]) <= 2 for key in keys)  # GitLab takes no more


def test_only_pack_has_the_cache_of_builds_and_merge_requests_have_their_own() -> None:
    """GitLab separates the caches of protected refs; the key separates those of merge requests."""
    found = {name: one for name, job in jobs().items() for one in job.get("cache", []) if is_build(one)}
    assert found == {
        "pack": {"key": "build-$CI_MERGE_REQUEST_IID", "paths": [f"out/{FOLDER}"], "policy": "pull-push"}
    }
    caches, others = jobs()["pack"]["cache"], file()[".run"]["cache"]
    assert [one for one in caches if not is_build(one)] == others
    assert len(caches) <= 4  # GitLab takes no more
    assert f"out/{FOLDER}/**/*" in jobs()["pack"]["artifacts"]["exclude"]


def is_build(entry: dict[str, Any]) -> bool:
    """Whether *entry* of ``cache:`` is that of builds."""
    return list(entry["paths"]) == [f"out/{FOLDER}"]


@pytest.mark.slow
def test_the_next_job_builds_what_changed_only(tmp_path: Path) -> None:
    """It has a clone in another directory, and of out/ what its caches have restored."""
    first = tmp_path / "builds/1"
    first.mkdir(parents=True)
    site = small_site(first)
    assert run_cli(site, "build").returncode == 0
    second = tmp_path / "builds/2/deeper"
    git(site, "clone", "-q", str(site), str(second))
    for path in (path for one in jobs()["pack"]["cache"] for path in one["paths"]):
        if (site / path).exists():
            shutil.copytree(site / path, second / path, copy_function=shutil.copyfile)
    assert summary(second) == (0, 0)
    tree = "out/site"
    assert digests.tree_digest(site / tree) == digests.tree_digest(second / tree)
    page = second / "content/pages/about.md"
    write(page, page.read_text().replace("where", "there"))
    assert summary(second) == (1, 1)


def summary(project: Path) -> tuple[int, int]:
    """Build; return how many texts were converted, and how many pages and feeds rendered."""
    printed = run_cli(project, "build").stdout
    found = re.search(r"^again   (\d+) of \d+ texts, (\d+) of \d+ pages and feeds$", printed, re.MULTILINE)
    assert found, printed
    return int(found[1]), int(found[2])
