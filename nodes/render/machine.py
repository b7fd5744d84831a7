"""All files that the tasks keep on one machine, by task.

Reads nodes/templates. No writes, no network.
"""

from __future__ import annotations

from nodes.inventory import Inventory
from nodes.render.base import base_files, hosts_file
from nodes.render.certificates import certificate_files
from nodes.render.dns import dns_files
from nodes.render.edge import edge_files
from nodes.render.files import ConfigFile
from nodes.render.firewall import firewall_file, service_file
from nodes.render.mail import mail_files
from nodes.render.ssh import ssh_files
from nodes.render.wireguard import wireguard_file
from nodes.sites import Site
from nodes.tables import Node


def machine_files(inventory: Inventory, node: Node, sites: tuple[Site, ...]) -> dict[str, list[ConfigFile]]:
    """Return the files of *node* by the task that writes them. Secrets are not among them."""
    found = {
        "base": [hosts_file(inventory, node), *base_files(inventory, node)],
        "ssh": [*ssh_files(inventory, node)],
        "wireguard.apply": [wireguard_file(inventory, node)],
        "firewall.apply": [firewall_file(inventory, node), service_file()],
    }
    certificates = certificate_files(inventory, node, sites)
    if node.has("edge"):
        found["edge.apply"] = [*edge_files(inventory, sites), *certificates]
    if node.has("mail"):
        found["mail.apply"] = [*mail_files(inventory), *(() if node.has("edge") else certificates)]
    if zones := dns_files(inventory, node):
        found["dns.apply"] = [*zones]
    return found
