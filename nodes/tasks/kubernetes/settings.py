"""What nodes.toml says of a node of the cluster: its network of pods, labels and taints.

Pure functions, and a step that patches the node. Network: a control plane.
"""

from __future__ import annotations

import json
from typing import Any

from nodes.host import CommandError, Host, HostError
from nodes.inventory import FILE
from nodes.tables import Node
from nodes.tasks.kubernetes.api import Api, Member

# The labels and taints that the tasks have set: they alone are removed again.
MANAGED = "nodes.toml/managed"
_TRIES = 5  # of a patch: kubelet changes its node too
Taint = dict[str, str]


def taint_of(text: str) -> Taint:
    """Return "key=value:Effect" as the API server has it."""
    left, _, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def settings_patch(node: Node, member: Member) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the merge patch that makes *member* what the inventory says, and each change in words.

    Both are empty where nothing differs. Labels and taints of others stay.
    """
    metadata: dict[str, Any] = {}
    spec: dict[str, Any] = {}
    managed = json.loads(member.annotations.get(MANAGED, "{}"))
    whats: list[str] = []
    labels = _label_changes(node, member, managed.get("labels", ()))
    if labels:
        metadata["labels"] = labels
        whats += [
            f"remove the label {key}" if value is None else f"label {key}={value}"
            for key, value in labels.items()
        ]
    found = [dict(one) for one in member.value["spec"].get("taints") or ()]
    taints = _taints(node, found, managed.get("taints", ()))
    if taints != found:
        spec["taints"] = taints
        whats += [f"taint {_name(one)}" for one in taints if one not in found]
        whats += [
            f"remove the taint {_name(one)}" for one in found if _identity(one) not in map(_identity, taints)
        ]
    if not member.value["spec"].get("podCIDR"):
        spec |= {"podCIDR": node.pod_cidr, "podCIDRs": [node.pod_cidr]}
        whats.append(f"pods have {node.pod_cidr}")
    ours = json.dumps(
        {
            "labels": [key for key, _ in node.labels],
            "taints": [_identity(taint_of(one)) for one in node.taints],
        }
    )
    if (node.labels or node.taints or managed) and member.annotations.get(MANAGED) != ours:
        metadata["annotations"] = {MANAGED: ours}
        whats = whats or ["note the labels and taints"]
    patch = {name: value for name, value in (("metadata", metadata), ("spec", spec)) if value}
    if "taints" in spec:  # the patch replaces the whole list: one that changed in between is a conflict
        patch.setdefault("metadata", {})["resourceVersion"] = member.value["metadata"]["resourceVersion"]
    return patch, tuple(whats)


def apply_settings(host: Host, api: Api, member: Member) -> None:
    """Bring network of pods, labels and taints of the machine's node up to date."""
    node = host.node
    found = member.value["spec"].get("podCIDR", "")
    if found and found != node.pod_cidr:
        text = f"its pods have {found}, not {node.pod_cidr} of {FILE}:{node.line}"
        raise HostError(f"{node.name}: {text}; write {found}, or reset the node and join it again")
    for left in reversed(range(_TRIES)):
        patch, whats = settings_patch(node, member)
        if not patch:
            return
        try:
            api.patch("; ".join(whats), node.name, patch)
            return
        except CommandError as error:
            if "has been modified" not in str(error) or not left:
                raise
        member = api.members()[node.name]


def _label_changes(node: Node, member: Member, managed: list[str] | tuple[str, ...]) -> dict[str, str | None]:
    labels = member.value["metadata"].get("labels") or {}
    wanted = dict(node.labels)
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if labels.get(key) != value}
    return changes | {key: None for key in managed if key not in wanted and key in labels}


def _taints(node: Node, found: list[Taint], managed: list[str] | tuple[str, ...]) -> list[Taint]:
    """Return the taints as they must be: those of others, then those of the inventory."""
    wanted = {_identity(one): one for one in map(taint_of, node.taints)}
    kept = [one for one in found if _identity(one) not in {*managed, *wanted}]
    present = {_identity(one): one for one in found}
    ours = [present[key] if _name(present.get(key, {})) == _name(one) else one for key, one in wanted.items()]
    both = kept + ours
    # The order of the API server, where nothing changes.
    return found if sorted(map(_name, both)) == sorted(map(_name, found)) else both


def _identity(taint: Taint) -> str:
    """Return key and effect: a node has each pair once."""
    return f"{taint.get('key', '')}:{taint.get('effect', '')}"


def _name(taint: Taint) -> str:
    value = taint.get("value", "")
    return f"{taint.get('key', '')}{'=' if value else ''}{value}:{taint.get('effect', '')}"
