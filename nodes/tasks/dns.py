"""The zones and their name servers: a primary that signs, secondaries that follow, edges that set challenges.

Network: the machines. Writes on them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from nodes.host import Host
from nodes.inventory import FILE, Inventory
from nodes.render.dns import (
    CHALLENGE_KEY,
    RECORDS,
    TSIG,
    TSIG_NAME,
    challenge_clients,
    client_files,
    kept_records,
    nsd_file,
    records_file,
    records_path,
    signer_files,
)
from nodes.render.edge import tls_names
from nodes.render.files import ConfigFile
from nodes.render.implied_records import Facts, name_servers, zone_names
from nodes.render.ssh import CHALLENGE_USER, KEYS
from nodes.render.zone_rules import ResourceRecord
from nodes.render.zones import zones_of
from nodes.runs import Session, TaskResult, run_changes
from nodes.sites import Site
from nodes.tables import Node
from nodes.tasks.dns_facts import Reading, read_facts
from nodes.tasks.dns_takeover import PRIMARY, SECONDARY, TIMER, read_takeover, take_over
from nodes.tasks.system import ensure_packages, ensure_service, write_file, write_files

_UNIT = "nsd.service"
_SIGNER = "/usr/local/sbin/dns-zones"
_SIGN_TIMEOUT = 300.0  # seconds
_CHECKS = {
    "/etc/nsd/nsd.conf": ("nsd-checkconf",),
    "/etc/sudoers.d/dns-challenge": ("visudo", "-c", "-q", "-f"),
}
# File, name. The key never is an argument.
_MAKE_TSIG = """set -eu
umask 077
{
  printf 'key:\\n    name: "%s"\\n    algorithm: hmac-sha256\\n    secret: "' "$2"
  head -c 32 /dev/urandom | base64 | tr -d '\\n'
  printf '"\\n'
} > "$1.part"
chown root:nsd -- "$1.part"
chmod 640 -- "$1.part"
mv -- "$1.part" "$1"
"""
# Directory of the primary, directory of the secondary. NSD writes there what it transfers.
_KEEP_ZONES = """set -eu
for zone in "$1"/*.zone; do
  [ -e "$zone" ] || continue
  install -o nsd -g nsd -m 644 -- "$zone" "$2/${zone##*/}"
done
"""
_MAKE_KEY = """set -eu
mkdir -p -- "${1%/*}"
rm -f -- "$1.part" "$1.part.pub"
ssh-keygen -q -t ed25519 -N "" -C "" -f "$1.part"
mv -- "$1.part.pub" "$1.pub"
mv -- "$1.part" "$1"
"""


def ensure_challenge_key(host: Host) -> None:
    """Make the key with which an edge sets challenges, and note the public half for the inventory."""
    ensure_packages(host, "openssh-client")
    if host.read("test", "-s", CHALLENGE_KEY, check=False).status:
        host.change(f"make {CHALLENGE_KEY}", "sh", "-c", _MAKE_KEY, "sh", CHALLENGE_KEY)
        if host.dry_run:
            return
    found = " ".join(host.read("cat", f"{CHALLENGE_KEY}.pub").stdout.split()[:2])
    if found != host.node.challenge_key:
        host.notes.append(f'write challenge_key = "{found}" in {FILE}:{host.node.line}')


def apply(
    session: Session, names: list[str], sites: tuple[Site, ...], *, new_keys: bool = False
) -> TaskResult:
    """Make the zones and their servers what the inventory says; raise SourceError before any connection.

    With *new_keys*, a zone whose key is lost gets another one.
    """
    inventory = session.inventory
    known_hosts = session.known_hosts.read_text("utf-8") if session.known_hosts.exists() else ""
    facts = Facts(hosts=tuple(one.host for one in sites), known_hosts=known_hosts)
    zones_of(inventory, facts)
    nodes = _chosen(inventory, names)
    is_primary_chosen = any(one.name == inventory.dns.primary for one in nodes)
    reading = read_facts(session, tls_names(inventory, sites)) if is_primary_chosen else Reading((), (), ())
    step = partial(_apply, session=session, facts=facts, reading=reading, new_keys=new_keys)
    return run_changes(session, "dns.apply", nodes, step)


def _chosen(inventory: Inventory, names: list[str]) -> tuple[Node, ...]:
    """Return the machines of the task: the primary, the secondaries, then the other edges."""
    servers = name_servers(inventory)
    clients = [one for one in challenge_clients(inventory) if one not in servers]
    wanted = {one.name for one in inventory.chosen(names)} if names else None
    for name in wanted or ():
        if name not in {one.name for one in (*servers, *clients)}:
            inventory.chosen([name], "dns")  # raises UsageError
    return tuple(one for one in (*servers, *clients) if wanted is None or one.name in wanted)


def _apply(host: Host, session: Session, facts: Facts, reading: Reading, *, new_keys: bool) -> None:
    inventory = session.inventory
    if host.node.name == inventory.dns.primary:
        _primary(host, session, facts, reading, new_keys=new_keys)
    elif host.node.has("dns"):
        _secondary(host, session)
    if host.node in challenge_clients(inventory):
        write_files(host, client_files(inventory, facts.known_hosts))
        if not host.node.challenge_key:
            host.notes.append("cannot set challenges of DNS-01: run dns.keys, and write what it prints")


def _primary(host: Host, session: Session, facts: Facts, reading: Reading, *, new_keys: bool) -> None:
    """Write records and signer; sign and load what changed."""
    inventory = session.inventory
    ensure_packages(host, "nsd", "ldnsutils")
    plan = read_takeover(host, session, reading.unread, new_keys=new_keys)
    if host.read("id", CHALLENGE_USER, check=False).status:
        argv = (
            "useradd",
            "--system",
            "--no-create-home",
            "--home-dir",
            "/",
            "--shell",
            "/bin/sh",
            CHALLENGE_USER,
        )
        host.change(f"add the user {CHALLENGE_USER}", *argv)
    if host.read("test", "-s", TSIG, check=False).status:
        host.change(f"make {TSIG}", "sh", "-c", _MAKE_TSIG, "sh", TSIG, TSIG_NAME)
    host.notes += reading.notes
    take_over(host, session, plan)
    kept = plan.records if plan.is_new else _kept(host, inventory, reading)
    for zone in zones_of(inventory, replace(facts, records=(*reading.records, *kept))):
        write_file(host, records_file(inventory, zone))
    _remove_others(host, inventory)
    for file in (*signer_files(inventory), nsd_file(inventory, host.node)):
        write_file(host, file, _CHECKS.get(file.path, ()))
    _run_server(host)
    host.settle("systemd", "reload systemd", "systemctl", "daemon-reload")
    ensure_service(host, "dns-zones.timer")
    for name in plan.forced:
        host.change(f"make a new key for {name}", _SIGNER, "new-key", name, then="zones")
    host.settle("zones", "sign and load the zones", _SIGNER, "sign", timeout=_SIGN_TIMEOUT)
    if plan.new and not host.dry_run:
        for line in host.read(_SIGNER, "ds").stdout.splitlines():
            if line.partition(" ")[0].rstrip(".") in plan.new:
                host.notes.append(f"give the registrar: {line}")


def _kept(host: Host, inventory: Inventory, reading: Reading) -> list[ResourceRecord]:
    """Return what the zones have of facts that could not be read."""
    if not reading.unread:
        return []
    sources = {one.node for one in reading.unread}
    found = []
    for zone in zone_names(inventory):
        text = host.read("cat", records_path(zone), check=False).stdout
        for record in kept_records(text, zone, sources):
            nodes = tuple(fact.node for fact in reading.unread if fact.covers(record))
            if nodes:
                found.append(replace(record, sources=nodes))
    return found


def _remove_others(host: Host, inventory: Inventory) -> None:
    """Remove the records of zones that the inventory no longer has."""
    listed = host.read("ls", RECORDS, check=False).stdout.splitlines()
    for one in sorted(set(listed) - set(zone_names(inventory))):
        host.remove(f"{RECORDS}/{one}")


def _secondary(host: Host, session: Session) -> None:
    """Configure a server that follows the primary, with its key of TSIG."""
    inventory = session.inventory
    ensure_packages(host, "nsd", "ldnsutils")
    if host.read("test", "-d", SECONDARY, check=False).status:
        host.change(f"make {SECONDARY}", "install", "-d", "-o", "nsd", "-g", "nsd", "-m", "755", SECONDARY)
    _demote(host)
    with session.connect(inventory.node(inventory.dns.primary), read_only=True) as primary:
        key = primary.read("cat", TSIG, check=False).stdout
    if not key and not host.dry_run:
        host.fail(f"{inventory.dns.primary} has no {TSIG}", "run dns.apply on all name servers")
    host.write(TSIG, key, mode=0o640, owner="root:nsd", secret=True, then="nsd")
    file: ConfigFile = nsd_file(inventory, host.node)
    write_file(host, file, _CHECKS[file.path])
    _run_server(host)


def _demote(host: Host) -> None:
    """Stop the signer of a machine that was the primary, and take challenges no more. Its keys stay.

    It answers with its zones until the first transfer.
    """
    if not host.read("test", "-e", TIMER, check=False).status:
        host.change("stop dns-zones.timer", "systemctl", "disable", "--now", "--quiet", "dns-zones.timer")
        host.change(f"copy the zones to {SECONDARY}", "sh", "-c", _KEEP_ZONES, "sh", PRIMARY, SECONDARY)
        for path in (TIMER, "/etc/sudoers.d/dns-challenge", f"{KEYS}/{CHALLENGE_USER}"):
            host.remove(path)


def _run_server(host: Host) -> None:
    ensure_service(host, _UNIT)
    host.settle("nsd", "restart NSD", "systemctl", "restart", _UNIT)
