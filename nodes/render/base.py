"""Render what every machine has: names, time, journal, updates, sudo.

Reads nodes/templates. No writes, no network.
"""

from __future__ import annotations

from nodes.inventory import Inventory
from nodes.render.files import ConfigFile, render
from nodes.tables import Node

# An update of these must not restart pods on its own: `kubernetes` tasks do it, node by node.
HELD_PACKAGES = ("containerd", "containerd.io", "cri-tools", "kubeadm", "kubectl", "kubelet", "runc")


def hosts_file(inventory: Inventory, node: Node) -> ConfigFile:
    """Return /etc/hosts: an own name that resolves (else each sudo waits for DNS), and the mesh's names."""
    others = [one for one in inventory.chosen() if one.name != node.name]
    text = render("base/hosts", name=node.name, domain=inventory.cluster.domain, others=others)
    return ConfigFile("/etc/hosts", text)


def base_files(inventory: Inventory, node: Node) -> tuple[ConfigFile, ...]:
    """Return the other files of every machine."""
    base = inventory.base
    held = HELD_PACKAGES if node.in_kubernetes else ()
    reboot = "" if node.in_kubernetes else base.reboot
    return (
        ConfigFile("/etc/hostname", f"{node.name}\n"),
        ConfigFile("/etc/sudoers.d/nodes", render("base/sudoers", user=inventory.ssh.user), mode=0o440),
        ConfigFile(
            "/etc/systemd/journald.conf.d/50-nodes.conf", render("base/journald", base=base), then="journald"
        ),
        ConfigFile(
            "/etc/systemd/timesyncd.conf.d/50-nodes.conf",
            render("base/timesyncd", base=base),
            then="timesyncd",
        ),
        ConfigFile(
            "/etc/apt/apt.conf.d/52-nodes", render("base/upgrades", base=base, held=held, reboot=reboot)
        ),
    )
