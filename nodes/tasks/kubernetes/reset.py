"""`kubernetes.reset`: take one node out of the cluster, and remove Kubernetes' files from it.

Network: the machine and a control plane. Writes on both.
"""

from __future__ import annotations

from nodes.host import Host, HostError
from nodes.render.kubeadm import DIRECTORY
from nodes.tasks.kubernetes.api import ADMIN, KUBELET, Api, exists, server_of
from nodes.tasks.kubernetes.create import Setup
from nodes.tasks.kubernetes.drain import drain

_TIMEOUT = 300.0
# What `kubeadm reset` leaves.
_CLEAN = f"""set -eu
for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null || true; done
rm -rf -- {DIRECTORY}
"""


def reset(host: Host, setup: Setup) -> None:
    """Drain the node, reset the machine, and delete the node; a last control plane goes last of all."""
    name = host.node.name
    is_member = exists(host, KUBELET) or exists(host, ADMIN)
    if host.node.is_control_plane and is_member and _is_last(host, setup):
        _reset(host)
        return
    with server_of(setup.session, host, but=name) as api:
        is_known = name in api.members()
        if is_known and is_member:
            drain(api, setup.inventory, host.node, "reset")
        if is_member:
            _reset(host)
        if is_known:
            api.change(f"delete the node {name}", "delete", "node", name)


def _reset(host: Host) -> None:
    host.change("kubeadm reset", "kubeadm", "reset", "--force", timeout=_TIMEOUT)
    host.change("remove the rules of kube-proxy", "sh", "-c", _CLEAN)


def _is_last(host: Host, setup: Setup) -> bool:
    """Return whether the machine is the only control plane; raise HostError while it has other nodes."""
    api = Api(host)
    if fault := api.fault():
        with server_of(setup.session, but=host.node.name):
            return False  # another one answers
        raise HostError(fault)
    planes = [one for one in api.api_servers() if one != host.node.name]
    others = sorted(set(api.members()) - {host.node.name})
    if others and not planes:
        text = f"is the last control plane, and the cluster still has {', '.join(others)}"
        host.fail(text, "reset those first: without it they cannot be managed")
    return not planes
