"""The machines of the tests' inventory as fakes, with a cluster on the first, and tasks that run on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.overlay import EMPTY
from nodes.render import containerd
from nodes.runs import HostResult, Session, run_changes
from nodes.tables import Node
from nodes.tasks.kubernetes.certificates import renew
from nodes.tasks.kubernetes.create import Setup
from nodes.tasks.kubernetes.join import join
from nodes.tasks.kubernetes.reset import reset
from tests.nodes import labs
from tests.nodes.fake_machines import Cluster, FakeMachine, control_plane


class Estate:
    """A control plane, a second one and a worker; the first has a cluster."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = labs.inventory()
        second = replace(found.node("plane1"), name="plane2", mesh="10.90.0.22", pod_cidr="10.244.22.0/24")
        self.inventory: Inventory = replace(found, nodes=(*found.nodes, second))
        members = self.inventory.members()
        self.cluster = Cluster({one.name: one.mesh for one in members})
        self.plane = control_plane("plane1", self.cluster)
        config = containerd.containerd_file(self.inventory, cgroup_driver="systemd").text
        self.machines = {
            one.name: FakeMachine(one.name, self.cluster, {containerd.CONFIG: config}) for one in members
        }
        self.machines["plane1"] = self.plane

        def connect(inventory: Inventory, node: Node, *_: Any, dry_run: bool) -> Host:
            return Host(node, self.machines[node.name], timeout=60, dry_run=dry_run)

        monkeypatch.setattr("nodes.runs.connect", connect)

    def join(self, name: str, *, dry_run: bool = False) -> HostResult:
        """Join one machine."""
        return self.run(join, name, dry_run=dry_run)

    def reset(self, name: str, *, dry_run: bool = False) -> HostResult:
        """Reset one machine."""
        return self.run(reset, name, dry_run=dry_run)

    def renew(self, name: str) -> HostResult:
        """Renew the certificates of a control plane."""
        return self.run(lambda host, setup: renew(host, days=90, port=6443), name)

    def run(self, work: Callable[[Host, Setup], None], name: str, *, dry_run: bool = False) -> HostResult:
        """Do the work of a task on one machine."""
        setup = Setup(Session(self.inventory, Path("known_hosts"), dry_run=dry_run), EMPTY, "key\n")
        nodes = (self.inventory.node(name),)
        return run_changes(setup.session, "task", nodes, lambda host: work(host, setup)).hosts[0]

    def arguments(self) -> str:
        """Return all arguments of all commands."""
        return str([one.commands for one in self.machines.values()])


def whats(result: HostResult) -> list[str]:
    """Return the changes in words."""
    return [one.what for one in result.changes]
