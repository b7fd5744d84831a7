"""A job waits for its commit: until it is live, until time is up, until Flux has given up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes.kubernetes import cluster, deployed, release, rolled_back, upgrading
from tests.fakes.pods import Pod
from tests.support.delivery.status_site import Runner, Stage
from tests.support.project import git, run_cli
from tests.support.tools import need


def test_it_ends_when_the_last_pod_has_switched(stage: Stage, status: Runner) -> None:
    """A pod of two is the new one, then both are; a piped log has a line for each change."""
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    stage.door.later = {10: [stage.pod(3), stage.pod(2)], 20: [stage.pod(3)]}
    done = status("--wait", stage.commits[2], "--timeout", "60")
    assert done.code == 0
    new, old = stage.commits[2][:7], stage.commits[1][:7]
    assert [line.partition(" s  ")[2] for line in done.err.splitlines()] == [
        f"production: commit {old} is live; chart 1.0.3",
        f"production: 5 of 10 connections got 1.0.2 (commit {old}), 5 got 1.0.3 (commit {new}); chart 1.0.3",
        f"production: commit {new} is live; chart 1.0.3",
    ]
    assert done.row.endswith(f"commit {new} is live; as main is")


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_commit_may_be_abbreviated(stage: Stage, status: Runner, digits: int) -> None:
    stage.door.pods = [stage.pod(3)]
    done = status("--wait", stage.commits[2][:digits].upper(), "--json")
    assert done.code == 0
    assert done.result["wait"] == {
        "commit": stage.commits[2], "live": True, "seconds": done.result["wait"]["seconds"], "fault": "",
    }  # fmt: skip


def test_a_commit_on_top_counts(stage: Stage, status: Runner) -> None:
    """Two pushes in a row: the first job must not fail because the second was faster."""
    stage.door.pods = [stage.pod(3)]
    assert status("--wait", stage.commits[0]).code == 0
    stage.door.pods = [stage.pod(1)]
    assert status("--wait", stage.commits[2], "--timeout", "0.2").code == 1


def test_without_git_the_id_alone_counts(stage: Stage, status: Runner) -> None:
    shutil.rmtree(stage.project / ".git")
    stage.door.pods = [stage.pod(3)]
    assert status("--wait", stage.commits[2][:9]).code == 0
    assert status("--wait", stage.commits[0][:9], "--timeout", "0.2").code == 1


def test_an_abbreviation_that_nothing_answers_to_is_refused(stage: Stage, status: Runner) -> None:
    """Else a slip of the pen waits for five minutes."""
    stage.door.pods = [stage.pod(3)]
    done = status("--wait", "0123456")
    assert done.code == 1
    assert done.err.startswith("error: commit 0123456: unknown or ambiguous in this clone")
    assert done.seconds < 30
    stage.door.pods = [Pod("1.0.9", "0123456" + "9" * 33)]  # not here, and live all the same
    assert status("--wait", "0123456").code == 0


def test_time_that_is_up_says_the_last_state_of_each_thing(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(2), stage.pod(2), Pod(status=503)]
    done = status("--wait", stage.commits[2], "--timeout", "0.5")
    place = stage.nexus.url.partition("://")[2]
    lines = done.err[done.err.index("error: ") :].splitlines()
    assert (done.code, done.out) == (1, "")
    assert lines[0].startswith(f"error: commit {stage.commits[2][:7]} is not live in production: not after ")
    assert lines[1:] == [
        f"  production, {stage.door.url}",
        f"    front door   {lines[2].split('front door   ')[1]}",
        f"    chart        1.0.3 contains it ({place}/repository/charts)",
        "    HelmRelease  unknown: no kubeconfig",
        "    next         with a kubeconfig of the cluster: kubectl describe helmrelease site -n site",
    ]
    assert f"of 10 connections got 1.0.2 (commit {stage.commits[1][:7]})" in lines[2]
    assert "failed: 503" in lines[2]


def test_what_to_do_next_depends_on_how_far_it_came(stage: Stage, status: Runner) -> None:
    stage.publish(2)
    stage.door.pods = [stage.pod(2)]
    words = ("--wait", stage.commits[2], "--timeout", "0.2")
    said = status(*words).err
    assert f"not published: the newest is 1.0.2, of commit {stage.commits[1][:7]}" in said
    assert "next         check the jobs that publish and promote it" in said
    stage.door.pods = [Pod(status=502)]
    assert "next         fix the front door: no connection got a version" in status(*words).err


def test_json_tells_the_last_look_of_a_wait_that_failed(stage: Stage, status: Runner) -> None:
    stage.door.pods = [stage.pod(2)]
    done = status("--wait", stage.commits[2], "--timeout", "0.2", "--json")
    assert done.code == 1
    assert done.result["wait"]["live"] is False
    assert done.result["environments"][0]["commit"] == stage.commits[1]
    assert done.err.endswith(f"error: {done.result['wait']['fault']}\n")


def test_all_environments_are_waited_for_unless_one_is_named(stage: Stage, status: Runner) -> None:
    stage.door.pods = [stage.pod(3)]
    stage.configure(production="http://127.0.0.1:9", staging=stage.door.url)
    wait = ("--wait", stage.commits[2], "--timeout", "0.2")
    done = status(*wait)
    assert done.code == 1
    assert "is not live in production: not after" in done.err
    assert status(*wait, "--environment", "staging").code == 0


def test_the_kubeconfig_of_another_cluster_helps_nobody(stage: Stage, status: Runner, tmp_path: Path) -> None:
    need("kubectl")
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    with cluster() as kube:
        stage.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release("https://elsewhere.example", rolled_back("1.0.3", "1.0.2"))
        done = status("--wait", stage.commits[2], "--timeout", "0.2")
    assert "HelmRelease  unknown: the kubeconfig is of https://elsewhere.example" in done.err
    assert "next         with a kubeconfig of the cluster" in done.err


def test_it_ends_early_when_flux_has_given_the_commit_up(
    stage: Stage, status: Runner, tmp_path: Path
) -> None:
    """Nobody waits five minutes for what is known: but only for the chart that carries the commit."""
    need("kubectl")
    stage.publish(2)
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    with cluster() as kube:
        stage.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release(stage.door.url, rolled_back("1.0.3", "1.0.2"))
        done = status("--wait", stage.commits[2], "--timeout", "200")
        assert done.code == 1
        assert done.seconds < 60
        assert f"commit {stage.commits[2][:7]} is not live in production: Flux has given it up" in done.err
        assert "HelmRelease  last attempt: 1.0.3; Helm upgrade failed for release" in done.err
        assert "Failed to upgrade after 3 attempt(s)" in done.err
        assert "next         kubectl describe helmrelease site -n site" in done.err
        stage.commit()  # the fix: the chart that Flux gave up is the one before
        stage.publish(4)
        done = status("--wait", stage.commits[3], "--timeout", "0.2")
        assert "not live in production: not after" in done.err


def test_what_is_live_counts_when_flux_is_done_with_it(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """All pods are the new ones and the chart's tests run yet: they may bring the old ones back."""
    need("kubectl")
    stage.publish(2)
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    wait = ("--wait", stage.commits[2], "--timeout", "0.2")
    with cluster() as kube:
        stage.env["KUBECONFIG"] = str(kube.kubeconfig(tmp_path))
        kube.release = release(stage.door.url, upgrading("1.0.3", "1.0.2"))
        done = status(*wait)
        assert done.code == 1
        assert "HelmRelease  last attempt: 1.0.3; Running 'upgrade' action" in done.err
        kube.release = release(
            stage.door.url, rolled_back("1.0.3", "1.0.2")
        )  # failed; its pods are there yet
        assert "Flux has given it up" in status("--wait", stage.commits[2], "--timeout", "200").err
        kube.release = release(stage.door.url, deployed("1.0.3"))
        assert status(*wait).code == 0
        stage.commit()
        stage.publish(4)  # the next one fails, and this one is back: it had passed
        kube.release = release(stage.door.url, rolled_back("1.0.4", "1.0.3"))
        assert status(*wait).code == 0


def test_a_job_that_checked_out_one_commit_waits_for_it(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """As a runner leaves it: no branch, a detached HEAD, in a process of its own."""
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    clone = tmp_path / "builds"
    git(tmp_path, "init", "-q", "-b", "none", str(clone))
    git(clone, "remote", "add", "origin", str(stage.project))
    git(clone, "fetch", "-q", "origin", "main:refs/pipelines/7")
    git(clone, "checkout", "-q", "--detach", "refs/pipelines/7")
    told = {"HOME": str(tmp_path), "KUBECONFIG": "", "CI_DEFAULT_BRANCH": "main"}
    done = run_cli(clone, "status", "--wait", stage.commits[2], "--environment", "production", env=told)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"commit {stage.commits[2][:7]} is live; chart 1.0.3\n")
    assert "Traceback" not in done.stderr
