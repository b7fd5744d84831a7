"""A reset: with the cluster while an API server answers, and alone where none does."""

from __future__ import annotations

import pytest

from nodes.host import HostError, Output
from nodes.tasks.kubernetes.api import ADMIN, CA
from tests.nodes.estate import Estate, whats
from tests.nodes.fake_machines import ETCD

ALONE = ["kubeadm reset", "remove the rules of kube-proxy"]


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Estate:
    found = Estate(monkeypatch)
    for name in ("plane2", "worker1"):
        assert found.join(name).fault == ""
    return found


def test_a_node_leaves_the_cluster(estate: Estate) -> None:
    assert whats(estate.reset("worker1")) == ["cordon worker1", *ALONE, "delete the node worker1"]
    assert estate.reset("worker1").state == "unchanged"


def test_a_control_plane_leaves_by_another_one(estate: Estate) -> None:
    """That of the endpoint too, whose API server has stopped."""
    estate.plane.has_server = False
    done = estate.reset("plane1")
    assert whats(done) == ["cordon plane1", *ALONE, "delete the node plane1"]
    assert done.notes == ()


def test_the_last_control_plane_goes_last(estate: Estate) -> None:
    estate.reset("plane2")
    fault = "plane1: is the last control plane, and the cluster still has worker1; reset those first"
    assert estate.reset("plane1").fault.startswith(fault)
    estate.reset("worker1")
    assert whats(estate.reset("plane1")) == ALONE


@pytest.mark.parametrize(("name", "member"), [("plane2", ", and etcdctl member remove"), ("worker1", "")])
def test_without_an_api_server_a_machine_is_reset_alone(estate: Estate, name: str, member: str) -> None:
    """With etcd's quorum lost, a restore needs the other control planes reset first."""
    for one in ("plane1", "plane2"):
        estate.machines[one].has_server = False
    planned = estate.reset(name, dry_run=True)
    assert (whats(planned), planned.state) == (ALONE, "would change")
    done = estate.reset(name)
    assert (whats(done), done.fault) == (ALONE, "")
    (note,) = done.notes
    assert note.startswith("was reset alone: no API server answers (plane1: The connection to the server")
    assert note.endswith(f"). A cluster that lives on still has its node: kubectl delete node {name}{member}")
    assert estate.reset(name).state == "unchanged"


@pytest.mark.parametrize("path", [ADMIN, CA, ETCD])
def test_a_failed_init_is_reset(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    estate = Estate(monkeypatch)
    estate.plane.has_server = False
    estate.plane.files = {path: ""}
    assert whats(estate.reset("plane1")) == ALONE
    assert estate.reset("plane1").state == "unchanged"


def test_a_server_that_breaks_off_does_not_reset_a_machine_alone(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pods would not have moved."""

    def away(words: tuple[str, ...]) -> Output:
        raise HostError("plane1: the connection broke")

    monkeypatch.setattr(estate.plane, "_patch_node", away)
    done = estate.reset("worker1")
    assert done.fault == "plane1: the connection broke"
    assert done.changes == ()
