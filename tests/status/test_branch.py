"""Tests of the distance between the live commit and the branch."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fakes.pods import Pod
from tests.support.delivery.status_site import Runner, StatusSite
from tests.support.project import git


def test_commits_that_are_not_live_are_counted(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(1)
    status_site.publish(2)
    status_site.door.pods = [status_site.pod(1)]
    assert status().row.endswith("is live; 1.0.2 is published, not rolled out; 2 commits behind main")
    status_site.door.pods = [status_site.pod(2)]
    assert status().row.endswith("is live; 1 commit behind main")


def test_a_clone_that_is_behind_is_reported(status_site: StatusSite, status: Runner) -> None:
    git(status_site.project, "reset", "-q", "--hard", status_site.commits[0])
    status_site.door.pods = [status_site.pod(3)]
    assert status().row.endswith("2 commits that main here does not have (git fetch)")
    status_site.door.pods = [Pod("1.0.9", "9" * 40)]
    assert status().row.endswith("this clone does not have its commit (git fetch)")


def test_main_is_the_newer_of_remote_and_local_branch(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """A pipeline checks out one commit; a clone may be ahead of its remote or behind it."""
    origin, status_site.project = status_site.project, tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), "clone")
    status_site.door.pods = [status_site.pod(1)]
    clone, status_site.project = status_site.project, origin
    status_site.commit()
    status_site.project = clone
    git(clone, "fetch", "-q")
    assert status("--json").result["branch"]["commit"] == status_site.commits[3]
    git(clone, "checkout", "-q", "--detach", status_site.commits[0])
    git(clone, "branch", "-q", "-D", "main")
    assert status("--json").result["branch"]["version"] == "1.0.4"
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    assert status("--json").result["branch"]["name"] == "HEAD"


def test_a_project_without_git_is_reported(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    shutil.rmtree(status_site.project / ".git")
    done = status()
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].endswith("not a Git repository")
    assert "is live" in done.row


def test_a_shallow_clone_counts_nothing(status_site: StatusSite, status: Runner, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{status_site.project}", "clone")
    status_site.project = tmp_path / "clone"
    status_site.door.pods = [status_site.pod(3)]
    done = status("--json").result
    assert done["branch"]["version"] == ""
    assert done["branch"]["fault"] == "this clone is shallow (git fetch --unshallow)"
    assert done["environments"][0]["behind"] == 0
