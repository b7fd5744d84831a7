"""The golden files of the machines: ``python -m tests.nodes.golden`` rewrites tests/nodes/golden."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from nodes.inventory import Inventory
from nodes.overlay import EMPTY, parse_overlay
from nodes.rdata import txt
from nodes.render import containerd, kubeadm, network
from nodes.render.dns import challenge_clients, client_files, records_file
from nodes.render.files import ConfigFile
from nodes.render.implied_records import Facts
from nodes.render.machine import machine_files
from nodes.render.zone_rules import ResourceRecord
from nodes.render.zones import zones_of
from nodes.sites import Site
from nodes.tables import Node
from tests.nodes import labs
from tests.support.project import files_of, write

FOLDER = Path(__file__).parent / "golden"
SITES = (
    Site("production", "small.example", port=30080, webhook_port=30090),
    Site("staging", "staging.small.example", port=30081, webhook_port=0),
)
CHALLENGE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGUga2V5IG9mIGVkZ2UxIGZvciBjaGFsbGVuZ2VzLi4u"
_HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIB7f6ZUMuSlZ5pQkzXzsdpjUfHUaBpC1VjyrsZJRIl"
KNOWN_HOSTS = "".join(f"203.0.113.{number} ssh-ed25519 {_HOST_KEY}{number}\n" for number in (11, 14))
FACTS = Facts(
    hosts=("lab.example", "staging.lab.example"),
    known_hosts=KNOWN_HOSTS,
    records=(
        ResourceRecord(
            "s1._domainkey.lab.example.",
            "TXT",
            txt(f"v=DKIM1; h=sha256; k=rsa; p={'A' * 392}"),
            3600,
            ("mail1",),
        ),
        ResourceRecord("_25._tcp.mail.lab.example.", "TLSA", f"3 1 1 {'ab' * 32}", 3600, ("mail1",)),
        ResourceRecord("_443._tcp.lab.example.", "TLSA", f"3 1 1 {'cd' * 32}", 3600, ("edge1",)),
    ),
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
    nodes = tuple(
        replace(one, challenge_key=CHALLENGE_KEY) if one.name == "edge1" else one for one in inventory.nodes
    )
    inventory = replace(inventory, nodes=nodes)
    found: dict[str, str] = {}
    for node in inventory.nodes:
        files = [one for some in machine_files(inventory, node, SITES).values() for one in some]
        if node.in_kubernetes:
            files += kubernetes_files(inventory, node)
        if node.name == inventory.dns.primary:
            files += [records_file(inventory, zone) for zone in zones_of(inventory, FACTS)]
        if node in challenge_clients(inventory):
            files += client_files(inventory, KNOWN_HOSTS)
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
