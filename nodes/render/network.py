"""Render the network of pods: the plugin ptp on each node, or the settings of Calico.

No reads, no writes, no network. The mesh routes the network of each node's pods to it (`AllowedIPs`), so no
plugin encapsulates: pods have the MTU of the mesh. Sources: cni.dev, "ptp" and "host-local"; docs.tigera.io,
"Installation reference" (operator.tigera.io/v1).
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from nodes.inventory import Inventory
from nodes.render.files import HEADER, ConfigFile
from nodes.tables import Node

CALICO = "/etc/kubernetes/nodes/calico.yaml"
PTP = "/etc/cni/net.d/10-nodes.conflist"


def ptp_file(inventory: Inventory, node: Node) -> ConfigFile:
    """Return the configuration of ptp: a pair of interfaces for each pod, without a bridge."""
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins: list[dict[str, Any]] = [
        {"type": "ptp", "mtu": inventory.mesh.mtu, "ipMasq": False, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    value = {"cniVersion": "1.0.0", "name": "nodes", "plugins": plugins}
    return ConfigFile(PTP, json.dumps(value, indent=2) + "\n")


def calico_file(inventory: Inventory) -> ConfigFile:
    """Return the Installation that Calico's operator follows."""
    network = {
        "bgp": "Disabled",
        "hostPorts": "Enabled",
        "ipPools": [
            {
                "name": "pods",
                "cidr": inventory.cluster.pod_network,
                "encapsulation": "None",  # WireGuard joins the nodes
                "natOutgoing": "Enabled",
                "nodeSelector": "all()",
            }
        ],
        "linuxDataplane": "Nftables",
        "mtu": inventory.mesh.mtu,
        "nodeAddressAutodetectionV4": {"cidrs": [inventory.mesh.network]},
    }
    spec = {"cni": {"type": "Calico", "ipam": {"type": "HostLocal"}}, "calicoNetwork": network}
    value = {
        "apiVersion": "operator.tigera.io/v1",
        "kind": "Installation",
        "metadata": {"name": "default"},
        "spec": spec,
    }
    return ConfigFile(CALICO, f"# {HEADER}\n{yaml.safe_dump(value, sort_keys=False)}")
