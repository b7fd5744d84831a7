"""Read from the machines what their zones tell the world: keys of DKIM, and certificates in use.

Network: the machines with mail and the edges, all at once. No writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.rdata import txt
from nodes.render.zone_rules import ResourceRecord
from nodes.runs import Session, read_all
from nodes.tables import Node
from pipelines.core.errors import PipelineError

DKIM_KEYS = "/etc/dkimkeys"  # a directory for each domain, a file for each selector
# Directory of a domain: "== selector", then the record as opendkim-genkey writes it.
_DKIM = (
    'for one in "$1"/*.txt; do [ -e "$one" ] || continue; echo "== $(basename "$one" .txt)"; cat "$one"; done'
)
# Port, protocol of STARTTLS or "", name: SHA-256 of the public key that is served, nothing without one.
_DIGEST = """certificate="$(timeout 10 openssl s_client -connect "127.0.0.1:$1" ${2:+-starttls "$2"} \\
  -servername "$3" </dev/null 2>/dev/null | openssl x509 2>/dev/null)" || exit 0
printf '%s\\n' "$certificate" | openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """What one machine has to tell of one name."""

    node: str
    suffix: str  # the name of its records, or a name above them
    kind: str  # type of its records
    what: str  # "the DKIM key of example.org"
    argv: tuple[str, ...]  # the command that reads it

    def covers(self, record: ResourceRecord) -> bool:
        """Return whether *record* was read as this fact."""
        is_inside = record.name == self.suffix or record.name.endswith(f".{self.suffix}")
        return is_inside and record.kind == self.kind and self.node in record.sources


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; what is in *unread* stays as the zones have it."""

    records: tuple[ResourceRecord, ...]
    unread: tuple[Fact, ...]
    notes: tuple[str, ...]  # for the operator


def facts_of(inventory: Inventory, node: Node, names: tuple[str, ...]) -> Iterator[Fact]:
    """Yield the facts of *node*; *names* are those that the edge serves with TLS."""

    def served(port: str, protocol: str, name: str) -> Fact:
        argv = ("sh", "-c", _DIGEST, "sh", port, protocol, name)
        return Fact(node.name, f"_{port}._tcp.{name}.", "TLSA", f"the certificate of {name}:{port}", argv)

    if node.has("edge"):
        for name in names:
            yield served("443", "", name)
    if node.has("mail") and inventory.mail.host:
        yield served("25", "smtp", inventory.mail.host)
        for domain in inventory.mail_domains:
            argv = ("sh", "-c", _DKIM, "sh", f"{DKIM_KEYS}/{domain}")
            yield Fact(node.name, f"_domainkey.{domain}.", "TXT", f"the DKIM key of {domain}", argv)


def read_facts(session: Session, names: tuple[str, ...]) -> Reading:
    """Read the facts of all machines at once; a machine that is away stops no other."""
    inventory = session.inventory
    wanted = {one.name: tuple(facts_of(inventory, one, names)) for one in inventory.chosen()}
    nodes = [one for one in inventory.chosen() if wanted[one.name]]
    found = read_all(session, nodes, lambda host: _read(host, wanted[host.node.name], inventory.dns.ttl))
    return reading_of(wanted, found)


def reading_of(
    wanted: Mapping[str, tuple[Fact, ...]],
    found: Mapping[str, dict[Fact, tuple[ResourceRecord, ...]] | PipelineError],
) -> Reading:
    """Return what *found* has of *wanted*, both by machine."""
    records: list[ResourceRecord] = []
    unread: list[Fact] = []
    notes: list[str] = []
    for name, result in found.items():
        if isinstance(result, PipelineError):
            unread += wanted[name]
            what = ", ".join(one.what for one in wanted[name])
            notes.append(f"{result}: {what} stay as the zone has them")
            continue
        for fact, rows in result.items():
            records += rows
            if not rows:
                unread.append(fact)
                notes.append(f"{name} does not have {fact.what} yet: what the zone has of it stays")
    return Reading(tuple(records), tuple(unread), tuple(notes))


def _read(host: Host, facts: tuple[Fact, ...], ttl: int) -> dict[Fact, tuple[ResourceRecord, ...]]:
    return {one: records_in(one, host.read(*one.argv).stdout, ttl) for one in facts}


def records_in(fact: Fact, output: str, ttl: int) -> tuple[ResourceRecord, ...]:
    """Return the records that the *output* of the command of *fact* means; () for none."""
    source = (fact.node,)
    if fact.kind == "TLSA":
        digest = re.match(r"[0-9a-f]{64}", output)
        # The key (selector 1) of the certificate itself (usage 3): RFC 7671, 5.1.
        data = f"3 1 1 {digest[0]}" if digest else ""
        return (ResourceRecord(fact.suffix, "TLSA", data, ttl, source),) if data else ()
    found = []
    for selector, text in re.findall(r"^== ([a-z0-9_-]+)\n(.*?)(?=^== |\Z)", output, re.M | re.S):
        strings = re.findall(r'"([^"]*)"', text)
        value = "".join(strings) if strings else " ".join(text.split())
        if re.match(r"v=DKIM1\s*;", value):
            found.append(ResourceRecord(f"{selector}.{fact.suffix}", "TXT", txt(value), ttl, source))
    return tuple(found)
