"""Drain and uncordon: what they note on the node, and whose cordon they lift."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nodes.host import Host, HostError
from nodes.tasks.kubernetes import api
from nodes.tasks.kubernetes.api import Api
from nodes.tasks.kubernetes.drain import DRAINED, drain, uncordon
from tests.nodes import labs
from tests.nodes.fake_machines import Cluster, control_plane

WEB = {"metadata": {"namespace": "site", "name": "web"}, "status": {"phase": "Running"}}


class Drained:
    """A control plane and a worker with a pod."""

    def __init__(self) -> None:
        self.inventory = labs.inventory()
        self.worker = self.inventory.node("worker1")
        self.cluster = Cluster({one.name: one.mesh for one in self.inventory.members()}, pods=[dict(WEB)])
        self.cluster.add("worker1")
        self.machine = control_plane("plane1", self.cluster)
        self.host = Host(self.inventory.node("plane1"), self.machine, timeout=60)
        self.api = Api(self.host, 6443)

    @property
    def value(self) -> dict[str, Any]:
        return self.cluster.nodes["worker1"]

    def drain(self, task: str) -> list[str]:
        """Drain the worker; return the changes."""
        del self.host.changes[:]
        drain(self.api, self.inventory, self.worker, task)
        return [one.what for one in self.host.changes]

    def uncordon(self, task: str = "") -> list[str]:
        """Uncordon it; return the changes."""
        del self.host.changes[:]
        uncordon(self.api, self.worker, task)
        return [one.what for one in self.host.changes]


def test_a_drain_is_noted_and_done_once() -> None:
    found = Drained()
    assert found.drain("upgrade") == ["cordon worker1", "drain worker1"]
    assert found.value["spec"]["unschedulable"] is True
    assert found.value["metadata"]["annotations"] == {DRAINED: "upgrade"}
    assert found.drain("upgrade") == []
    assert found.uncordon("upgrade") == ["uncordon worker1"]
    assert "unschedulable" not in found.value["spec"]
    assert found.value["metadata"]["annotations"] == {}
    assert found.uncordon("upgrade") == []


def test_an_upgrade_leaves_the_cordon_of_an_operator() -> None:
    """He had a reason, which the upgrade does not know."""
    found = Drained()
    found.value["spec"]["unschedulable"] = True
    assert found.drain("upgrade") == ["drain worker1"]
    assert found.uncordon("upgrade") == []
    assert found.value["spec"]["unschedulable"] is True
    assert found.uncordon() == ["uncordon worker1"]


def test_a_node_is_not_drained_while_another_of_its_metal_is_down() -> None:
    """plane1 and worker1 run on edge1."""
    found = Drained()
    found.cluster.nodes["plane1"]["spec"]["unschedulable"] = True
    with pytest.raises(HostError, match=r"^worker1: plane1, on edge1 too, is drained; bring it back first"):
        found.drain("drain")
    assert "unschedulable" not in found.value["spec"]


def test_a_node_that_has_not_joined_is_refused() -> None:
    found = Drained()
    del found.cluster.nodes["worker1"]
    for work in (found.drain, found.uncordon):
        with pytest.raises(HostError, match=r"the cluster does not have it; kubernetes\.join adds it"):
            work("drain")


def test_an_api_server_that_starts_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade, it is ready, and forbids everything until it has read the roles."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    found = Drained()
    found.machine.starting = 2
    assert found.drain("upgrade") == ["cordon worker1", "drain worker1"]
    found.machine.starting = 1
    found.api.patch("label worker1", "worker1", {"metadata": {"labels": {"a": "b"}}})
    assert found.value["metadata"]["labels"] == {"a": "b"}
    assert len(pauses) == 3
    monkeypatch.setattr(api, "_STARTS", -1.0)
    found.machine.starting = 1
    with pytest.raises(HostError, match="forbidden"):
        found.drain("upgrade")
