"""Tests of `status --wait`: until the commit is live, the timeout ends, or Flux has given up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes.kubernetes import cluster, deployed, release, rolled_back, upgrading
from tests.fakes.pods import Pod
from tests.support.delivery.status_site import Runner, StatusSite
from tests.support.project import git, run_cli
from tests.support.tools import need


@pytest.mark.slow
def test_it_ends_when_the_last_pod_has_switched(status_site: StatusSite, status: Runner) -> None:
    """A pod of two is the new one, then both are; a piped log has a line for each change."""
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    status_site.door.later = {10: [status_site.pod(3), status_site.pod(2)], 20: [status_site.pod(3)]}
    done = status("--wait", status_site.commits[2], "--timeout", "60")
    assert done.code == 0
    new, old = status_site.commits[2][:7], status_site.commits[1][:7]
    assert [line.partition(" s  ")[2] for line in done.err.splitlines()] == [
        f"production: 10 of 10 connections got 1.0.2 (commit {old}); chart 1.0.3",
        f"production: 5 of 10 connections got 1.0.2 (commit {old}), 5 got 1.0.3 (commit {new}); chart 1.0.3",
        f"production: 10 of 10 connections got 1.0.3 (commit {new}); chart 1.0.3",
        f"production: commit {new} is live; chart 1.0.3",
    ]
    assert done.row.endswith(f"commit {new} is live; as main is")


@pytest.mark.slow
def test_live_is_said_once_when_no_old_pod_answers_any_more(status_site: StatusSite, status: Runner) -> None:
    """An old pod of many is missed by a probe, and answers the next one: nothing is taken back."""
    status_site.publish(3)
    old, new = status_site.pod(2), status_site.pod(3)
    status_site.door.pods = [new]
    status_site.door.later = {20: [new] * 9 + [old], 30: [new]}
    done = status("--wait", status_site.commits[2], "--timeout", "60")
    lines = [line.partition(" s  ")[2] for line in done.err.splitlines()]
    assert done.code == 0
    assert ["is live" in line for line in lines] == [False, False, False, True]
    assert lines[1].startswith("production: 9 of 10 connections got 1.0.3 ")
    assert len(status_site.door.requests) == 60  # two probes, one with the old pod, and three in a row


@pytest.mark.slow
def test_the_timeout_does_not_cut_off_the_confirmation(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    assert status("--wait", status_site.commits[2], "--timeout", "0.2").code == 0
    status_site.door.later = {len(status_site.door.requests) + 20: [status_site.pod(2)]}
    done = status("--wait", status_site.commits[2], "--timeout", "0.2")
    assert done.code == 1
    assert "is live" not in done.err


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_commit_may_be_abbreviated(status_site: StatusSite, status: Runner, digits: int) -> None:
    status_site.door.pods = [status_site.pod(3)]
    done = status("--wait", status_site.commits[2][:digits].upper(), "--json")
    assert done.code == 0
    assert done.result["wait"] == {
        "commit": status_site.commits[2], "live": True, "fault": "",
        "seconds": done.result["wait"]["seconds"],
    }  # fmt: skip


@pytest.mark.slow
def test_a_commit_on_top_counts(status_site: StatusSite, status: Runner) -> None:
    """Two pushes in a row: the first job must not fail because the second was faster."""
    status_site.door.pods = [status_site.pod(3)]
    assert status("--wait", status_site.commits[0]).code == 0
    status_site.door.pods = [status_site.pod(1)]
    assert status("--wait", status_site.commits[2], "--timeout", "0.2").code == 1


@pytest.mark.slow
def test_without_git_the_id_alone_counts(status_site: StatusSite, status: Runner) -> None:
    shutil.rmtree(status_site.project / ".git")
    status_site.door.pods = [status_site.pod(3)]
    assert status("--wait", status_site.commits[2][:9]).code == 0
    assert status("--wait", status_site.commits[0][:9], "--timeout", "0.2").code == 1


def test_an_unknown_abbreviation_is_refused(status_site: StatusSite, status: Runner) -> None:
    """A typing error must not wait for five minutes."""
    status_site.door.pods = [status_site.pod(3)]
    done = status("--wait", "0123456")
    assert done.code == 1
    assert done.err.startswith("error: commit 0123456: unknown or ambiguous in this clone")
    assert done.seconds < 30
    status_site.door.pods = [Pod("1.0.9", "0123456" + "9" * 33)]  # live, but not in this clone
    assert status("--wait", "0123456").code == 0


@pytest.mark.slow
def test_a_timeout_prints_the_last_state_of_each_component(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2), status_site.pod(2), Pod(status=503)]
    done = status("--wait", status_site.commits[2], "--timeout", "0.5")
    address = status_site.nexus.url.partition("://")[2]
    lines = done.err[done.err.index("error: ") :].splitlines()
    assert (done.code, done.out) == (1, "")
    assert lines[0].startswith(
        f"error: commit {status_site.commits[2][:7]} is not live in production: not after "
    )
    assert lines[1:] == [
        f"  production, {status_site.door.url}",
        f"    front door   {lines[2].split('front door   ')[1]}",
        f"    chart        1.0.3 contains it ({address}/repository/charts)",
        "    HelmRelease  unknown: no kubeconfig",
        "    next         with a kubeconfig of the cluster: kubectl describe helmrelease site -n site",
    ]
    assert f"of 10 connections got 1.0.2 (commit {status_site.commits[1][:7]})" in lines[2]
    assert "failed: 503" in lines[2]


@pytest.mark.slow
def test_the_next_step_depends_on_the_rollout_progress(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(2)
    status_site.door.pods = [status_site.pod(2)]
    argv = ("--wait", status_site.commits[2], "--timeout", "0.2")
    err = status(*argv).err
    assert f"not published: the newest is 1.0.2, of commit {status_site.commits[1][:7]}" in err
    assert "next         check the jobs that publish and promote it" in err
    status_site.door.pods = [Pod(status=502)]
    assert "next         fix the front door: no connection got a version" in status(*argv).err


@pytest.mark.slow
def test_json_contains_the_last_probe_of_a_failed_wait(status_site: StatusSite, status: Runner) -> None:
    status_site.door.pods = [status_site.pod(2)]
    done = status("--wait", status_site.commits[2], "--timeout", "0.2", "--json")
    assert done.code == 1
    assert done.result["wait"]["live"] is False
    assert done.result["environments"][0]["commit"] == status_site.commits[1]
    assert done.err.endswith(f"error: {done.result['wait']['fault']}\n")


@pytest.mark.slow
def test_all_environments_are_waited_for_unless_one_is_named(status_site: StatusSite, status: Runner) -> None:
    status_site.door.pods = [status_site.pod(3)]
    status_site.configure(production="http://127.0.0.1:9", staging=status_site.door.url)
    wait = ("--wait", status_site.commits[2], "--timeout", "0.2")
    done = status(*wait)
    assert done.code == 1
    assert "is not live in production: not after" in done.err
    assert status(*wait, "--environment", "staging").code == 0


def test_the_kubeconfig_of_another_cluster_is_not_used(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    need("kubectl")
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    with cluster() as kube:
        status_site.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release("https://elsewhere.example", rolled_back("1.0.3", "1.0.2"))
        done = status("--wait", status_site.commits[2], "--timeout", "0.2")
    assert "HelmRelease  unknown: the kubeconfig is of https://elsewhere.example" in done.err
    assert "next         with a kubeconfig of the cluster" in done.err


def test_it_ends_early_when_flux_has_given_the_commit_up(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """A known failure ends the wait at once, but only that of the chart of the commit."""
    need("kubectl")
    status_site.publish(2)
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    with cluster() as kube:
        status_site.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release(status_site.door.url, rolled_back("1.0.3", "1.0.2"))
        done = status("--wait", status_site.commits[2], "--timeout", "200")
        assert done.code == 1
        assert done.seconds < 60
        assert (
            f"commit {status_site.commits[2][:7]} is not live in production: Flux has given it up" in done.err
        )
        assert "HelmRelease  last attempt: 1.0.3; Helm upgrade failed for release" in done.err
        assert "Failed to upgrade after 3 attempt(s)" in done.err
        assert "next         kubectl describe helmrelease site -n site" in done.err
        status_site.commit()  # the fix: the chart that Flux gave up is the one before
        status_site.publish(4)
        done = status("--wait", status_site.commits[3], "--timeout", "0.2")
        assert "not live in production: not after" in done.err


@pytest.mark.slow
def test_a_live_commit_counts_when_flux_has_finished(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """While the chart's tests run on the new pods, Flux may still roll back."""
    need("kubectl")
    status_site.publish(2)
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    wait = ("--wait", status_site.commits[2], "--timeout", "0.2")
    with cluster() as kube:
        status_site.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release(status_site.door.url, upgrading("1.0.3", "1.0.2"))
        done = status(*wait)
        assert done.code == 1
        assert "HelmRelease  last attempt: 1.0.3; Running 'upgrade' action" in done.err
        kube.release = release(
            status_site.door.url, rolled_back("1.0.3", "1.0.2")
        )  # failed; its pods are there yet
        assert "Flux has given it up" in status("--wait", status_site.commits[2], "--timeout", "200").err
        kube.release = release(status_site.door.url, deployed("1.0.3"))
        assert status(*wait).code == 0
        status_site.commit()
        status_site.publish(4)  # the next one fails, and this one is back: it had passed
        kube.release = release(status_site.door.url, rolled_back("1.0.4", "1.0.3"))
        assert status(*wait).code == 0


@pytest.mark.slow
def test_a_job_that_checked_out_one_commit_waits_for_it(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """A runner checks out a detached HEAD without a branch."""
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    clone = tmp_path / "builds"
    git(tmp_path, "init", "-q", "-b", "none", str(clone))
    git(clone, "remote", "add", "origin", str(status_site.project))
    git(clone, "fetch", "-q", "origin", "main:refs/pipelines/7")
    git(clone, "checkout", "-q", "--detach", "refs/pipelines/7")
    environ = {"HOME": str(tmp_path), "KUBECONFIG": "", "CI_DEFAULT_BRANCH": "main"}
    done = run_cli(
        clone, "status", "--wait", status_site.commits[2], "--environment", "production", env=environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"commit {status_site.commits[2][:7]} is live; chart 1.0.3\n")
    assert "Traceback" not in done.stderr
