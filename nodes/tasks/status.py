"""The state of every machine: what an operator looks at first.

Network: all machines. No writes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from nodes.host import Host
from nodes.inventory import Inventory, Node
from nodes.render.edge import TLS
from nodes.render.firewall import firewall_file, loaded_mark
from nodes.render.wireguard import peers, private_key_file
from nodes.runs import Session, read_all
from nodes.tasks.firewall import mark_in_use
from nodes.tasks.wireguard import public_key_of
from pipelines.core.errors import PipelineError

_FULL = 85  # percent of a disk
_SKEW = 2.0  # seconds between the clocks
_OLD = 180  # seconds since a handshake: with a packet, WireGuard makes a new one after 120 s
_DAYS = 21  # that a certificate must stay valid

# Clock; percent of the root disk; failed units; whether an update asks for a reboot.
_SYSTEM = """date +%s.%N
df --output=pcent / | tail -n 1 | tr -dc 0-9; echo
systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\\n' ' '; echo
[ ! -e /var/run/reboot-required ] || echo reboot
"""
# Name and end of each certificate.
_CERTIFICATES = """for one in "$1"/*/fullchain.pem; do
  [ -e "$one" ] || continue
  name="${one%/*}"; end="$(openssl x509 -noout -enddate -in "$one" | cut -d= -f2)"
  echo "${name##*/} $(date +%s --date="$end")"
done
"""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What was read from one machine; what is wrong, without a full stop, is in *faults*."""

    host: str
    is_reachable: bool
    disk: int  # percent of the root disk; 0 where it is away
    handshakes: str  # "3/3": peers with a recent handshake, and all
    certificate_days: int | None  # of the certificate that ends first; None without any
    faults: tuple[str, ...]


def status(session: Session, nodes: tuple[Node, ...]) -> tuple[NodeStatus, ...]:
    """Return the state of each of *nodes*, all read at once."""
    found = read_all(session, nodes, lambda host: _read(host, session.inventory))
    return tuple(
        NodeStatus(name, False, 0, "", None, (str(one),)) if isinstance(one, PipelineError) else one
        for name, one in found.items()
    )


def _read(host: Host, inventory: Inventory) -> NodeStatus:
    faults: list[str] = []
    before = time.time()
    clock, disk, failed, *reboot = host.read("sh", "-c", _SYSTEM).stdout.splitlines()
    after = time.time()
    skew = max(before - float(clock), float(clock) - after, 0.0)
    if skew > _SKEW:
        faults.append(f"its clock differs by {skew:.0f} s")
    if int(disk) > _FULL:
        faults.append(f"its disk is {disk} % full")
    if failed.strip():
        faults.append(f"failed: {failed.strip()}")
    if reboot:
        faults.append("an update asks for a reboot")
    recent, count = _handshakes(host, inventory, faults)
    if mark_in_use(host) != loaded_mark(firewall_file(inventory, host.node)):
        faults.append("the firewall is not that of nodes.toml: firewall.apply")
    days = _certificate_days(host, after, faults) if host.node.has("edge") else None
    return NodeStatus(host.node.name, True, int(disk), f"{recent}/{count}", days, tuple(faults))


def _handshakes(host: Host, inventory: Inventory, faults: list[str]) -> tuple[int, int]:
    """Return the number of peers with a recent handshake, and of all; add what is wrong."""
    key = public_key_of(host, private_key_file(inventory))
    if key != host.node.public_key:
        faults.append("its key of WireGuard is not that of nodes.toml: wireguard.keys")
    name, wanted = inventory.mesh.interface, {one.public_key: one.name for one in peers(inventory, host.node)}
    shown = host.read("wg", "show", name, "latest-handshakes", check=False)
    if shown.status:
        faults.append(f"{name} is down: wireguard.apply")
        return 0, len(wanted)
    now = float(host.read("date", "+%s").stdout)
    times = dict(line.split("\t") for line in shown.stdout.splitlines())
    if set(times) != set(wanted):
        faults.append("its peers are not those of nodes.toml: wireguard.apply")
    return sum(now - float(times.get(one, 0)) < _OLD for one in wanted), len(wanted)


def _certificate_days(host: Host, now: float, faults: list[str]) -> int | None:
    rows = [line.split() for line in host.read("sh", "-c", _CERTIFICATES, "sh", TLS).stdout.splitlines()]
    days = {name: int((float(end) - now) // 86_400) for name, end in rows}
    faults += [
        f"the certificate of {name} ends in {left} days" for name, left in days.items() if left < _DAYS
    ]
    return min(days.values(), default=None)
