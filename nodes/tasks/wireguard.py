"""The mesh: keys made on the machines, peers from the inventory, changes without a restart.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.host import Host
from nodes.inventory import FILE, Inventory
from nodes.render.wireguard import peers, private_key_file, routes, wireguard_file
from nodes.tasks.system import ensure_enabled, ensure_packages, write_file

# The private key never leaves the machine: tasks read the public one. Argument: the file of the private key.
_PUBLIC_KEY = 'if [ -s "$1" ]; then wg pubkey < "$1"; fi'
MAKE_KEY = 'umask 077; mkdir -p -- "${1%/*}"; [ -s "$1" ] || { wg genkey > "$1.part"; mv -- "$1.part" "$1"; }'
_STATE = """set -eu
wg show "$1" public-key
wg show "$1" listen-port
wg show "$1" allowed-ips
echo
wg show "$1" persistent-keepalive
"""
# `wg syncconf` keeps the sessions of unchanged peers; a restart loses packets for seconds. Without a
# PrivateKey it would remove the key. Arguments: interface, file of the private key.
_SYNC = """set -eu
{
  printf '[Interface]\\nPrivateKey = %s\\n' "$(cat -- "$2")"
  wg-quick strip "$1" | sed '0,/^\\[Interface\\]$/d'
} | wg syncconf "$1" /dev/stdin
"""


@dataclass(frozen=True, slots=True)
class _State:
    """What a running interface has, or must have."""

    public_key: str
    port: str
    peers: frozenset[tuple[str, frozenset[str], str]]  # key, allowed IPs, keepalive ("off")


def ensure_key(host: Host, inventory: Inventory) -> None:
    """Make a private key where there is none, and note the public one for the inventory."""
    ensure_packages(host, "wireguard-tools")
    file = private_key_file(inventory)
    if not public_key_of(host, file):
        host.change(f"make {file}", "sh", "-c", MAKE_KEY, "sh", file)
        if host.dry_run:
            return
    found = public_key_of(host, file)
    if found != host.node.public_key:
        host.notes.append(f'write public_key = "{found}" in {FILE}:{host.node.line}')


def apply(host: Host, inventory: Inventory) -> None:
    """Make the mesh of a machine what the inventory says, without a restart."""
    name = inventory.mesh.interface
    ensure_packages(host, "wireguard-tools")
    _check_key(host, inventory)
    file = wireguard_file(inventory, host.node)
    write_file(host, file)
    unit = f"wg-quick@{name}.service"
    ensure_enabled(host, unit)
    if host.read("ip", "link", "show", "dev", name, check=False).status:
        # wg-quick makes all of the file. A unit that has lost its interface needs a restart.
        host.change(f"start {name}", "systemctl", "restart", unit)
        return
    wanted = _wanted(inventory, host)
    if _running(host, name) != wanted:
        host.change(f"set the peers of {name}", "sh", "-c", _SYNC, "sh", name, private_key_file(inventory))
    _set_link(host, inventory)


def _check_key(host: Host, inventory: Inventory) -> None:
    """Compare the key with the inventory; finish a rotation that has written the inventory and no more."""
    node, file = host.node, private_key_file(inventory)
    if not node.public_key:
        host.fail("has no public_key", f"run wireguard.keys, and write what it prints in {FILE}:{node.line}")
    found = public_key_of(host, file)
    if found == node.public_key:
        return
    if public_key_of(host, f"{file}.new") == node.public_key:
        host.change("use the new private key", "mv", "-f", "--", f"{file}.new", file)
        return
    where = f"{FILE}:{node.public_key_line}"
    if not found:
        host.fail("has no private key", f"run wireguard.keys, and write what it prints in {where}")
    host.fail(
        f"its key is {found}, not that of {where}",
        "find out who changed which: a key is never taken from a machine unseen",
    )


def public_key_of(host: Host, file: str) -> str:
    """Return the public key of the private key in *file*; "" without one."""
    return host.read("sh", "-c", _PUBLIC_KEY, "sh", file).stdout.strip()


def _wanted(inventory: Inventory, host: Host) -> _State:
    found = frozenset(
        (one.public_key, frozenset(one.allowed_ips), str(one.keepalive or "off"))
        for one in peers(inventory, host.node)
    )
    return _State(host.node.public_key, str(inventory.mesh.port), found)


def _running(host: Host, name: str) -> _State:
    """Return the state of the running interface. Endpoints are left out: those of roaming peers change."""
    head, _, tail = host.read("sh", "-c", _STATE, "sh", name).stdout.partition("\n\n")
    public_key, port, *allowed = head.splitlines()
    keepalive = dict(line.split("\t") for line in tail.splitlines())
    rows = (line.split("\t") for line in allowed)
    found = frozenset(
        (key, frozenset(networks.replace("(none)", "").split()), keepalive[key]) for key, networks in rows
    )
    return _State(public_key, port, found)


def _set_link(host: Host, inventory: Inventory) -> None:
    """Set address, MTU and routes, which `wg syncconf` does not."""
    name = inventory.mesh.interface
    wanted = f"{host.node.mesh}/{inventory.mesh.network.partition('/')[2]}"
    shown = host.read("ip", "-4", "-o", "address", "show", "dev", name).stdout
    addresses = {line.split()[3] for line in shown.splitlines()}
    if wanted not in addresses:
        host.change(f"add {wanted} to {name}", "ip", "address", "add", wanted, "dev", name)
    for one in sorted(addresses - {wanted}):
        host.change(f"remove {one} from {name}", "ip", "address", "delete", one, "dev", name)
    link = host.read("ip", "-o", "link", "show", "dev", name).stdout
    if f" mtu {inventory.mesh.mtu} " not in link:
        host.change(f"set the MTU of {name}", "ip", "link", "set", name, "mtu", str(inventory.mesh.mtu))
    shown = host.read("ip", "-4", "route", "show", "dev", name).stdout
    # The kernel adds the route of the interface's own network.
    found = {line.split()[0] for line in shown.splitlines() if "proto kernel" not in line}
    networks = set(routes(inventory, host.node))
    for one in sorted(networks - found):
        host.change(f"route {one} to {name}", "ip", "route", "replace", one, "dev", name)
    for one in sorted(found - networks):
        host.change(f"remove the route of {one}", "ip", "route", "delete", one, "dev", name)
