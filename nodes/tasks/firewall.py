"""The firewall of a machine: one table, loaded without a gap, and taken back when it locks us out.

Network: the machine. Writes on it.
"""

from __future__ import annotations

import re

from nodes.host import Host
from nodes.render.firewall import TABLE, firewall_file, loaded_mark, service_file
from nodes.runs import Session
from nodes.tasks.guard import Guarded, write_guarded
from nodes.tasks.system import ensure_enabled, ensure_packages, write_file

# The old file is loaded only if it is ours: Debian's own begins with `flush ruleset`.
_UNLOAD = (
    f'nft delete table inet {TABLE}; if grep -q \'^delete table inet {TABLE}$\' "$1"; then nft -f "$1"; fi'
)


def apply(host: Host, session: Session) -> None:
    """Write the rules, check and load them; the old ones return unless a new connection succeeds."""
    ensure_packages(host, "nftables")
    write_file(host, service_file())
    host.settle("systemd", "reload systemd", "systemctl", "daemon-reload")
    file = firewall_file(session.inventory, host.node)
    # `reload-or-restart` reloads a running service. A restart would flush the tables of the cluster.
    load = ("systemctl", "reload-or-restart", "nftables.service")
    guarded = Guarded("firewall", file, ("nft", "-c", "-f"), load, _UNLOAD)
    write_guarded(session, host, guarded, is_loaded=mark_in_use(host) == loaded_mark(file))
    ensure_enabled(host, "nftables.service")


def mark_in_use(host: Host) -> str:
    """Return the comment of the table that the kernel has; "" without the table."""
    table = host.read("nft", "list", "table", "inet", TABLE, check=False).stdout
    found = re.search(r'^\s*comment "([0-9a-f]+)"', table, re.M)
    return found[1] if found else ""
