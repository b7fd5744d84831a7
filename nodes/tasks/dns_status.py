"""What `status` reads of the zones: serials of a name server and of the primary, and when signatures end.

Network: the machine, which asks the primary over the mesh. No writes.
"""

from __future__ import annotations

from datetime import UTC, datetime

from nodes.render.implied_records import name_servers, zone_names
from nodes.tasks.health import Probe

_DAYS = 10  # that signatures must be valid: the timer renews them after 14 of 28 days
# Address of the primary, zones. Of each: zone, serial, end of the signature of SOA, serial of the primary.
_SCRIPT = """primary="$1"; shift
answers() { timeout 5 drill "$@" SOA 2>/dev/null | grep -v '^;'; }
for zone in "$@"; do
  own="$(answers -D @127.0.0.1 "$zone" |
    awk '$4 == "SOA" { serial = $7 } $5 == "SOA" { end = $9 } END { print serial "|" end }')"
  echo "$zone|$own|$(answers "@$primary" "$zone" | awk '$4 == "SOA" { print $7 }')"
done
"""


def read_zones(probe: Probe) -> None:
    """Read the serial of the first zone; find a server that is behind, and signatures that end."""
    host, servers = probe.host, name_servers(probe.inventory)
    if host.node not in servers:
        return
    shown = host.read("sh", "-c", _SCRIPT, "sh", servers[0].mesh, *zone_names(probe.inventory)).stdout
    now = datetime.fromtimestamp(float(host.read("date", "+%s").stdout), UTC)
    rows = [line.split("|") for line in shown.splitlines()]
    probe.values["zone"] = rows[0][1] or "none"
    probe.faults += [fault for row in rows for fault in zone_faults(row, now)]


def zone_faults(row: list[str], now: datetime) -> list[str]:
    """Return what is wrong with a zone: *row* is a line of the script."""
    zone, serial, end, theirs = row
    if not serial:
        return [f"does not serve {zone}: dns.apply"]
    found = []
    if not theirs:
        found.append(f"the primary gives no answer for {zone}: status of the primary")
    elif serial != theirs:
        found.append(f"has the serial {serial} of {zone}, the primary {theirs}: journalctl -u nsd")
    days = (datetime.strptime(end, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - now).days if end else 0
    if days < _DAYS:
        found.append(f"the signatures of {zone} end in {days} days: journalctl -u dns-zones")
    return found
