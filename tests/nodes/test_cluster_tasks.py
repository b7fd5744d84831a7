"""What the tasks of Kubernetes decide: functions of the inventory and of what the API server answers."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodes.overlay import load_overlay, merge, parse_overlay
from nodes.tasks.kubernetes import etcd
from nodes.tasks.kubernetes.api import Member, first_plane, member_of
from nodes.tasks.kubernetes.certificates import certificate_days
from nodes.tasks.kubernetes.drain import drain_faults, evictable_pods
from nodes.tasks.kubernetes.health import control_plane_faults
from nodes.tasks.kubernetes.settings import MANAGED, settings_patch
from pipelines.core.errors import SourceError, UsageError
from tests.nodes import labs

WORKER = labs.inventory().node("worker1")  # disk=ssd, slow=true:PreferNoSchedule
OURS = '{"labels": ["disk"], "taints": ["slow:PreferNoSchedule"]}'
SLOW = {"key": "slow", "effect": "PreferNoSchedule", "value": "true"}


def node_object(name: str = "worker1", *, ready: bool = True, **spec: Any) -> dict[str, Any]:
    """Return a node as the API server gives it."""
    return {
        "metadata": {"name": name, "resourceVersion": "7", "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": "10.244.13.0/24", **spec},
        "status": {
            "addresses": [
                {"type": "Hostname", "address": name},
                {"type": "InternalIP", "address": "10.90.0.13"},
            ],
            "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}],
            "nodeInfo": {"kubeletVersion": "v1.35.4"},
        },
    }  # fmt: skip


def member(name: str = "worker1", *, ready: bool = True, **spec: Any) -> Member:
    return member_of(node_object(name, ready=ready, **spec))


def test_a_node_is_read_from_its_object() -> None:
    found = member(unschedulable=True)
    assert (found.name, found.kubelet, found.address) == ("worker1", "1.35.4", "10.90.0.13")
    assert (found.is_ready, found.is_schedulable) == (True, False)
    assert not member(ready=False).is_ready


def test_labels_taints_and_network_of_a_new_node() -> None:
    value = node_object(taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    del value["spec"]["podCIDR"]
    patch, whats = settings_patch(WORKER, member_of(value))
    assert patch == {
        "metadata": {"labels": {"disk": "ssd"}, "annotations": {MANAGED: OURS}, "resourceVersion": "7"},
        "spec": {
            "taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}, SLOW],
            "podCIDR": "10.244.13.0/24",
            "podCIDRs": ["10.244.13.0/24"],
        },
    }
    assert whats == ("label disk=ssd", "taint slow=true:PreferNoSchedule", "pods have 10.244.13.0/24")


def managed_object() -> dict[str, Any]:
    value = node_object(taints=[dict(SLOW)])
    value["metadata"]["labels"]["disk"] = "ssd"
    value["metadata"]["annotations"] = {MANAGED: OURS}
    return value


def test_a_second_run_changes_nothing() -> None:
    assert settings_patch(WORKER, member_of(managed_object())) == ({}, ())


def test_labels_and_taints_leave_with_the_inventory_and_those_of_others_stay() -> None:
    value = managed_object()
    value["metadata"]["labels"]["by"] = "hand"
    value["spec"]["taints"].append({"key": "by", "effect": "NoExecute", "value": "hand"})
    patch, whats = settings_patch(replace(WORKER, labels=(), taints=()), member_of(value))
    assert patch["metadata"]["labels"] == {"disk": None}
    assert patch["metadata"]["resourceVersion"] == "7"  # a list of taints that changed in between is not lost
    assert patch["metadata"]["annotations"] == {MANAGED: '{"labels": [], "taints": []}'}
    assert patch["spec"] == {"taints": [{"key": "by", "effect": "NoExecute", "value": "hand"}]}
    assert whats == ("remove the label disk", "remove the taint slow=true:PreferNoSchedule")


def test_a_changed_value_replaces_the_old_one() -> None:
    changed = replace(WORKER, labels=(("disk", "nvme"),), taints=("slow=very:PreferNoSchedule",))
    patch, whats = settings_patch(changed, member_of(managed_object()))
    assert patch["metadata"] == {"labels": {"disk": "nvme"}, "resourceVersion": "7"}
    assert patch["spec"] == {"taints": [{**SLOW, "value": "very"}]}
    assert whats == ("label disk=nvme", "taint slow=very:PreferNoSchedule")


def test_what_others_set_is_not_taken_over_before_the_inventory_has_it() -> None:
    """Without the annotation, nothing is removed: it was never ours."""
    value = managed_object()
    del value["metadata"]["annotations"]
    assert settings_patch(replace(WORKER, labels=(), taints=()), member_of(value)) == ({}, ())


METAL = [("plane1", "m1"), ("plane2", "m2"), ("worker1", "m1"), ("worker2", "m2")]


@pytest.mark.parametrize(
    ("name", "change", "faults"),
    [
        ("worker1", {}, []),
        ("worker1", {"plane1": {"unschedulable": True}}, ["plane1, on m1 too, is drained"]),
        ("worker1", {"worker2": {"unschedulable": True}}, []),  # another metal
        ("plane1", {"plane2": {"ready": False}}, ["plane2, a control plane too, is not ready"]),
        ("plane1", {"worker1": {"ready": False}}, ["worker1, on m1 too, is not ready"]),
        ("worker1", {"worker1": {"ready": False}}, []),  # itself
    ],
)
def test_two_nodes_of_one_metal_are_never_down_at_once(
    name: str, change: dict[str, dict[str, Any]], faults: list[str]
) -> None:
    """Nor two control planes: etcd needs most of them."""
    found = labs.inventory()
    rows = tuple(
        replace(WORKER, name=one, host=host, roles=("control-plane",) if "plane" in one else ("worker",))
        for one, host in METAL
    )
    inventory = replace(found, nodes=rows)
    members = {one: member(one, **change.get(one, {})) for one, _ in METAL}
    assert list(drain_faults(inventory, inventory.node(name), members)) == faults


def test_a_drain_moves_no_static_pod_none_of_a_daemonset_and_no_finished_one() -> None:
    def pod(
        name: str, phase: str = "Running", kind: str = "ReplicaSet", **annotations: str
    ) -> dict[str, Any]:
        owner = [{"kind": kind}] if kind else []
        meta = {"namespace": "site", "name": name, "ownerReferences": owner, "annotations": annotations}
        return {"metadata": meta, "status": {"phase": phase}}

    mirror = pod("etcd", kind="Node", **{"kubernetes.io/config.mirror": "1"})
    pods = [pod("web"), pod("bare", kind=""), pod("proxy", kind="DaemonSet"), pod("job", "Succeeded"), mirror]
    assert evictable_pods(pods) == ("site/bare", "site/web")


def test_days_of_certificates_are_read_from_kubeadm() -> None:
    text = """{"kind": "CertificateExpirationInfo", "certificates": [
      {"name": "apiserver", "expirationDate": "2026-12-01T00:00:00Z", "residualTime": 1, "missing": false},
      {"name": "etcd-server", "expirationDate": null, "residualTime": 0, "missing": true}]}"""
    assert certificate_days(text, 1764547200.0) == {"apiserver": 365}


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("300\nv1.35.4\n", []),
        ("300\nv1.34.4\n", ["API server is 1.34.4, that of nodes.toml 1.35.4: kubernetes.upgrade"]),
        ("20\nv1.35.4\n", ["the certificates of its control plane end in 20 days: kubernetes.certs"]),
        ("300\n", []),  # its manifests are away for a moment
    ],
)
def test_what_status_finds_on_a_control_plane(text: str, faults: list[str]) -> None:
    assert control_plane_faults(text, "1.35.4") == faults


def test_the_cluster_begins_on_the_control_plane_of_the_endpoint() -> None:
    found = labs.inventory()
    plane = found.node("plane1")
    others = replace(found, nodes=(replace(plane, name="aplane", mesh="10.90.0.99"), plane))
    assert first_plane(others).name == "plane1"
    named = replace(others, cluster=replace(others.cluster, control_plane_endpoint="api.lab.example:6443"))
    assert first_plane(named).name == "aplane"


def faults_of(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        parse_overlay(text)
    return [str(one) for one in caught.value.faults]


def test_faults_of_the_overlay_have_their_lines() -> None:
    assert faults_of("kind: KubeletConfiguration\n---\nkind: KubletConfiguration\n") == [
        "nodes/kubeadm.yaml:3: unknown kind 'KubletConfiguration'; did you mean KubeletConfiguration?"
    ]
    assert faults_of("kind: JoinConfiguration\n---\nkind: JoinConfiguration\n") == [
        "nodes/kubeadm.yaml:3: JoinConfiguration comes twice; write one document of each kind"
    ]
    assert faults_of("- a\n") == ["nodes/kubeadm.yaml:1: a document is not a mapping; write kind: …"]
    assert faults_of("a: [\n")[0].startswith("nodes/kubeadm.yaml:2: is not YAML: ")


def test_the_overlay_adds_and_never_replaces() -> None:
    """A value with two sources would be that of the one, and shown as that of the other."""
    overlay = parse_overlay("kind: ClusterConfiguration\na: {b: 1, c: [2]}\nd: 3\n")
    kind = "ClusterConfiguration"
    assert merge(kind, {"a": {"c": [1]}}, overlay) == {"a": {"c": [1, 2], "b": 1}, "d": 3}
    with pytest.raises(SourceError, match=r"ClusterConfiguration\.a\.b is set from nodes\.toml; remove it"):
        merge(kind, {"a": {"b": 0}}, overlay)


def test_a_site_without_an_overlay_has_none(tmp_path: Path) -> None:
    assert load_overlay(tmp_path / "kubeadm.yaml") == {}


def test_a_snapshot_is_never_written_into_a_checkout(tmp_path: Path) -> None:
    """It has every Secret of the cluster."""
    subprocess.run(["git", "init", "-q", tmp_path / "site"], check=True)
    inner = tmp_path / "site" / "backups"
    inner.mkdir()
    with pytest.raises(UsageError, match="is a checkout of Git"):
        etcd.check_target(inner / "etcd.db")
    etcd.check_target(tmp_path / "etcd.db")
    (tmp_path / "etcd.db").touch()
    with pytest.raises(UsageError, match="exists; name a new file"):
        etcd.check_target(tmp_path / "etcd.db")
    with pytest.raises(UsageError, match="is not a directory"):
        etcd.check_target(tmp_path / "none" / "etcd.db")
    (tmp_path / "new.db.pki.tar").touch()
    with pytest.raises(UsageError, match=r"new\.db\.pki\.tar exists; name a new file"):
        etcd.check_target(tmp_path / "new.db")


def test_a_snapshot_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    """Half of a pair looks like a backup, and the next run would refuse its name."""
    first, second = tmp_path / "etcd.db.pki.tar", tmp_path / "none" / "etcd.db"
    with pytest.raises(FileNotFoundError):
        etcd.write_private_pair(((first, b"authorities"), (second, b"snapshot")))
    assert list(tmp_path.iterdir()) == []
    etcd.write_private_pair(((first, b"authorities"),))
    assert (first.read_bytes(), first.stat().st_mode & 0o777) == (b"authorities", 0o600)


def test_a_patch_leaves_the_object_of_the_api_server_as_it_is() -> None:
    value = managed_object()
    before = deepcopy(value)
    settings_patch(replace(WORKER, labels=(), taints=()), member_of(value))
    assert value == before
