"""`kubernetes.upgrade`: the version of nodes.toml, one node after the other.

Network: the machine and a control plane. Writes on both.
"""

from __future__ import annotations

import time

from nodes.host import Host, HostError
from nodes.render.kubeadm import UPGRADE, upgrade_file
from nodes.tables import Node
from nodes.tasks.kubernetes.api import Api, server_of
from nodes.tasks.kubernetes.create import KUBEADM, VALIDATE, Setup
from nodes.tasks.kubernetes.drain import DRAINED, drain, uncordon
from nodes.tasks.kubernetes.packages import ensure_programs
from nodes.tasks.system import write_file
from nodes.versions import Running, upgrade_faults, upgrade_order
from pipelines.core.errors import UsageError

TASK = "upgrade"
_READY = 240.0  # seconds until a node is ready with the new kubelet
_PAUSE = 2.0


def planned(setup: Setup, names: list[str]) -> tuple[Node, ...]:
    """Return the nodes to upgrade, in their order; raise UsageError with all that forbids it."""
    inventory = setup.inventory
    chosen = [one.name for one in inventory.members(names)]
    with server_of(setup.session) as api:
        nodes = running(api)
    target = inventory.cluster.kubernetes
    unknown = sorted(set(chosen) - {one.name for one in nodes})
    faults = [f"{name}: not in the cluster; join it first" for name in unknown if names]
    faults += upgrade_faults(target, nodes, chosen)
    if faults:
        raise UsageError("\n".join(faults))
    return tuple(inventory.node(name) for name in upgrade_order(target, nodes) if name in chosen)


def running(api: Api) -> tuple[Running, ...]:
    """Return what each node of the cluster runs."""
    servers = api.api_servers()
    return tuple(
        Running(
            one.name,
            one.kubelet,
            servers.get(one.name, ""),
            one.is_ready,
            one.annotations.get(DRAINED) == TASK,
        )
        for one in api.members().values()
    )


def upgrade(host: Host, setup: Setup) -> None:
    """Upgrade one node: kubeadm and what it manages, then, drained, kubelet."""
    node, inventory = host.node, setup.inventory
    target = inventory.cluster.kubernetes
    with server_of(setup.session, host) as api:
        found = next((one for one in running(api) if one.name == node.name), None)
        if found is None:
            host.fail("the cluster does not have it", "run kubernetes.join")
        if found.is_at(target):
            return
        is_first = api.version() != target
    ensure_programs(host, inventory, setup.key, "kubeadm")
    if found.kubelet != target or found.api_server not in ("", target):
        write_file(host, upgrade_file(inventory, setup.overlay), VALIDATE if not host.dry_run else ())
        phase = "apply" if is_first and node.is_control_plane else "node"
        argv = ("kubeadm", "upgrade", phase, "--config", UPGRADE, *(("--yes",) if phase == "apply" else ()))
        host.change(f"kubeadm upgrade {phase}", *argv, timeout=KUBEADM)
    with server_of(setup.session, host) as api:  # a control plane has just restarted its own
        drain(api, inventory, node, TASK)
    if ensure_programs(host, inventory, setup.key, "kubelet", "kubectl") or found.kubelet != target:
        host.change(
            "restart kubelet", "sh", "-c", "systemctl daemon-reload && systemctl restart kubelet.service"
        )
    if not host.dry_run:
        _wait(host, setup, target)
        with server_of(setup.session, host) as api:
            uncordon(api, node, TASK)
    elif any(one.what == f"cordon {node.name}" for one in host.changes):
        host.change(f"uncordon {node.name}", "true")  # recorded only


def _wait(host: Host, setup: Setup, target: str) -> None:
    """Wait until the node is ready with its new kubelet."""
    deadline = time.monotonic() + _READY
    state = "no API server answered"
    while time.monotonic() < deadline:
        try:
            with server_of(setup.session) as api:
                member = api.members()[host.node.name]
            if member.is_ready and member.kubelet == target:
                return
            state = f"kubelet {member.kubelet}, {'ready' if member.is_ready else 'not ready'}"
        except HostError as error:
            state = str(error)
        time.sleep(_PAUSE)
    host.fail(
        f"is not ready after {_READY:.0f} s ({state})", "read `journalctl -u kubelet`, and run it again"
    )
