"""Names, time, journal, updates and sudo of a machine.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.base import HELD_PACKAGES, base_files, hosts_file
from nodes.tasks.system import ensure_packages, ensure_service, write_file

_CHECKS = {"/etc/sudoers.d/nodes": ("visudo", "-c", "-q", "-f")}


def apply(host: Host, inventory: Inventory) -> None:
    """Write the files of every machine, and hold the packages of the cluster."""
    # First of all: with a name that does not resolve, each sudo waits 20 s for DNS.
    write_file(host, hosts_file(inventory, host.node))
    ensure_packages(host, "ca-certificates", "systemd-timesyncd", "unattended-upgrades")
    for file in base_files(inventory, host.node):
        write_file(host, file, _CHECKS.get(file.path, ()))
    if host.read("hostname").stdout.strip() != host.node.name:
        host.change("set the host name", "hostname", host.node.name)
    host.settle("journald", "restart systemd-journald", "systemctl", "restart", "systemd-journald")
    host.settle("timesyncd", "restart systemd-timesyncd", "systemctl", "restart", "systemd-timesyncd")
    ensure_service(host, "systemd-timesyncd.service")
    ensure_service(host, "unattended-upgrades.service")
    if host.node.in_kubernetes:
        _hold_packages(host)


def _hold_packages(host: Host) -> None:
    """Hold the packages whose update would restart pods: a task updates them, one machine after the other."""
    # Not `apt-mark showhold`, which writes apt's cache: a dry run writes nothing.
    form = "${Package} ${db:Status-Want} ${db:Status-Status}\\n"
    rows = host.read("dpkg-query", "-W", "-f", form, *HELD_PACKAGES, check=False).stdout.splitlines()
    loose = [name for name, want, state in map(str.split, rows) if state == "installed" and want != "hold"]
    if loose:
        host.change(f"hold {', '.join(loose)}", "apt-mark", "hold", *loose)
