"""Three machines for kubeadm, an archive of packages, and an operator with an inventory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.e2e import cluster, figures, packages
from tests.nodes.lab.conftest import Operator
from tests.nodes.lab.machines import NETWORK, Lab, lab

NAMES = ("n1", "n2", "n3")
_TIMEOUT = 1200.0  # seconds of the longest task, on a busy machine
ADMIN = "/etc/kubernetes/admin.conf"


@dataclass(frozen=True)
class ClusterOperator(Operator):
    """An operator who looks at the cluster too."""

    def kubectl(self, *argv: str, on: str = "n1", check: bool = True) -> str:
        """Run kubectl on a control plane, and return its output."""
        command = ("kubectl", "--kubeconfig", ADMIN, "--request-timeout=20s", *argv)
        return self.lab.machines[on].run(*command, check=check)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return the nodes of the cluster by name."""
        found = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return {one["metadata"]["name"]: one for one in found}


_SECONDS: dict[str, float] = {}  # of each test that passed


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how long a test took."""
    if report.when == "call" and report.passed:
        _SECONDS[report.nodeid.rpartition("::")[2]] = report.duration


def pytest_sessionfinish(exitstatus: int) -> None:
    """Write the figures, where all of them are there."""
    if exitstatus == 0 and figures.STEPS.keys() <= _SECONDS.keys():
        figures.write(_SECONDS)


@contextmanager
def archive(machines: Lab, directory: Path) -> Iterator[None]:
    """Serve *directory* to the machines by HTTP."""
    argv = [
        sys.executable,
        "-m",
        "http.server",
        "8080",
        "--bind",
        f"{NETWORK}.1",
        "--directory",
        str(directory),
    ]
    server = subprocess.Popen(machines.command(*argv), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOperator]:
    """Three machines as Debian's installer leaves them, with the images of the tests."""
    if os.getuid() or not shutil.which("systemd-nspawn") or not cluster.is_built():
        pytest.skip("needs root, systemd-nspawn and what is built for it: make nodes-e2e")
    directory = tmp_path_factory.mktemp("cluster")
    key = directory / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text()
    archive_key = packages.write_archive(directory / "archive", cluster.VERSIONS)
    os.environ[cluster.WRITABLE] = "1"
    for name in NAMES:
        cluster.prepare_directories(directory / "machines" / name)
    root = Path(cluster.lower_directories())
    with (
        lab(directory / "machines", root, NAMES, public, cluster.OPTIONS) as machines,
        archive(machines, directory / "archive"),
    ):
        for machine in machines.machines.values():
            cluster.prepare_machine(machine)
        project = directory / "project" / "nodes"
        project.mkdir(parents=True)
        text = Path(__file__).with_name("nodes.toml").read_text("utf-8")
        text = text.replace("OLD", cluster.VERSIONS[0]).replace("PUBLIC KEY", " ".join(public.split()[:2]))
        (project / "nodes.toml").write_text(text, "utf-8")
        (project / "kubernetes.asc").write_text(archive_key)
        shutil.copy(Path(__file__).with_name("kubeadm.yaml"), project)
        (project / "known_hosts").write_text("".join(map(machines.host_key, NAMES)))
        yield ClusterOperator(machines, project, key, _TIMEOUT)
    cluster.remove_directories(directory / "machines")
