"""Render the configuration of sshd, and the keys that it accepts.

Reads nodes/templates. No writes, no network.
"""

from __future__ import annotations

from nodes.inventory import Inventory
from nodes.render.files import HEADER, ConfigFile, render
from nodes.tables import Node

KEYS = "/etc/ssh/authorized_keys"  # a file for each user, which only root writes
CHALLENGE_USER = "acme"  # may set challenges of DNS-01 on the primary of the zones, and nothing else


def ssh_files(inventory: Inventory, node: Node) -> tuple[ConfigFile, ...]:
    """Return the accepted keys, then the configuration of sshd, which names their directory."""
    is_jump = any(one.jump == node.name for one in inventory.nodes)
    users = [inventory.ssh.user, *([CHALLENGE_USER] if node.name == inventory.dns.primary else ())]
    keys = "".join(f"{line}\n" for line in (f"# {HEADER}", *inventory.ssh.authorized_keys))
    return (
        ConfigFile(f"{KEYS}/{inventory.ssh.user}", keys),
        ConfigFile(
            "/etc/ssh/sshd_config.d/00-nodes.conf",
            render("ssh/sshd_config", ssh=inventory.ssh, users=users, keys=KEYS, is_jump=is_jump),
        ),
    )
