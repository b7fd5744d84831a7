"""Render the firewall: one table of our own in nftables, which leaves the tables of the cluster alone.

Reads nodes/templates. No writes, no network. Source: nft(8).
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_network

from nodes.inventory import Inventory
from nodes.render.certificates import certificates_of
from nodes.render.files import ConfigFile, render
from nodes.tables import Node

FILE = "/etc/nftables.conf"
TABLE = "nodes"  # of the family inet
# Ports that a role opens to everybody.
_TCP = {"edge": (80, 443), "dns": (53,), "mail": (25, 465, 587, 993)}
_UDP = {"dns": (53,)}


def firewall_file(inventory: Inventory, node: Node) -> ConfigFile:
    """Return /etc/nftables.conf. It has no `flush ruleset`: that would remove kube-proxy's rules too."""
    # Behind NAT, the node of `jump` alone reaches sshd, from an address that the inventory does not have.
    networks = inventory.ssh.sources if node.address else ("0.0.0.0/0",)
    sources = [ip_network(one) for one in networks]
    text = render(
        "firewall/nftables.conf",
        table=TABLE,
        mesh=inventory.mesh,
        ssh_port=inventory.ssh.port,
        sources4=[str(one) for one in sources if one.version == 4],
        sources6=[str(one) for one in sources if one.version == 6],
        pod_network=inventory.cluster.pod_network if node.in_kubernetes else "",
        masquerade=node.pod_cidr if inventory.cluster.network_plugin == "ptp" else "",
        tcp=sorted({port for role in node.roles for port in _TCP.get(role, ())} | _http_01(inventory, node)),
        udp=sorted(port for role in node.roles for port in _UDP.get(role, ())),
        mark="@mark@",
    )
    return ConfigFile(FILE, text.replace("@mark@", mark_of(text)), mode=0o600)


def _http_01(inventory: Inventory, node: Node) -> set[int]:
    """Return port 80 where certbot itself answers HTTP-01: on a mail server without NGINX."""
    return {80 for one in certificates_of(inventory, node, ()) if one.method == "standalone"}


def mark_of(text: str) -> str:
    """Return the comment that tells the loaded table from an older one: a digest of its *text*."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def loaded_mark(file: ConfigFile) -> str:
    """Return the comment of the table in *file*."""
    return file.text.partition('comment "')[2].partition('"')[0]


def service_file() -> ConfigFile:
    """Return the drop-in for nftables.service, whose stop flushes every table of the machine otherwise."""
    text = render("firewall/service.conf", table=TABLE)
    return ConfigFile("/etc/systemd/system/nftables.service.d/50-nodes.conf", text, then="systemd")
