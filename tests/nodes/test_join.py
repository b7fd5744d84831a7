"""A join: what it does on which machine, in which order, and where its secrets are."""

from __future__ import annotations

import pytest

from nodes.host import HostError, Output
from nodes.render.kubeadm import DISCOVERY, JOIN
from nodes.tasks.kubernetes.api import ADMIN, CONTROL_PLANE, KUBELET
from tests.nodes.estate import Estate, whats
from tests.nodes.fake_machines import CERTIFICATE_KEY, ETCD, TOKEN

# Commands that change nothing.
_READS = {"test", "cat", "dpkg-query", "sh"}


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Estate:
    return Estate(monkeypatch)


WORKER = [
    "write /etc/apt/keyrings/kubernetes.asc",
    "write /etc/apt/sources.list.d/kubernetes.sources",
    "make a token for worker1 on plane1",
    f"write {DISCOVERY}",
    f"write {JOIN}",
    "kubeadm join",
    "delete the token on plane1",
    f"remove {DISCOVERY} and {JOIN}",
]
SETTINGS = "label disk=ssd; taint slow=true:PreferNoSchedule; pods have 10.244.13.0/24"


def test_a_worker_joins_once_with_a_token_of_its_own(estate: Estate) -> None:
    done = estate.join("worker1")
    assert done.fault == ""
    assert whats(done) == [*WORKER, SETTINGS]
    assert estate.cluster.nodes["worker1"]["spec"]["podCIDR"] == "10.244.13.0/24"
    assert estate.join("worker1").state == "unchanged"


def test_a_patch_that_meets_one_of_kubelet_is_made_again(estate: Estate) -> None:
    estate.plane.conflicts = 2
    assert estate.join("worker1").changes[-1].what == SETTINGS
    assert estate.cluster.nodes["worker1"]["metadata"]["labels"] == {"disk": "ssd"}


def test_no_secret_is_in_an_argument(estate: Estate) -> None:
    """Every user of a machine reads the arguments of its processes."""
    for name in ("plane2", "worker1"):
        assert estate.join(name).fault == ""
    assert TOKEN not in estate.arguments()
    assert CERTIFICATE_KEY not in estate.arguments()
    uploads = [text for one in estate.machines.values() for text in one.uploads]
    assert sum(TOKEN in text for text in uploads) == 2
    assert sum(CERTIFICATE_KEY in text for text in uploads) == 1


def test_the_files_of_a_join_are_for_root_and_go_away(estate: Estate) -> None:
    estate.join("plane2")
    machine = estate.machines["plane2"]
    installs = {one[4]: one[8] for one in machine.commands if one[0] == "sh" and len(one) > 8}
    assert {installs[DISCOVERY], installs[JOIN]} == {"600"}
    assert DISCOVERY not in machine.files
    assert JOIN not in machine.files


def test_a_control_plane_gets_the_authorities_encrypted_and_they_are_deleted(estate: Estate) -> None:
    found = whats(estate.join("plane2"))
    assert "encrypt the authorities for plane2 on plane1" in found
    assert "delete the encrypted authorities on plane1" in found
    deleted = [one for one in estate.plane.commands if one[:1] == ("kubectl",) and "secret" in one]
    assert [one[6:] for one in deleted] == [
        ("delete", "secret", "-n", "kube-system", "kubeadm-certs", "--ignore-not-found")
    ]


def test_a_join_that_fails_leaves_no_secret(estate: Estate) -> None:
    machine = estate.machines["plane2"]
    machine.fails = "join"
    done = estate.join("plane2")
    assert done.fault == "plane2: kubeadm join: exit status 1: error execution phase join"
    assert DISCOVERY not in machine.files
    assert JOIN not in machine.files
    assert ("kubeadm", "token", "delete", "abcdef") in [one[:4] for one in estate.plane.commands]


def test_a_machine_that_goes_away_in_its_join_leaves_no_token(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token and the authorities are on a machine that answers."""
    machine = estate.machines["plane2"]
    machine.fails = "join"

    def away(words: tuple[str, ...]) -> Output:
        raise HostError("plane2: the connection broke")

    monkeypatch.setattr(machine, "_rm", away)
    assert estate.join("plane2").fault == "plane2: kubeadm join: exit status 1: error execution phase join"
    assert ("kubeadm", "token", "delete", "abcdef") in [one[:4] for one in estate.plane.commands]
    assert any(one[0] == "kubectl" and "kubeadm-certs" in one for one in estate.plane.commands)


def test_a_dry_run_shows_the_steps_and_runs_none(estate: Estate) -> None:
    done = estate.join("worker1", dry_run=True)
    assert whats(done) == WORKER
    assert estate.machines["worker1"].uploads == []
    assert {one[0] for one in estate.machines["worker1"].commands} <= {*_READS, "systemctl"}
    assert not [one for one in estate.plane.commands if one[0] == "kubeadm"]


def test_a_machine_of_another_cluster_is_never_reset(estate: Estate) -> None:
    estate.machines["worker1"].files[KUBELET] = ""
    done = estate.join("worker1")
    assert "the cluster does not have this node; run kubernetes.reset --hosts worker1" in done.fault
    assert done.changes == ()


@pytest.mark.parametrize(
    ("path", "lacks"),
    [(ADMIN, ADMIN), (ETCD, ETCD), ("", f"the label {CONTROL_PLANE}")],
)
def test_a_join_that_broke_off_is_no_control_plane(estate: Estate, path: str, lacks: str) -> None:
    """kubelet comes first, and the label last: etcd would count a member that is not there."""
    assert estate.join("plane2").fault == ""
    assert estate.join("plane2").state == "unchanged"
    if path:
        del estate.machines["plane2"].files[path]
    else:
        del estate.cluster.nodes["plane2"]["metadata"]["labels"][CONTROL_PLANE]
    assert estate.join("plane2").fault == (
        f"plane2: has joined, but is not a complete control plane: it lacks {lacks};"
        " run kubernetes.reset --hosts plane2, and join it again"
    )


def test_another_control_plane_is_asked_when_that_of_the_endpoint_is_away(estate: Estate) -> None:
    """admin.conf of each names the endpoint, plane1: kubectl takes the machine's own address."""
    assert estate.join("plane2").fault == ""
    estate.plane.has_server = False
    done = estate.join("worker1")
    assert "make a token for worker1 on plane2" in whats(done)
    assert estate.cluster.nodes["worker1"]["spec"]["podCIDR"] == "10.244.13.0/24"


def test_a_new_machine_with_the_name_of_an_old_node_is_refused(estate: Estate) -> None:
    estate.cluster.add("worker1")
    assert "the cluster has a node of this name" in estate.join("worker1").fault


def test_a_node_with_an_address_outside_of_the_mesh_is_a_fault(estate: Estate) -> None:
    """Its pods would be reached beside the mesh, unencrypted."""
    estate.cluster.addresses["worker1"] = "203.0.113.13"
    done = estate.join("worker1")
    assert "its address in the cluster is 203.0.113.13, not 10.90.0.13 on the mesh" in done.fault


def test_a_join_with_another_minor_version_waits_for_the_upgrade(estate: Estate) -> None:
    estate.cluster.version = "1.34.4"
    done = estate.join("worker1")
    assert "the cluster has Kubernetes 1.34.4, and nodes.toml 1.35.4; run kubernetes.upgrade" in done.fault


def test_containerd_comes_first(estate: Estate) -> None:
    estate.machines["worker1"].files.clear()
    done = estate.join("worker1")
    assert done.fault == "worker1: containerd is not that of nodes.toml; run containerd.apply first"


def test_without_a_cluster_a_join_is_refused(estate: Estate) -> None:
    estate.plane.files.clear()
    assert estate.join("worker1").fault == (
        "no API server answers (plane1: has no /etc/kubernetes/admin.conf;"
        " plane2: has no /etc/kubernetes/admin.conf); run kubernetes.init"
    )
