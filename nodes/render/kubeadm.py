"""Render the configuration of kubeadm (v1beta4), and what a node needs to join.

No reads, no writes, no network. kubelet and API server have the addresses of the mesh: on a machine with
several cards they would take that of the default route. Source: kubernetes.io, "kubeadm Configuration
(v1beta4)".
"""

from __future__ import annotations

import base64
from typing import Any

import yaml

from nodes.inventory import Inventory
from nodes.overlay import Overlay, merge
from nodes.render.files import HEADER, ConfigFile, render
from nodes.tables import Node

DIRECTORY = "/etc/kubernetes/nodes"
INIT, JOIN, UPGRADE = (f"{DIRECTORY}/{name}.yaml" for name in ("init", "join", "upgrade"))
DISCOVERY = f"{DIRECTORY}/discovery.conf"
APT_KEY = "/etc/apt/keyrings/kubernetes.asc"
APT_SOURCE = "/etc/apt/sources.list.d/kubernetes.sources"
_API = "kubeadm.k8s.io/v1beta4"
_PORT = 6443  # of the API server behind a load balancer


def init_file(inventory: Inventory, node: Node, overlay: Overlay) -> ConfigFile:
    """Return the configuration of `kubeadm init` on *node*."""
    init = {
        # The token that kubeadm always makes; a join has its own.
        "bootstrapTokens": [{"ttl": "1m0s"}],
        "localAPIEndpoint": _endpoint(inventory, node),
        "nodeRegistration": _registration(node),
    }
    return _file(
        INIT,
        _document(_API, "InitConfiguration", init, overlay),
        _document(_API, "ClusterConfiguration", _cluster(inventory), overlay),
        _document("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", {}, overlay),
        _document("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration", _proxy(inventory), overlay),
    )


def join_file(inventory: Inventory, node: Node, overlay: Overlay, certificate_key: str = "") -> ConfigFile:
    """Return the configuration of `kubeadm join` on *node*. It is a secret with a *certificate_key*.

    A control plane needs the key: it decrypts the authorities that another one has uploaded.
    """
    join: dict[str, Any] = {
        "discovery": {"file": {"kubeConfigPath": DISCOVERY}},
        "nodeRegistration": _registration(node),
    }
    if node.is_control_plane:
        join["controlPlane"] = {
            "localAPIEndpoint": _endpoint(inventory, node),
            "certificateKey": certificate_key,
        }
    return _file(JOIN, _document(_API, "JoinConfiguration", join, overlay))


def upgrade_file(inventory: Inventory, overlay: Overlay) -> ConfigFile:
    """Return the configuration of `kubeadm upgrade apply` and `kubeadm upgrade node`."""
    upgrade = {"apply": {"kubernetesVersion": f"v{inventory.cluster.kubernetes}"}, "node": {}}
    return _file(UPGRADE, _document(_API, "UpgradeConfiguration", upgrade, overlay))


def discovery_file(inventory: Inventory, authority: str, token: str) -> ConfigFile:
    """Return a kubeconfig with the *authority* (PEM) of the cluster and the *token* of one join: a secret."""
    server = f"https://{inventory.cluster.control_plane_endpoint}"
    data = base64.b64encode(authority.encode()).decode()
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": data}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    return ConfigFile(DISCOVERY, yaml.safe_dump(value, sort_keys=False), mode=0o600)


def apt_file(inventory: Inventory, minor: str) -> ConfigFile:
    """Return the source of the packages of Kubernetes *minor* ("1.35"): each has an archive of its own."""
    text = render("kubernetes/apt", packages=inventory.cluster.packages, minor=minor, key=APT_KEY)
    return ConfigFile(APT_SOURCE, text)


def cgroup_driver(overlay: Overlay) -> str:
    """Return the cgroup driver of kubelet, which containerd must share."""
    return str(overlay.get("KubeletConfiguration", {}).get("cgroupDriver", "systemd"))


def _cluster(inventory: Inventory) -> dict[str, Any]:
    cluster = inventory.cluster
    return {
        "clusterName": cluster.name,
        "kubernetesVersion": f"v{cluster.kubernetes}",
        "controlPlaneEndpoint": cluster.control_plane_endpoint,
        "imageRepository": cluster.image_repository,
        "networking": {"podSubnet": cluster.pod_network, "serviceSubnet": cluster.service_network},
        # nodes.toml has the network of each node's pods, since the mesh routes it.
        "controllerManager": {"extraArgs": [{"name": "allocate-node-cidrs", "value": "false"}]},
    }


def _proxy(inventory: Inventory) -> dict[str, Any]:
    # NodePorts are open on the mesh alone.
    return {"mode": "nftables", "nodePortAddresses": [inventory.mesh.network]}


def _registration(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": node.name,
        "criSocket": "unix:///run/containerd/containerd.sock",
        "kubeletExtraArgs": [{"name": "node-ip", "value": node.mesh}],
    }
    if node.is_control_plane and node.has("worker"):
        found["taints"] = []  # else kubeadm keeps pods away
    return found


def api_port(inventory: Inventory) -> int:
    """Return the port of the API servers: that of the endpoint, unless something stands in front of them."""
    host, _, port = inventory.cluster.control_plane_endpoint.rpartition(":")
    planes = {one.mesh for one in inventory.with_role("control-plane")}
    return int(port) if host in planes else _PORT


def _endpoint(inventory: Inventory, node: Node) -> dict[str, Any]:
    return {"advertiseAddress": node.mesh, "bindPort": api_port(inventory)}


def _document(api: str, kind: str, value: dict[str, Any], overlay: Overlay) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, **merge(kind, value, overlay)}


def _file(path: str, *documents: dict[str, Any]) -> ConfigFile:
    text = yaml.safe_dump_all(documents, sort_keys=False)
    return ConfigFile(path, f"# {HEADER}\n{text}", mode=0o600)
