"""What `status` reads from every machine: system, mesh, routes, kubelet, and drift against the inventory.

Network: the machine. No writes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_network

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.firewall import firewall_file, loaded_mark
from nodes.render.machine import machine_files
from nodes.render.wireguard import peers, private_key_file, routes
from nodes.sites import Site
from nodes.tasks.firewall import mark_in_use
from nodes.tasks.wireguard import public_key_of

_FULL = 85  # percent of a disk
_SKEW = 2.0  # seconds between the clocks
_OLD = 180  # seconds since a handshake: with a packet, WireGuard makes a new one after 120 s

# Clock; percent of the root disk; failed units; whether an update asks for a reboot.
_SYSTEM = """date +%s.%N
df --output=pcent / | tail -n 1 | tr -dc 0-9; echo
systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\\n' ' '; echo
[ ! -e /var/run/reboot-required ] || echo reboot
"""
# Mode, owner, group and SHA-256 of each file, or a line with "missing".
_DIGESTS = """for one in "$@"; do
  if [ -e "$one" ]; then
    echo "$(stat -L -c '%a %U %G' -- "$one") $(sha256sum < "$one" | cut -c1-64)"
  else
    echo missing
  fi
done
"""
# Address and device of the route to each address.
_ROUTES = """for one in "$@"; do
  echo "$one $(ip -4 -o route get "$one" 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')"
done
"""

Value = int | float | str | None  # None: does not apply to the machine


@dataclass(slots=True)
class Probe:
    """One machine that is read: what the readers need, and what they find."""

    host: Host
    inventory: Inventory
    sites: tuple[Site, ...]
    values: dict[str, Value] = field(default_factory=dict)  # by the key of a column
    faults: list[str] = field(default_factory=list)  # what is wrong, and the task that repairs it


def read_system(probe: Probe) -> None:
    """Read clock, disk, failed units, and whether an update asks for a reboot."""
    before = time.time()
    clock, disk, failed, *reboot = probe.host.read("sh", "-c", _SYSTEM).stdout.splitlines()
    after = time.time()
    skew = max(before - float(clock), float(clock) - after, 0.0)
    if skew > _SKEW:
        probe.faults.append(f"its clock differs by {skew:.0f} s")
    if int(disk) > _FULL:
        probe.faults.append(f"its disk is {disk} % full")
    if failed.strip():
        probe.faults.append(f"failed: {failed.strip()}")
    if reboot:
        probe.faults.append("an update asks for a reboot")
    probe.values |= {"clock_skew": round(skew, 1), "disk": int(disk), "reboot": "yes" if reboot else None}


def read_mesh(probe: Probe) -> None:
    """Read the handshakes of the peers; find a key or peers that are not those of nodes.toml."""
    host, inventory, faults = probe.host, probe.inventory, probe.faults
    key = public_key_of(host, private_key_file(inventory))
    if key != host.node.public_key:
        faults.append("its key of WireGuard is not that of nodes.toml: wireguard.keys")
    name, wanted = inventory.mesh.interface, {one.public_key for one in peers(inventory, host.node)}
    shown = host.read("wg", "show", name, "latest-handshakes", check=False)
    if shown.status:
        faults.append(f"{name} is down: wireguard.apply")
        probe.values["mesh"] = f"0/{len(wanted)}"
        return
    now = float(host.read("date", "+%s").stdout)
    times = dict(line.split("\t") for line in shown.stdout.splitlines())
    if set(times) != wanted:
        faults.append("its peers are not those of nodes.toml: wireguard.apply")
    ages = [int(now - float(times[one])) for one in wanted if float(times.get(one, 0))]
    probe.values["mesh"] = f"{sum(age < _OLD for age in ages)}/{len(wanted)}"
    probe.values["handshake"] = max(ages, default=None)


def read_routes(probe: Probe) -> None:
    """Find machines and pods that are not reached over the mesh: their packets would not be encrypted."""
    name, node = probe.inventory.mesh.interface, probe.host.node
    meshes = {one.mesh: one.name for one in probe.inventory.chosen() if one.public_key and one != node}
    targets = meshes | {str(ip_network(one)[1]): one for one in routes(probe.inventory, node)}
    if not targets:
        return
    shown = probe.host.read("sh", "-c", _ROUTES, "sh", *targets).stdout
    devices = dict(line.partition(" ")[::2] for line in shown.splitlines())
    astray = [
        f"{targets[one]} by {device or 'no route'}" for one, device in devices.items() if device != name
    ]
    if astray:
        probe.faults.append(f"not over {name}: {', '.join(astray)}: wireguard.apply")


def read_kubelet(probe: Probe) -> None:
    """Read the version of kubelet; find one that is not that of nodes.toml."""
    if not probe.host.node.in_kubernetes:
        return
    shown = probe.host.read("kubelet", "--version", check=False)
    if shown.status:
        probe.values["kubelet"] = "none"
        return
    version = shown.stdout.split()[-1].removeprefix("v")
    probe.values["kubelet"] = version
    if version != probe.inventory.cluster.kubernetes:
        wanted = probe.inventory.cluster.kubernetes
        probe.faults.append(f"kubelet is {version}, that of nodes.toml {wanted}: kubernetes.upgrade")


def read_drift(probe: Probe) -> None:
    """Find files that are not as the tasks write them, and a firewall that is not loaded."""
    host = probe.host
    if mark_in_use(host) != loaded_mark(firewall_file(probe.inventory, host.node)):
        probe.faults.append("the firewall is not that of nodes.toml: firewall.apply")
    by_task = machine_files(probe.inventory, host.node, probe.sites)
    files = [(task, one) for task, some in by_task.items() for one in some]
    lines = host.read("sh", "-c", _DIGESTS, "sh", *(one.path for _, one in files)).stdout.splitlines()
    found: dict[str, list[str]] = {}
    for (task, one), line in zip(files, lines, strict=True):
        if line != f"{one.mode:o} {one.owner.replace(':', ' ')} {one.sha256}":
            found.setdefault(task, []).append(one.path)
    probe.values["drift"] = sum(map(len, found.values()))
    for task, paths in found.items():
        differ = "differs" if len(paths) == 1 else "differ"
        probe.faults.append(f"{', '.join(paths)} {differ} from nodes.toml: {task}")
