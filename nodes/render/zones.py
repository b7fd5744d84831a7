"""The records of each zone: those that the inventory implies, those read from machines, and the own ones.

Functions of values. No reads, no writes, no network.
"""

from __future__ import annotations

import base64
import hashlib
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from nodes.inventory import FILE, Inventory, Node, Record
from nodes.rdata import normalize, txt
from nodes.render.edge import policy_host, policy_text
from nodes.render.zone_rules import ResourceRecord, policy_of, record_faults
from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.validators import InvalidValue

# Algorithms of SSHFP (RFC 4255, 6594, 7479).
_SSH_ALGORITHMS = {"ssh-rsa": 1, "ecdsa-sha2-nistp256": 3, "ecdsa-sha2-nistp384": 3,
                   "ecdsa-sha2-nistp521": 3, "ssh-ed25519": 4}  # fmt: skip
_ZONE_LENGTH = 253  # characters of a name


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not in nodes.toml."""

    hosts: tuple[str, ...] = ()  # names that the edge serves
    known_hosts: str = ""  # text of the file
    records: tuple[ResourceRecord, ...] = ()  # read from the machines: DKIM keys and TLSA


@dataclass(frozen=True, slots=True)
class Zone:
    """The records of one zone, without SOA."""

    name: str  # without a dot at its end
    records: tuple[ResourceRecord, ...]  # in the order of their file


def zone_names(inventory: Inventory) -> tuple[str, ...]:
    """Return the zones; the first takes the records that name none."""
    return inventory.dns.zones or (inventory.cluster.domain,)


def name_servers(inventory: Inventory) -> tuple[Node, ...]:
    """Return the primary, then the secondaries in the order of names; () without a primary."""
    servers = inventory.with_role("dns") if inventory.dns.primary else ()
    return tuple(sorted(servers, key=lambda one: one.name != inventory.dns.primary))


def contact(inventory: Inventory) -> str:
    """Return the mail address of the zones."""
    return inventory.dns.contact or f"postmaster@{inventory.cluster.domain}"


def zones_of(inventory: Inventory, facts: Facts) -> tuple[Zone, ...]:
    """Return every zone; raise SourceError with every fault at once."""
    names = zone_names(inventory)
    faults = [*_table_faults(inventory, names), *_repeated(inventory)]
    own = [record for one in inventory.records for record in _own(one, inventory, faults)]
    own_names = {(one.name, one.kind) for one in own if not policy_of(one)}
    policies = {(one.name, policy_of(one)) for one in own if policy_of(one)}
    aliases = {one.name for one in own if one.kind == "CNAME"}
    implied = [
        one
        for one in (*_implied(inventory, facts), *facts.records)
        if (one.name, one.kind) not in own_names - {(one.name, "TXT")}
        and (one.name, policy_of(one)) not in policies
        and one.name not in aliases
        and zone_of(one.name, names)
    ]
    records = _with_one_ttl(_merged([*own, *implied]))
    for found in record_faults(records, names):
        table = "[[record]]" if found.line else "[dns]"
        faults.append(Fault(FILE, found.line, f"{table} {found.what}: {found.text}", found.fix))
    if faults:
        raise SourceError(faults)
    return tuple(Zone(name, _inside(name, names, records)) for name in names)


def _inside(zone: str, names: tuple[str, ...], records: list[ResourceRecord]) -> tuple[ResourceRecord, ...]:
    """Return the records of *zone*, in the order of its file; of a zone below it, the delegation."""
    found = [one for one in records if zone_of(one.name, names, one.kind) == zone]
    for other in names:
        if zone_of(f"{other}.", names, "DS") == zone:
            servers = [one for one in records if (one.name, one.kind) == (f"{other}.", "NS")]
            glue = {one.data for one in servers if zone_of(one.data, names) == other}
            found += servers
            found += [one for one in records if one.name in glue and one.kind in ("A", "AAAA")]
    return tuple(sorted(found, key=lambda one: _order(one, zone)))


def zone_of(name: str, zones: tuple[str, ...], kind: str = "") -> str:
    """Return the zone that holds the absolute *name*: the longest one; "" without one.

    The DS of a zone is in the one above it.
    """
    inside = [one for one in zones if name.endswith(f".{one}.") or (name == f"{one}." and kind != "DS")]
    return max(inside, key=len, default="")


def _order(one: ResourceRecord, zone: str) -> tuple[tuple[str, ...], int, str, str]:
    labels = one.name.removesuffix(f"{zone}.").rstrip(".").split(".")
    first = {"NS": 0, "A": 1, "AAAA": 2, "MX": 3}
    return (tuple(reversed(labels)), first.get(one.kind, 9), one.kind, one.data)


def _merged(records: list[ResourceRecord]) -> list[ResourceRecord]:
    """Return each record once, with all machines that it was read from."""
    found: dict[tuple[str, str, str], ResourceRecord] = {}
    for one in records:
        key = (one.name, one.kind, one.data)
        if key in found:
            sources = sorted({*found[key].sources, *one.sources})
            one = replace(found[key], sources=tuple(sources))
        found[key] = one
    return list(found.values())


def _with_one_ttl(records: list[ResourceRecord]) -> list[ResourceRecord]:
    """Return *records*; those of one name and type get the lowest of their TTLs (RFC 2181, 5.2)."""
    lowest: dict[tuple[str, str], int] = {}
    for one in records:
        key = (one.name, one.kind)
        lowest[key] = min(one.ttl, lowest.get(key, one.ttl))
    return [replace(one, ttl=lowest[one.name, one.kind]) for one in records]


def _table_faults(inventory: Inventory, names: tuple[str, ...]) -> Iterator[Fault]:
    """Yield what is wrong with [dns] and the nodes that it names."""
    dns, nodes = inventory.dns, {one.name: one for one in inventory.nodes}

    def fault(line: int, text: str, fix: str) -> Fault:
        return Fault(FILE, line, text, fix)

    primary = nodes.get(dns.primary)
    if not dns.primary:
        yield fault(dns.line, "[dns] primary: missing", "name a node with the role dns")
    elif not primary:
        yield fault(dns.line, f"[dns] primary: unknown node {dns.primary!r}", suggest(dns.primary, nodes))
    elif not primary.has("dns"):
        yield fault(primary.line, f"[[node]] {primary.name}: is the primary of [dns]", "give it the role dns")
    if not zone_of(f"{inventory.cluster.domain}.", names):
        text = f"[dns] zones: {inventory.cluster.domain}, [cluster] domain, is in none of them"
        yield fault(dns.line, text, "add it, or a domain above it")
    if len(set(names)) != len(names):
        yield fault(dns.line, "[dns] zones: names a zone twice", "remove one")
    for one in inventory.nodes:
        if one.has("dns") and not one.address:
            yield fault(
                one.line, f"[[node]] {one.name}: is a name server without an address", "add its address"
            )
        if one.challenge_key and not one.has("edge"):
            text = f"[[node]] {one.name} challenge_key: the node does not have the role edge"
            yield fault(one.line, text, "remove it")


def _repeated(inventory: Inventory) -> Iterator[Fault]:
    """Yield each [[record]] whose name and type another one has before it."""
    seen: dict[tuple[str, str, str], int] = {}
    for one in inventory.records:
        key = (one.zone or zone_names(inventory)[0], one.name, one.type)
        if key in seen:
            text = f"[[record]] {one.name} {one.type}: is at {FILE}:{seen[key]} already"
            yield Fault(FILE, one.line, text, "write all values in one")
        seen.setdefault(key, one.line)


def _own(record: Record, inventory: Inventory, faults: list[Fault]) -> Iterator[ResourceRecord]:
    """Yield the records of one [[record]]; add its faults."""
    names, ttl = zone_names(inventory), record.ttl or inventory.dns.ttl

    def fault(line: int, key: str, text: str, fix: str) -> None:
        faults.append(Fault(FILE, line, f"[[record]] {record.name} {record.type} {key}: {text}", fix))

    zone = record.zone or names[0]
    if zone not in names:
        fault(record.line, "zone", f"unknown zone {zone!r}", suggest(zone, names))
        return
    if record.name == zone or record.name.endswith(f".{zone}"):
        short = record.name.removesuffix(zone).rstrip(".") or "@"
        fault(
            record.line, "name", f"ends with the name of its zone: {record.name}.{zone}", f'write "{short}"'
        )
        return
    name = f"{zone}." if record.name == "@" else f"{record.name}.{zone}."
    if len(name) > _ZONE_LENGTH + 1:
        fault(record.line, "name", f"has more than {_ZONE_LENGTH} characters with its zone", "shorten it")
        return
    if (inner := zone_of(name, names, record.type)) != zone:
        fault(record.line, "zone", f"{name} is in the zone {inner}", f'write zone = "{inner}"')
        return
    seen: set[str] = set()
    for value in record.values:
        try:
            data = normalize(record.type, value, zone)
        except InvalidValue as error:
            fault(record.values_line, "values", *error.args)
            continue
        if data in seen:
            fault(record.values_line, "values", f"{value!r} is there twice", "remove one")
        seen.add(data)
        yield ResourceRecord(name, record.type, data, ttl, (), record.values_line)


def _implied(inventory: Inventory, facts: Facts) -> Iterator[ResourceRecord]:
    """Yield the records that the inventory implies."""
    ttl = inventory.dns.ttl

    def record(name: str, kind: str, data: str) -> ResourceRecord:
        return ResourceRecord(f"{name}.", kind, data, ttl)

    zones, domain = zone_names(inventory), inventory.cluster.domain
    for zone in zones:
        for server in name_servers(inventory):
            yield record(zone, "NS", f"{server.name}.{domain}.")
    for node in inventory.chosen():
        for kind, address in _addresses(node):
            yield record(f"{node.name}.{domain}", kind, address)
        for data in _fingerprints(node, inventory.ssh.port, facts.known_hosts):
            yield record(f"{node.name}.{domain}", "SSHFP", data)
    for host in (*facts.hosts, *filter(None, (policy_host(inventory),))):
        for node in inventory.with_role("edge"):
            for kind, address in _addresses(node):
                yield record(host, kind, address)
    for authority in inventory.dns.caa:
        yield record(domain, "CAA", f'0 issue "{authority}"')
    if inventory.dns.caa:
        yield record(domain, "CAA", f'0 iodef "mailto:{contact(inventory)}"')
    if inventory.mail.host:
        yield from (record(*one) for one in _mail(inventory))


def _mail(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """Yield the records of mail but DKIM and TLSA, which are on the machines."""
    host = inventory.mail.host
    for node in inventory.with_role("mail"):
        for kind, address in _addresses(node):
            yield host, kind, address
    if host not in inventory.mail_domains:
        yield host, "TXT", txt("v=spf1 a -all")  # for bounces, whose sender is the host (RFC 7208, 2.4)
    report = f"rua=mailto:{contact(inventory)}"
    for domain in inventory.mail_domains:
        yield domain, "MX", f"10 {host}."
        yield domain, "TXT", txt("v=spf1 mx -all")
        yield f"_dmarc.{domain}", "TXT", txt(f"v=DMARC1; p=reject; adkim=s; aspf=s; {report}")
        reports = contact(inventory).partition("@")[2]
        if domain != reports:  # it takes reports of another domain (RFC 7489, 7.1)
            yield f"{domain}._report._dmarc.{reports}", "TXT", txt("v=DMARC1")
        yield f"_smtp._tls.{domain}", "TXT", txt(f"v=TLSRPTv1; {report}")
        # RFC 6186 and 8314: how mail programs find the server.
        yield f"_submissions._tcp.{domain}", "SRV", f"0 1 465 {host}."
        yield f"_imaps._tcp.{domain}", "SRV", f"0 1 993 {host}."
    if policy_host(inventory):
        # An id that changes with the policy (RFC 8461, 3.1).
        identity = hashlib.sha256(policy_text(inventory).encode()).hexdigest()[:16]
        yield policy_host(inventory).replace("mta-sts", "_mta-sts", 1), "TXT", txt(f"v=STSv1; id={identity}")


def _addresses(node: Node) -> Iterator[tuple[str, str]]:
    if node.address:
        yield "A", node.address
    if node.address6:
        yield "AAAA", node.address6


def _fingerprints(node: Node, port: int, known_hosts: str) -> Iterator[str]:
    """Yield the SSHFP of a node that is reached by its address: SHA-256 of each of its host keys."""
    wanted = {node.address, f"[{node.address}]:{port}"} if node.address else set()
    for line in known_hosts.splitlines():
        names, kind, key, *_ = [*line.split(), "", "", ""]
        if wanted & set(names.split(",")) and kind in _SSH_ALGORITHMS:
            with suppress(Base64Error):  # paramiko refuses the file at the first connection
                digest = hashlib.sha256(base64.b64decode(key)).hexdigest()
                yield f"{_SSH_ALGORITHMS[kind]} 2 {digest}"
