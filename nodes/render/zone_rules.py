"""Check the records of a zone against each other: what a name server loads, and mail or a resolver refuses.

Functions of values. No reads, no writes, no network. Sources: RFC 1034 (3.6.2, CNAME),
RFC 2181 (10.3, targets of MX and NS), RFC 2782 (SRV), RFC 4035 (2.4, DS), RFC 6672 (DNAME),
RFC 7208 (3.2, SPF), RFC 7489 (6.6.3, DMARC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodes.rdata import target_of

_ONE_VALUE = ("CNAME", "DNAME")
_ONE_POLICY = ("v=spf1", "v=DMARC1", "v=TLSRPTv1", "v=STSv1")
_ADDRESSES = ("A", "AAAA")
_MUST_HAVE_ADDRESS = ("MX", "NS", "SRV")


@dataclass(frozen=True, slots=True, order=True)
class ResourceRecord:
    """One record."""

    name: str  # absolute, with a dot at its end
    kind: str  # "MX"
    data: str  # as in a zone file, names absolute
    ttl: int  # seconds
    sources: tuple[str, ...] = ()  # machines that it was read from
    line: int = 0  # of its values in nodes.toml; 0: dns.apply makes it


@dataclass(frozen=True, slots=True)
class RecordFault:
    """What is wrong with the records of a name."""

    line: int  # in nodes.toml; 0: of records that dns.apply makes
    what: str  # "www.example.org. CNAME"
    text: str
    fix: str


Names = Mapping[str, Sequence[ResourceRecord]]  # the records of each name


def record_faults(records: Sequence[ResourceRecord], zones: Sequence[str]) -> list[RecordFault]:
    """Return the faults of the *records* of all *zones* (names without a dot at their end)."""
    names: dict[str, list[ResourceRecord]] = {}
    for one in records:
        names.setdefault(one.name, []).append(one)
    tops = {f"{one}." for one in zones}
    rules: tuple[Callable[[Names, set[str]], Iterator[RecordFault]], ...] = (
        _aliases,
        _delegations,
        _policies,
        _targets,
    )
    return [fault for rule in rules for fault in rule(names, tops)]


def policy_of(one: ResourceRecord) -> str:
    """Return "v=spf1" and the like of a TXT of which a name has one at most; else ""."""
    if one.kind != "TXT":
        return ""
    first = one.data[1:].replace('"', " ").replace(";", " ").split()
    return next((tag for tag in _ONE_POLICY if first and first[0].lower() == tag.lower()), "")


def _aliases(names: Names, tops: set[str]) -> Iterator[RecordFault]:
    """A CNAME is alone; CNAME and DNAME have one value."""
    for name, records in names.items():
        for kind in _ONE_VALUE:
            found = [one for one in records if one.kind == kind]
            if len(found) > 1:
                yield _fault(found[1], f"has {len(found)} values", "write one")
        cname = next((one for one in records if one.kind == "CNAME"), None)
        others = sorted({one.kind for one in records} - {"CNAME"})
        if cname and name in tops:
            yield _fault(cname, "a zone has SOA and NS at its name, so no CNAME", "write A and AAAA")
        elif cname and others:
            line = max(one.line for one in records if one.kind in ("CNAME", others[0]))
            text = f"is beside {', '.join(others)}, and a CNAME is alone"
            yield RecordFault(line, f"{name} CNAME", text, "write A and AAAA, or remove the others")


def _delegations(names: Names, tops: set[str]) -> Iterator[RecordFault]:
    """Below a delegation there is glue only, below a DNAME nothing."""
    servers = {target_of("NS", one.data) for found in names.values() for one in found if one.kind == "NS"}
    for name, records in names.items():
        kinds = {one.kind for one in records}
        is_delegated = name not in tops or any(above in tops for above in _above(name))
        if "DS" in kinds and ("NS" not in kinds or not is_delegated):
            found = next(one for one in records if one.kind == "DS")
            yield _fault(found, "has no NS beside it: DS belongs to a delegation", "add the NS, or remove it")
        if name in tops:
            continue
        if "NS" in kinds:
            for one in records:
                if one.kind not in ("NS", "DS") and not _is_glue(one, servers):
                    yield _fault(one, "is at a delegation: its servers have it", "remove it, or the NS")
        cut, kind = _cut_above(name, names, tops)
        for one in records if cut else ():
            if kind == "NS" and not _is_glue(one, servers):
                text = f"is below {cut}, which is delegated: its servers have it"
                yield _fault(one, text, "remove it, or the NS")
            elif kind == "DNAME":
                yield _fault(one, f"is below {cut}, a DNAME that replaces it", "remove one of them")


def _is_glue(one: ResourceRecord, servers: set[str]) -> bool:
    return one.kind in _ADDRESSES and one.name in servers


def _policies(names: Names, tops: set[str]) -> Iterator[RecordFault]:
    """Two records of SPF or DMARC at a name count as none."""
    for records in names.values():
        for tag in _ONE_POLICY:
            found = [one for one in records if policy_of(one) == tag]
            if len(found) > 1:
                yield _fault(
                    found[-1], f"has {len(found)} that begin with {tag}", "write one: two count as none"
                )


def _targets(names: Names, tops: set[str]) -> Iterator[RecordFault]:
    """MX, NS and SRV point at names with an address; a CNAME points at something."""
    for one in (record for records in names.values() for record in records):
        target = target_of(one.kind, one.data)
        if not target or not any(_is_below(target, top) for top in tops):
            continue  # of somebody else's zone
        cut, kind = _cut_above(target, names, tops)
        if cut and (kind == "DNAME" or one.kind != "NS" or not _is_below(cut, one.name)):
            continue
        found = _answer(target, names, tops)
        kinds = {other.kind for other in found}
        if one.kind in _MUST_HAVE_ADDRESS:
            if "CNAME" in kinds:
                text = f"points at {target}, which is a CNAME"
                yield _fault(one, text, "name the target of the CNAME itself, with A or AAAA")
            elif not kinds & set(_ADDRESSES):
                yield _fault(one, f"points at {target}, which has no address", f"add an A of {target}")
        elif not found and not any(_is_below(name, target) for name in names):
            yield _fault(one, f"points at {target}, which does not exist", "add it, or correct the name")


def _answer(name: str, names: Names, tops: set[str]) -> Sequence[ResourceRecord]:
    """Return the records of *name*, or of the wildcard that stands for it (RFC 4592)."""
    if name in names:
        return names[name]
    for above in _above(name):
        if f"*.{above}" in names:
            return names[f"*.{above}"]
        if above in tops or any(_is_below(one, above) for one in names):
            return ()  # the closest encloser
    return ()


def _cut_above(name: str, names: Names, tops: set[str]) -> tuple[str, str]:
    """Return the highest delegation or DNAME above *name* in its zone, with its type; else two ""."""
    found = ("", "")
    for above in _above(name):
        kinds = {one.kind for one in names.get(above, ())}
        if "DNAME" in kinds:
            found = (above, "DNAME")
        elif above in tops:
            break
        elif "NS" in kinds:
            found = (above, "NS")
    return ("", "") if name in tops else found


def _above(name: str) -> Iterator[str]:
    """Yield the names above *name*, the closest first."""
    while name.count(".") > 1:
        name = name.partition(".")[2]
        yield name


def _is_below(name: str, other: str) -> bool:
    return name == other or name.endswith(f".{other}")


def _fault(one: ResourceRecord, text: str, fix: str) -> RecordFault:
    return RecordFault(one.line, f"{one.name} {one.kind}", text, fix)
