"""`kubernetes.reset`: take one node out of the cluster, and remove Kubernetes' files from it.

Network: the machine and a control plane. Writes on both.
"""

from __future__ import annotations

from contextlib import ExitStack

from nodes.host import PENDING, Host
from nodes.render.kubeadm import DIRECTORY, api_port
from nodes.tasks.kubernetes.api import ADMIN, CA, KUBELET, Api, NoServerError, exists, server_of
from nodes.tasks.kubernetes.certificates import RESTART
from nodes.tasks.kubernetes.create import Setup
from nodes.tasks.kubernetes.drain import drain
from nodes.tasks.kubernetes.static_pods import MANIFESTS

# What kubeadm has written, also in an init or a join that failed.
_WRITTEN = (KUBELET, ADMIN, CA, "/etc/kubernetes/bootstrap-kubelet.conf", f"{MANIFESTS}/etcd.yaml")
_TIMEOUT = 600.0  # seconds: where no API server answers, kubeadm waits for it, and then for etcd
# What `kubeadm reset` leaves.
_CLEAN = f"""set -eu
for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null || true; done
rm -rf -- {DIRECTORY} {PENDING}/{RESTART}
"""


def reset(host: Host, setup: Setup) -> None:
    """Drain the node, reset the machine, and delete the node; a last control plane goes last of all.

    Where no API server answers, as after a failed init or with etcd's quorum lost, the
    machine is reset alone.
    """
    name = host.node.name
    is_member = any(exists(host, one) for one in _WRITTEN)
    if host.node.is_control_plane and is_member and _is_last(host, setup):
        _reset(host)
        return
    with ExitStack() as stack:
        try:
            api = stack.enter_context(server_of(setup.session, host, but=name))
        except NoServerError as error:
            if is_member:
                _reset(host)
                host.notes.append(_alone(host, str(error)))
            return
        is_known = name in api.members()
        if is_known and is_member:
            drain(api, setup.inventory, host.node, "reset")
        if is_member:
            _reset(host)
        if is_known:
            api.change(f"delete the node {name}", "delete", "node", name)


def _alone(host: Host, reason: str) -> str:
    """Return what the operator must know of a reset without a cluster."""
    commands = f"kubectl delete node {host.node.name}"
    if host.node.is_control_plane:
        commands += ", and etcdctl member remove"
    why = reason.partition("; run ")[0]
    return f"was reset alone: {why}. A cluster that lives on still has its node: {commands}"


def _reset(host: Host) -> None:
    host.change("kubeadm reset", "kubeadm", "reset", "--force", timeout=_TIMEOUT)
    host.change("remove the rules of kube-proxy", "sh", "-c", _CLEAN)


def _is_last(host: Host, setup: Setup) -> bool:
    """Return whether the machine is the only control plane; raise HostError while it has other nodes."""
    api = Api(host, api_port(setup.inventory))
    if api.fault():
        return False  # another one answers, or none
    planes = [one for one in api.api_servers() if one != host.node.name]
    others = sorted(set(api.members()) - {host.node.name})
    if others and not planes:
        text = f"is the last control plane, and the cluster still has {', '.join(others)}"
        host.fail(text, "reset those first: without it they cannot be managed")
    return not planes
