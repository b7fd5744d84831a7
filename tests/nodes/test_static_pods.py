"""The script that stops a control plane for a moment: whatever happens, its manifests come back."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from nodes.tasks.kubernetes import static_pods

NAMES = ["etcd.yaml", "kube-apiserver.yaml"]


def run(directory: Path, *argv: str, ports: str = "", seconds: int = 5) -> subprocess.CompletedProcess[str]:
    """Run the script below *directory*; `ss` says that *ports* are in use."""
    manifests, away = directory / "manifests", directory / "away"
    manifests.mkdir(exist_ok=True)
    for name in NAMES:
        if not (away / name).exists():
            (manifests / name).write_text(name)
    stub = directory / "bin" / "ss"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\ncase " {ports} " in *" ${{2##* :}} "*) echo LISTEN ;; esac\n')
    stub.chmod(0o755)
    script = static_pods._WHILE_STOPPED.replace(static_pods.MANIFESTS, str(manifests))
    script = script.replace(static_pods.AWAY, str(away)).replace(f"+ {static_pods._STOP}", f"+ {seconds}")
    script = script.replace(static_pods._LOCK, str(directory / "lock"))
    environ = os.environ | {"PATH": f"{stub.parent}:{os.environ['PATH']}"}
    argv = ("sh", "-c", script, "sh", "6443", *argv)
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)


def manifests(directory: Path) -> list[str]:
    assert list((directory / "away").iterdir()) == []
    return sorted(one.name for one in (directory / "manifests").iterdir())


def test_the_command_runs_while_they_are_away(tmp_path: Path) -> None:
    done = run(tmp_path, "sh", "-c", f"ls {tmp_path}/manifests; echo {tmp_path.name}; ls {tmp_path}/away")
    assert done.stdout.split() == [tmp_path.name, *NAMES]
    assert done.returncode == 0
    assert manifests(tmp_path) == NAMES


def test_they_come_back_when_the_command_fails(tmp_path: Path) -> None:
    """A snapshot that etcdutl refuses must not leave the cluster without an API server."""
    assert run(tmp_path, "sh", "-c", "exit 3").returncode == 3
    assert manifests(tmp_path) == NAMES


@pytest.mark.parametrize("port", ["6443", "2379", "10257", "10259"])
def test_they_come_back_when_a_pod_does_not_stop(tmp_path: Path, port: str) -> None:
    """The data of an etcd that still runs is never replaced."""
    done = run(tmp_path, "touch", str(tmp_path / "ran"), ports=port, seconds=0)
    assert done.returncode == 1
    assert f"port {port} is still in use" in done.stderr
    assert not (tmp_path / "ran").exists()
    assert manifests(tmp_path) == NAMES


def test_a_run_goes_on_where_another_lost_its_power(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    for name in NAMES:
        (tmp_path / "away" / name).write_text(name)
    assert run(tmp_path, "touch", str(tmp_path / "ran")).returncode == 0
    assert (tmp_path / "ran").exists()
    assert manifests(tmp_path) == NAMES


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    """The first that ends would start the pods while the other one changes their data."""
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(tmp_path, "touch", str(tmp_path / "ran"))
    assert done.returncode == 1
    assert done.stderr == "another run has stopped the control plane of this machine\n"
    assert not (tmp_path / "ran").exists()
    assert sorted(one.name for one in (tmp_path / "manifests").iterdir()) == NAMES
