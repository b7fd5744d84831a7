"""Render the files of a name server: records, NSD, the signer, and the way in which an edge sets challenges.

Reads nodes/templates. No writes, no network. Sources: nsd.conf(5), RFC 1035.
"""

from __future__ import annotations

import json
import re

from nodes.inventory import Inventory
from nodes.render.files import HEADER, ConfigFile, render
from nodes.render.implied_records import contact, name_servers, zone_names
from nodes.render.ssh import CHALLENGE_USER, KEYS
from nodes.render.zone_rules import ResourceRecord
from nodes.render.zones import Zone
from nodes.tables import Node

RECORDS = "/etc/nodes/zones"  # a file for each zone, without serial and signatures
TSIG = "/etc/nsd/tsig.conf"
TSIG_NAME = "nodes"
CHALLENGE = "/usr/local/sbin/dns-challenge"
CHALLENGE_KEY = "/etc/nodes/dns-challenge.key"  # private, of an edge
_KNOWN_HOSTS = "/etc/nodes/dns-challenge.known_hosts"


def records_path(zone: str) -> str:
    """Return the file of records of *zone*."""
    return f"{RECORDS}/{zone}"


def records_file(inventory: Inventory, zone: Zone) -> ConfigFile:
    """Return the records of *zone*, a line each, with a place for the serial."""
    user, _, domain = contact(inventory).partition("@")
    user = user.replace(".", "\\.")  # RFC 1035, 8: the first dot without a backslash is the @
    text = render(
        "dns/records",
        zone=zone,
        ttl=inventory.dns.ttl,
        primary=f"{inventory.dns.primary}.{inventory.cluster.domain}.",
        contact=f"{user}.{domain}.",
        owner=lambda name: name.removesuffix(f"{zone.name}.").rstrip(".") or "@",
    )
    return ConfigFile(records_path(zone.name), text, then="zones")


def kept_records(text: str, zone: str, sources: set[str]) -> tuple[ResourceRecord, ...]:
    """Return the records in the *text* of a file of *zone* that were read from machines in *sources*."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"(\S+) ([0-9]+) IN ([A-Z]+) (.*) ; from ([a-z0-9, -]+)", line)
        kept = sorted(sources & set(match[5].split(", "))) if match else []
        if match and kept:
            name = f"{zone}." if match[1] == "@" else f"{match[1]}.{zone}."
            found.append(ResourceRecord(name, match[3], match[4], int(match[2]), tuple(kept)))
    return tuple(found)


def dns_files(inventory: Inventory, node: Node) -> tuple[ConfigFile, ...]:
    """Return the files of *node* that follow from the inventory alone: without records and known_hosts."""
    found: list[ConfigFile] = []
    if node in name_servers(inventory):
        found.append(nsd_file(inventory, node))
    if node.name == inventory.dns.primary:
        found += signer_files(inventory)
    elif inventory.dns.primary and node in challenge_clients(inventory):
        found.append(challenge_command(inventory, is_primary=False))
    return tuple(found)


def nsd_file(inventory: Inventory, node: Node) -> ConfigFile:
    """Return the configuration of NSD."""
    primary, *others = name_servers(inventory)
    addresses = ["127.0.0.1", *filter(None, (node.private_address or node.address, node.address6, node.mesh))]
    text = render(
        "dns/nsd.conf",
        addresses=addresses,
        zones=zone_names(inventory),
        is_primary=node == primary,
        primary=primary,
        others=others,
        key_file=TSIG,
        key_name=TSIG_NAME,
    )
    return ConfigFile("/etc/nsd/nsd.conf", text, then="nsd")


def signer_files(inventory: Inventory) -> tuple[ConfigFile, ...]:
    """Return the files of the primary beside NSD's: the signer and its timer, and who may set challenges."""
    _, *others = name_servers(inventory)
    config = {"zones": list(zone_names(inventory)), "secondaries": {one.name: one.mesh for one in others}}
    command = 'command="sudo -n /usr/local/sbin/dns-zones remote"'
    keys = [
        f'restrict,from="{one.mesh}",{command} {one.challenge_key} {one.name}'
        for one in challenge_clients(inventory)
        if one.challenge_key
    ]
    return (
        ConfigFile("/etc/nodes/dns.json", json.dumps(config, indent=2) + "\n", then="zones"),
        ConfigFile("/usr/local/sbin/dns-zones", render("dns/dns_zones.py"), mode=0o755, then="zones"),
        challenge_command(inventory, is_primary=True),
        ConfigFile("/etc/systemd/system/dns-zones.service", render("dns/dns-zones.service"), then="systemd"),
        ConfigFile("/etc/systemd/system/dns-zones.timer", render("dns/dns-zones.timer"), then="systemd"),
        ConfigFile("/etc/sudoers.d/dns-challenge", render("dns/sudoers", user=CHALLENGE_USER), mode=0o440),
        ConfigFile(f"{KEYS}/{CHALLENGE_USER}", "".join(f"{line}\n" for line in (f"# {HEADER}", *keys))),
    )


def challenge_clients(inventory: Inventory) -> tuple[Node, ...]:
    """Return the edges that set challenges over SSH: all but the primary."""
    return tuple(one for one in inventory.with_role("edge") if one.name != inventory.dns.primary)


def client_files(inventory: Inventory, known_hosts: str) -> tuple[ConfigFile, ...]:
    """Return the files of an edge that is not the primary; *known_hosts* is a text."""
    primary, port = inventory.node(inventory.dns.primary), inventory.ssh.port
    names = {primary.ssh_address, f"[{primary.ssh_address}]:{port}"}
    rows = [line.split() for line in known_hosts.splitlines()]
    keys = [
        f"{primary.name} {row[1]} {row[2]}" for row in rows if len(row) > 2 and names & {*row[0].split(",")}
    ]
    return (
        challenge_command(inventory, is_primary=False),
        ConfigFile(_KNOWN_HOSTS, "".join(f"{line}\n" for line in (f"# {HEADER}", *keys))),
    )


def challenge_command(inventory: Inventory, *, is_primary: bool) -> ConfigFile:
    """Return the command that sets a challenge, on the primary or on an edge."""
    text = render(
        "dns/dns-challenge",
        is_primary=is_primary,
        primary=inventory.node(inventory.dns.primary),
        port=inventory.ssh.port,
        key_file=CHALLENGE_KEY,
        known_hosts=_KNOWN_HOSTS,
        user=CHALLENGE_USER,
    )
    return ConfigFile(CHALLENGE, text, mode=0o755)
