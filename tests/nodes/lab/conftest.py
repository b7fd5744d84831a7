"""A lab of three machines for the tests of the tasks, and the tasks as an operator starts them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.lab.base import base_directory
from tests.nodes.lab.fab_server import FabServer, fab_server
from tests.nodes.lab.machines import Lab, lab
from tests.support.project import ROOT

NAMES = ("n1", "n2", "n3")
_ENVIRONMENT = """
[[environment]]
name = "production"
url = "https://small.example"
edge = "nodeport"
edge_port = 30080
trusted = ["10.90.0.11/32"]
pods = ["10.244.0.0/16"]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run test_tasks first: the others need machines that base, mesh and firewall are on."""
    items.sort(key=lambda item: item.path.stem != "test_tasks")


@dataclass(frozen=True)
class Operator:
    """Somebody with the inventory, known_hosts and a key."""

    lab: Lab
    directory: Path  # nodes/; site.toml is in its parent
    key: Path
    timeout: float = 180  # seconds of a task
    server: FabServer | None = None  # runs the tasks of this project, faster

    @property
    def inventory(self) -> Path:
        return self.directory / "nodes.toml"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def fab(
        self, task: str, *options: str, stdin: str = "", root: Path = ROOT / "nodes"
    ) -> subprocess.CompletedProcess[str]:
        """Run a task of *root* with *stdin*, and return its output."""
        argv = (
            "--search-root", str(root), "-i", str(self.key), task,
            "--directory", str(self.directory), *options,
        )  # fmt: skip
        if self.server and root == ROOT / "nodes":
            return self.server.run(argv, stdin, self.timeout)
        command = self.lab.command(str(Path(sys.executable).parent / "fab"), *argv)
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=self.timeout, check=False
        )

    def run(self, task: str, *options: str, root: Path = ROOT / "nodes") -> dict[str, dict[str, Any]]:
        """Run a task, and return the result of each machine by name."""
        done = self.fab(task, "--json", *options, root=root)
        assert done.stdout, done.stderr
        return {one["host"]: one for one in json.loads(done.stdout)["hosts"]}

    def states(self, task: str, *options: str, root: Path = ROOT / "nodes") -> dict[str, str]:
        """Run a task, and return the state of each machine; the fault of one that has failed."""
        done = self.run(task, *options, root=root)
        return {name: one["fault"] or one["state"] for name, one in done.items()}

    def edit(self, pattern: str, replacement: str) -> None:
        """Replace *pattern* in the inventory, once."""
        text, count = re.subn(pattern, replacement, self.inventory.read_text(), count=1)
        assert count == 1
        self.inventory.write_text(text)


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Three machines as Debian's installer leaves them, and an inventory without keys of WireGuard."""
    if os.getuid() or not shutil.which("systemd-nspawn") or not base_directory().exists():
        pytest.skip("needs root, systemd-nspawn and the base of the lab: make test-nodes")
    directory = tmp_path_factory.mktemp("lab")
    key = directory / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text()
    with lab(directory / "machines", base_directory(), NAMES, public) as machines:
        project = directory / "project"
        (project / "nodes").mkdir(parents=True)
        site = (ROOT / "tests/data/site/site.toml").read_text("utf-8")
        (project / "site.toml").write_text(site + _ENVIRONMENT, "utf-8")
        template = Path(__file__).with_name("nodes.toml").read_text("utf-8")
        text = template.replace("PUBLIC KEY", " ".join(public.split()[:2]))
        (project / "nodes" / "nodes.toml").write_text(text, "utf-8")
        (project / "nodes" / "known_hosts").write_text("".join(map(machines.host_key, NAMES)))
        with fab_server(machines.command()) as server:
            yield Operator(machines, project / "nodes", key, server=server)
