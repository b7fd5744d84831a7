"""`kubernetes.join`: further control planes and workers; labels, taints and networks of all.

Network: the machine and a control plane. Writes on both.

Each join has a token of its own, made on a control plane. It travels in the encrypted connections alone, into
a file that root may read, and both are removed after the join.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from nodes.host import Host, HostError
from nodes.render.files import ConfigFile
from nodes.render.kubeadm import DISCOVERY, INIT, JOIN, discovery_file, init_file, join_file
from nodes.tasks.kubernetes.api import ADMIN, CA, CONTROL_PLANE, KUBELET, Api, Member, exists, server_of
from nodes.tasks.kubernetes.create import KUBEADM, VALIDATE, Setup, prepare
from nodes.tasks.kubernetes.network import apply_network
from nodes.tasks.kubernetes.settings import apply_settings
from nodes.tasks.kubernetes.static_pods import AWAY, MANIFESTS
from nodes.tasks.system import write_file
from nodes.versions import minor_of

_TOKEN_LIFE = "15m"
_TOKEN = re.compile(r"([a-z0-9]{6})\.[a-z0-9]{16}")
_CERTIFICATE_KEY = re.compile(r"^[0-9a-f]{64}$", re.M)


def join(host: Host, setup: Setup) -> None:
    """Join the machine, unless it belongs to the cluster; then bring its settings up to date."""
    node = host.node
    with server_of(setup.session, host) as api:
        member = api.members().get(node.name)
        if exists(host, KUBELET):
            _check_member(host, member)
        else:
            if member is not None:
                text = "the cluster has a node of this name, which this machine is not"
                host.fail(
                    text, f"if the old one is gone: `kubectl delete node {node.name}`, and run it again"
                )
            version, wanted = api.version(), setup.inventory.cluster.kubernetes
            if minor_of(version) != minor_of(wanted):
                text = f"the cluster has Kubernetes {version}, and nodes.toml {wanted}"
                host.fail(text, "run kubernetes.upgrade first")
            _join(host, setup, api)
            if host.dry_run:
                return
            member = api.members().get(node.name)
            _check_member(host, member)
        assert member is not None
        apply_network(host, setup.inventory, api)
        apply_settings(host, api, member)


def _check_member(host: Host, member: Member | None) -> None:
    """Raise HostError unless the machine is *member*, on the mesh, and a control plane is complete."""
    if member is None:
        text = f"has {KUBELET}, and the cluster does not have this node"
        host.fail(text, f"run kubernetes.reset --hosts {host.node.name}, and join it again")
    if member.address != host.node.mesh:
        text = f"its address in the cluster is {member.address}, not {host.node.mesh} on the mesh"
        host.fail(text, "correct node-ip in /var/lib/kubelet/kubeadm-flags.env, and restart kubelet")
    if host.node.is_control_plane:
        _check_control_plane(host, member)


def _check_control_plane(host: Host, member: Member) -> None:
    """Raise HostError for a join that broke off between kubelet and the label, its last step."""
    if exists(host, f"{AWAY}/etcd.yaml"):
        host.fail(
            f"an interrupted run has left manifests in {AWAY}", "run kubernetes.certs, which brings them back"
        )
    lacks = [one for one in (ADMIN, f"{MANIFESTS}/etcd.yaml") if not exists(host, one)]
    labels = member.value["metadata"].get("labels") or {}
    lacks += [f"the label {one}" for one in (CONTROL_PLANE,) if one not in labels]
    if lacks:
        text = f"has joined, but is not a complete control plane: it lacks {', '.join(lacks)}"
        host.fail(text, f"run kubernetes.reset --hosts {host.node.name}, and join it again")


def _join(host: Host, setup: Setup, api: Api) -> None:
    node, server = host.node, api.host
    prepare(host, setup)
    authority = server.read("cat", CA).stdout
    certificate_key = _upload_certificates(server, setup, node.name) if node.is_control_plane else ""
    token = _make_token(server, node.name)
    try:
        _write_secret(host, discovery_file(setup.inventory, authority, token))
        _write_secret(host, join_file(setup.inventory, node, setup.overlay, certificate_key), VALIDATE)
        host.change("kubeadm join", "kubeadm", "join", "--config", JOIN, timeout=KUBEADM)
    except HostError:
        for step in _cleanup(host, api, token, node.is_control_plane):
            with suppress(HostError):  # the first fault is the one to report
                step()
        raise
    for step in _cleanup(host, api, token, node.is_control_plane):
        step()


def _make_token(server: Host, name: str) -> str:
    """Return a new token; "" in a dry run."""
    argv = ("kubeadm", "token", "create", "--ttl", _TOKEN_LIFE, "--description", f"join of {name}")
    output = server.change(f"make a token for {name} on {server.node.name}", *argv, "--kubeconfig", ADMIN)
    found = _TOKEN.search(output)
    if found is None and not server.dry_run:
        server.fail("kubeadm token create printed no token", "run it there by hand")
    return found[0] if found else ""


def _upload_certificates(server: Host, setup: Setup, name: str) -> str:
    """Put the authorities, encrypted, where *name* finds them; return the key that kubeadm prints."""
    write_file(server, init_file(setup.inventory, server.node, setup.overlay), VALIDATE)
    argv = ("kubeadm", "init", "phase", "upload-certs", "--upload-certs", "--config", INIT)
    output = server.change(f"encrypt the authorities for {name} on {server.node.name}", *argv)
    found = _CERTIFICATE_KEY.search(output)
    if found is None and not server.dry_run:
        server.fail("kubeadm init phase upload-certs printed no key", "run it there by hand")
    return found[0] if found else ""


def _write_secret(host: Host, file: ConfigFile, check: tuple[str, ...] = ()) -> None:
    host.write(file.path, file.text, mode=0o600, secret=True, check=check)


def _cleanup(host: Host, api: Api, token: str, is_control_plane: bool) -> tuple[Callable[[], object], ...]:
    """Return the steps that remove what one join left: what others could use, then the machine's files."""
    name, found = api.host.node.name, _TOKEN.match(token)
    # The part before the dot is public: kubeadm lists it.
    argv = ("kubeadm", "token", "delete", found[1] if found else "", "--kubeconfig", ADMIN)
    secret = ("delete", "secret", "-n", "kube-system", "kubeadm-certs", "--ignore-not-found")
    files = ("rm", "-f", "--", DISCOVERY, JOIN)
    steps: list[Callable[[], object]] = [partial(api.host.change, f"delete the token on {name}", *argv)]
    if is_control_plane:
        steps.append(partial(api.change, f"delete the encrypted authorities on {name}", *secret))
    return (*steps, partial(host.change, f"remove {DISCOVERY} and {JOIN}", *files))
