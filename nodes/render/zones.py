"""The records of each zone: those that the inventory implies, those read from machines, and the own ones.

Functions of values. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from nodes.inventory import FILE, Inventory
from nodes.rdata import normalize
from nodes.render.implied_records import Facts, implied_records, zone_names
from nodes.render.zone_rules import ResourceRecord, policy_of, record_faults
from nodes.tables import Record
from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.validators import InvalidValue

_ZONE_LENGTH = 253  # characters of a name


@dataclass(frozen=True, slots=True)
class Zone:
    """The records of one zone, without SOA."""

    name: str  # without a dot at its end
    records: tuple[ResourceRecord, ...]  # in the order of their file


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
        for one in (*implied_records(inventory, facts), *facts.records)
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
    authority = urlsplit(inventory.acme.directory).hostname or ""
    if authority.endswith(".letsencrypt.org") and dns.caa and "letsencrypt.org" not in dns.caa:
        text = "[dns] caa: lacks letsencrypt.org, the authority of [acme] directory"
        yield fault(dns.line, text, "add it: it may not issue a certificate otherwise")
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
