"""The script that replaces the data of etcd: the old data is kept, whatever happens."""

from __future__ import annotations

import fcntl
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.tasks.kubernetes import etcd, static_pods

# `ctr run … etcdutl snapshot restore FILE --data-dir DIRECTORY …` writes what the snapshot has, or fails.
_CTR = """#!/bin/sh
[ ! -e "$BASE/fails" ] || exit 1
while [ "$1" != restore ]; do shift; done
mkdir -p "$4/member"
cp "$2" "$4/member/db"
"""


@dataclass
class ControlPlane:
    """The directories of a control plane below *base*, and a `ctr` that stands for etcdutl."""

    base: Path

    @property
    def data(self) -> Path:
        return self.base / "etcd"

    @property
    def kept(self) -> Path:
        return self.base / "kept"

    def restore(self, text: str, stamp: str) -> subprocess.CompletedProcess[str]:
        """Run the script with a snapshot that has *text*."""
        snapshot = self.base / "snapshot.db"
        snapshot.write_text(text)
        script = etcd._RESTORE.replace(etcd._DIRECTORY, str(self.kept)).replace(etcd._DATA, str(self.data))
        script = script.replace(static_pods.MANIFESTS, str(self.base / "manifests"))
        argv = ("etcdutl", "n1", "https://10.90.0.11:2380", str(snapshot), str(self.kept / stamp))
        environ = os.environ | {"PATH": f"{self.base}/bin:{os.environ['PATH']}", "BASE": str(self.base)}
        command = ("sh", "-c", script, "sh", *argv)
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    def texts(self) -> dict[str, str]:
        """Return the data of etcd that is there, by its directory."""
        return {one.parent.parent.name: one.read_text() for one in self.base.glob("*/member/db")} | {
            one.parent.name: one.read_text() for one in self.kept.glob("*/db")
        }


@pytest.fixture
def plane(tmp_path: Path) -> ControlPlane:
    found = ControlPlane(tmp_path)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/etcd.yaml").write_text("    image: registry.k8s.io/etcd:3.6.6-0\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ctr").write_text(_CTR)
    (tmp_path / "bin/ctr").chmod(0o755)
    (found.data / "member").mkdir(parents=True)
    (found.data / "member/db").write_text("original")
    return found


def test_each_restore_keeps_the_data_before(plane: ControlPlane) -> None:
    """The second snapshot is tried because the first was the wrong one: the original data stays."""
    for text, stamp in (("first", "replaced-1"), ("second", "replaced-2")):
        done = plane.restore(text, stamp)
        assert (done.returncode, done.stderr) == (0, "")
    assert plane.texts() == {"etcd": "second", "replaced-1": "original", "replaced-2": "first"}
    assert [one.name for one in plane.data.iterdir()] == ["member"]


def test_a_snapshot_that_is_refused_changes_nothing(plane: ControlPlane) -> None:
    (plane.base / "fails").touch()
    assert plane.restore("bad", "replaced-1").returncode == 1
    assert plane.texts() == {"etcd": "original"}
    assert [one.name for one in plane.data.iterdir()] == ["member"]


def test_a_fault_between_the_renames_takes_the_first_back(plane: ControlPlane) -> None:
    mv = plane.base / "bin/mv"
    mv.write_text('#!/bin/sh\ncase "$3" in */nodes-restored/*) exit 1 ;; esac\nexec /bin/mv "$@"\n')
    mv.chmod(0o755)
    assert plane.restore("new", "replaced-1").returncode == 1
    assert plane.texts() == {"etcd": "original"}


def test_a_run_that_lost_its_power_between_the_renames_is_finished_by_the_next(plane: ControlPlane) -> None:
    (plane.data / "member").rename(plane.data / "nodes-replaced")
    assert plane.restore("new", "replaced-1").returncode == 0
    assert plane.texts() == {"etcd": "new", "replaced-1": "original"}


def test_data_that_an_etcd_wrote_meanwhile_is_kept_too(plane: ControlPlane) -> None:
    """kubelet may have started it over the empty directory."""
    (plane.data / "nodes-replaced").mkdir()
    (plane.data / "nodes-replaced/db").write_text("older")
    assert plane.restore("new", "replaced-1").returncode == 0
    assert plane.texts() == {"etcd": "new", "replaced-1": "original", "replaced-1-before": "older"}


def test_without_data_a_snapshot_is_restored(plane: ControlPlane) -> None:
    """The disk of etcd was lost."""
    (plane.data / "member").rename(plane.base / "lost")
    assert plane.restore("new", "replaced-1").returncode == 0
    assert plane.texts()["etcd"] == "new"


def test_two_restores_at_once_are_refused(plane: ControlPlane) -> None:
    plane.kept.mkdir()
    with (plane.kept / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = plane.restore("new", "replaced-1")
    assert done.returncode == 1
    assert done.stderr == "another backup or restore runs on this machine\n"
    assert plane.texts() == {"etcd": "original"}
