"""The golden files of the machines: ``python -m tests.nodes.golden`` rewrites tests/nodes/golden."""

from __future__ import annotations

import shutil
from pathlib import Path

from nodes.inventory import Inventory, Node
from nodes.overlay import EMPTY, parse_overlay
from nodes.render import containerd, kubeadm, network
from nodes.render.base import base_files, hosts_file
from nodes.render.edge import edge_files
from nodes.render.files import ConfigFile
from nodes.render.firewall import firewall_file, service_file
from nodes.render.ssh import ssh_files
from nodes.render.wireguard import wireguard_file
from nodes.sites import Site
from tests.nodes import labs
from tests.support.project import files_of, write

FOLDER = Path(__file__).parent / "golden"
SITES = (
    Site("production", "small.example", port=30080, webhook_port=30090),
    Site("staging", "staging.small.example", port=30081, webhook_port=0),
)

AUTHORITIES = {"mirror.pem": "authority of the mirrors\n", "registry.pem": "authority of the registry\n"}
OVERLAY = parse_overlay((Path(__file__).parent / "data" / "kubeadm.yaml").read_text("utf-8"))


def kubernetes_files(inventory: Inventory, node: Node) -> tuple[ConfigFile, ...]:
    """Return the files of a node of the cluster; a control plane has the overlay of data/kubeadm.yaml."""
    overlay = OVERLAY if node.is_control_plane else EMPTY
    common = (
        *containerd.kernel_files(),
        containerd.containerd_file(inventory, cgroup_driver=kubeadm.cgroup_driver(overlay)),
        *containerd.registry_files(inventory, AUTHORITIES),
        kubeadm.apt_file(inventory, "1.35"),
        kubeadm.join_file(inventory, node, overlay, "0" * 64),
        kubeadm.upgrade_file(inventory, overlay),
        kubeadm.discovery_file(inventory, "authority of the cluster\n", "abcdef.0123456789abcdef"),
        network.ptp_file(inventory, node),
    )
    if not node.is_control_plane:
        return common
    return *common, kubeadm.init_file(inventory, node, overlay), network.calico_file(inventory)


def rendered() -> dict[str, str]:
    """Return the text of each file of each machine, by "machine/path"; its first line has mode and owner."""
    inventory = labs.inventory()
    found: dict[str, str] = {}
    for node in inventory.nodes:
        files: list[ConfigFile] = [
            hosts_file(inventory, node),
            *base_files(inventory, node),
            *ssh_files(inventory, node),
            wireguard_file(inventory, node),
            firewall_file(inventory, node),
            service_file(),
        ]
        if node.has("edge"):
            files += edge_files(inventory, SITES)
        if node.in_kubernetes:
            files += kubernetes_files(inventory, node)
        for file in files:
            found[f"{node.name}{file.path}"] = f"({file.mode:o} {file.owner} {file.then or '-'})\n{file.text}"
    return found


def read_golden() -> dict[str, str]:
    """Return the golden files as they are committed."""
    return {name: data.decode() for name, data in files_of(FOLDER).items()}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in rendered().items():
        write(FOLDER / name, text)
