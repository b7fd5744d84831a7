"""`kubernetes.drain`, `kubernetes.uncordon`: move the pods of a node to others, and let it have pods again.

Network: a control plane. Never two nodes of one bare-metal host at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodes.host import HostError
from nodes.inventory import Inventory
from nodes.tables import Node
from nodes.tasks.kubernetes.api import Api, Member

DRAINED = "nodes.toml/drained"  # annotation: the task that drained the node
_SECONDS = 300.0  # that the pods have to end


def drain_faults(inventory: Inventory, node: Node, members: Mapping[str, Member]) -> tuple[str, ...]:
    """Return why *node* cannot be drained now: another node of its metal, or a control plane, is down."""
    faults: list[str] = []
    for other in inventory.members():
        member = members.get(other.name)
        if other.name == node.name or member is None:
            continue
        state = "drained" if not member.is_schedulable else "not ready" if not member.is_ready else ""
        if state and node.host and other.host == node.host:
            faults.append(f"{other.name}, on {node.host} too, is {state}")
        elif state and node.is_control_plane and other.is_control_plane:
            faults.append(f"{other.name}, a control plane too, is {state}")
    return tuple(faults)


def evictable_pods(pods: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return "namespace/name" of the pods that a drain moves: not of DaemonSets, static or finished."""
    found = []
    for pod in pods:
        meta = pod["metadata"]
        owners = {one["kind"] for one in meta.get("ownerReferences", ())}
        is_static = "kubernetes.io/config.mirror" in (meta.get("annotations") or {})
        is_done = pod["status"].get("phase") in ("Succeeded", "Failed")
        if not is_static and not is_done and "DaemonSet" not in owners:
            found.append(f"{meta['namespace']}/{meta['name']}")
    return tuple(sorted(found))


def drain(api: Api, inventory: Inventory, node: Node, task: str) -> None:
    """Drain *node*, unless it is drained; note the *task* that did it.

    A node that somebody cordoned stays so: `uncordon` with the task leaves it.
    """
    members = api.members()
    if node.name not in members:
        raise HostError(f"{node.name}: the cluster does not have it; kubernetes.join adds it")
    if faults := drain_faults(inventory, node, members):
        fix = "bring it back first (kubernetes.uncordon): their pods need somewhere to go"
        raise HostError(f"{node.name}: {'; '.join(faults)}; {fix}")
    member = members[node.name]
    if member.is_schedulable:
        patch = {"metadata": {"annotations": {DRAINED: task}}, "spec": {"unschedulable": True}}
        api.patch(f"cordon {node.name}", node.name, patch)
    pods = api.get("pods", "-A", "--field-selector", f"spec.nodeName={node.name}")["items"]
    if evictable_pods(pods):
        argv = ("drain", node.name, "--ignore-daemonsets", "--delete-emptydir-data")
        api.change(f"drain {node.name}", *argv, f"--timeout={_SECONDS:.0f}s", seconds=_SECONDS)


def uncordon(api: Api, node: Node, task: str = "") -> None:
    """Let *node* have pods again; with *task*, only if that task drained it."""
    member = api.members().get(node.name)
    if member is None:
        raise HostError(f"{node.name}: the cluster does not have it; kubernetes.join adds it")
    if task and member.annotations.get(DRAINED) != task:
        return
    if not member.is_schedulable or DRAINED in member.annotations:
        patch = {"metadata": {"annotations": {DRAINED: None}}, "spec": {"unschedulable": None}}
        api.patch(f"uncordon {node.name}", node.name, patch)
