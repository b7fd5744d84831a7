"""What a machine takes over to be the primary: keys and serials of the zones, and records of machines away.

Network: the name servers. Writes on the machine that becomes the primary. A private key travels in the
encrypted connections alone: it is in no argument, no file of the operator and no log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nodes.host import Host
from nodes.rdata import txt
from nodes.render.implied_records import name_servers, zone_names
from nodes.render.zone_rules import ResourceRecord
from nodes.runs import Session, read_all
from nodes.tasks.dns_facts import Fact
from pipelines.core.errors import PipelineError

STATE = "/var/lib/nodes/dns"
KEYS = f"{STATE}/keys"
TIMER = "/etc/systemd/system/dns-zones.timer"  # of a primary alone
PRIMARY, SECONDARY = "/var/lib/nsd/primary", "/var/lib/nsd/secondary"  # signed zones
_ZONE_OF_KEY = re.compile(r"K(.+)\.\+[0-9]{3}\+[0-9]{5}")
_SUFFIXES = (".private", ".key", ".ds")
# Directory of keys; then name and type of each question. Prints the public keys, and what NSD here answers.
_SURVEY = """keys="$1"; shift
for one in "$keys"/K*.private; do
  [ -e "$one" ] || continue
  one="${one%.private}"
  echo "key ${one##*/} $(tr '\\n' ' ' < "$one.key")"
done
[ -n "$(ss -Hlun 'sport = :53')" ] || exit 0
while [ $# -gt 0 ]; do
  timeout 3 drill -a @127.0.0.1 "$1" "$2" 2>/dev/null |
    awk -v kind="$2" '!/^;/ && $4 == kind { print "answer " $0 }'
  shift 2
done
"""
_RETIRE = 'for one in "$1".*; do mv -f -- "$one" "$one.retired"; done'
# Directory of the secondary, directory of the primary; then name and serial of each zone. NSD writes when it
# has time: without the file, the first signature is the first answer.
_KEEP_ZONES = """secondary="$1" primary="$2"; shift 2
mkdir -p -- "$primary"
while [ $# -gt 0 ]; do
  file="$secondary/$1.zone"
  nsd-control write "$1" >/dev/null 2>&1
  for try in 1 2 3 4 5 6 7 8 9 10; do
    ! grep -qs "[[:space:]]$2[[:space:]]" "$file" || break
    sleep 0.5
  done
  [ ! -e "$file" ] || install -m 644 -- "$file" "$primary/$1.zone" || exit 1
  shift 2
done
"""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one name server has."""

    keys: Mapping[str, str]  # public keys by the name of their files, without a suffix
    answers: tuple[ResourceRecord, ...]

    def served(self, zone: str) -> set[str]:
        """Return the public keys (DNSKEY) of *zone* that it answers."""
        rows = (one for one in self.answers if (one.name, one.kind) == (f"{zone}.", "DNSKEY"))
        return {public_key(one.data) for one in rows}

    def serial(self, zone: str) -> int:
        """Return the serial of *zone*; 0 without one."""
        rows = (one for one in self.answers if (one.name, one.kind) == (f"{zone}.", "SOA"))
        return max((int(one.data.split()[2]) for one in rows), default=0)

    def keys_of(self, zone: str) -> dict[str, str]:
        """Return the keys of *zone*."""
        return {name: key for name, key in self.keys.items() if zone_of_key(name) == zone}


@dataclass
class Takeover:
    """What a machine must do before it signs."""

    is_new: bool = False  # it was not the primary before
    copies: dict[str, str] = field(default_factory=dict)  # machine by name of the key's files
    retired: list[str] = field(default_factory=list)  # own keys that no server has in use
    new: list[str] = field(default_factory=list)  # zones that get their first key, or another one
    forced: list[str] = field(default_factory=list)  # of these, those whose old key is lost
    serials: dict[str, int] = field(default_factory=dict)  # the highest that a server answers
    own_serials: dict[str, int] = field(default_factory=dict)  # what the machine itself answers
    records: tuple[ResourceRecord, ...] = ()  # that the servers answer of facts that could not be read
    faults: list[tuple[str, str]] = field(default_factory=list)  # and the fix of each


def zone_of_key(name: str) -> str:
    """Return the zone of the key whose files have this name; "" for another name."""
    match = _ZONE_OF_KEY.fullmatch(name)
    return match[1] if match else ""


def public_key(data: str) -> str:
    """Return the key in the *data* of a DNSKEY: "257 3 13 AbC dEf= ;{id = 1}" gives "AbCdEf="."""
    return "".join(data.partition(";")[0].split()[3:])


def survey_of(text: str) -> Survey:
    """Return what the output of the script means."""
    keys: dict[str, str] = {}
    answers: list[ResourceRecord] = []
    for line in text.splitlines():
        what, _, rest = line.partition(" ")
        if what == "key":
            name, _, row = rest.partition(" ")
            keys[name] = public_key(row.partition("DNSKEY")[2])
        elif what == "answer":
            owner, ttl, _, kind, data = rest.split(None, 4)
            answers.append(ResourceRecord(owner.lower(), kind, data, int(ttl)))
    return Survey(keys, tuple(answers))


def questions(zones: Iterable[str], unread: Iterable[Fact], selector: str) -> list[tuple[str, str]]:
    """Return name and type of what the name servers are asked."""
    found = [(zone, kind) for zone in zones for kind in ("DNSKEY", "SOA")]
    for fact in unread:
        name = f"{selector}.{fact.suffix}" if fact.kind == "TXT" else fact.suffix
        found.append((name.rstrip("."), fact.kind))
    return found


def plan_takeover(
    zones: Iterable[str],
    own: Survey,
    others: Mapping[str, Survey | PipelineError],
    *,
    is_new: bool,
    new_keys: bool,
) -> Takeover:
    """Return what a primary without some keys, or a new one, takes from the *others*, which are by name.

    A zone that is served with a key that nobody has is a fault, unless *new_keys*: its
    DS at the registrar names that key.
    """
    found = Takeover(is_new)
    surveys = {name: one for name, one in others.items() if isinstance(one, Survey)}
    away = [str(one) for one in others.values() if not isinstance(one, Survey)]
    for zone in zones:
        mine, everybody = own.keys_of(zone), [own, *surveys.values()]
        served = set().union(*(one.served(zone) for one in everybody))
        found.serials[zone] = max(one.serial(zone) for one in everybody)
        found.own_serials[zone] = own.serial(zone)
        if mine and (not served or served & {*mine.values()}):
            continue
        copies = {
            file: name
            for name, one in surveys.items()
            for file, key in one.keys_of(zone).items()
            if not served or key in served
        }
        if copies:
            found.copies |= copies
            found.retired += sorted(mine)
        elif served and not new_keys:
            text = f"{zone} is signed with a key that no name server has any more"
            fix = f"restore {KEYS} of the old primary, or remove the DS at the registrar, wait for its TTL"
            found.faults.append((text, f"{fix}, and run dns.apply --new-keys"))
        elif away and is_new and not new_keys:
            text = f"whether {zone} has a key is not known ({', '.join(away)})"
            found.faults.append((text, "or run dns.apply --new-keys"))
        else:
            found.new.append(zone)
            if new_keys and not mine:  # else they were put there to replace those that are served
                found.forced.append(zone)
    return found


def answered_records(surveys: Iterable[Survey], unread: Iterable[Fact]) -> tuple[ResourceRecord, ...]:
    """Return what the first of *surveys* with an answer has of each fact that could not be read."""
    surveys = list(surveys)
    found = []
    for fact in unread:
        for one in surveys:
            records = [_record(row, fact) for row in one.answers if _is_of(row, fact)]
            found += records
            if records:
                break
    return tuple(found)


def _is_of(row: ResourceRecord, fact: Fact) -> bool:
    is_inside = row.name == fact.suffix or row.name.endswith(f".{fact.suffix}")
    return is_inside and row.kind == fact.kind


def _record(row: ResourceRecord, fact: Fact) -> ResourceRecord:
    """Return an answer as the zone has it: drill(1) writes TLSA with another case, and TXT in strings."""
    if fact.kind == "TXT":
        data = txt("".join(re.findall(r'"([^"]*)"', row.data)))
    else:
        usage, selector, matching, *digest = row.data.lower().split()
        data = " ".join((usage, selector, matching, "".join(digest)))
    return ResourceRecord(row.name, row.kind, data, row.ttl, (fact.node,))


def read_takeover(host: Host, session: Session, unread: tuple[Fact, ...], *, new_keys: bool) -> Takeover:
    """Ask the name servers what *host* lacks to be the primary; raise HostError for a key that is lost.

    A primary that has all its keys is not compared with the others.
    """
    inventory = session.inventory
    zones = zone_names(inventory)
    is_new = bool(host.read("test", "-e", TIMER, check=False).status)
    listed = host.read("ls", KEYS, check=False).stdout.splitlines()
    have = {zone_of_key(name.removesuffix(".private")) for name in listed if name.endswith(".private")}
    if not is_new and have.issuperset(zones):
        return Takeover()
    asked = questions(zones, unread if is_new else (), inventory.mail.selector)
    argv = ("sh", "-c", _SURVEY, "sh", KEYS, *(word for one in asked for word in one))
    others = [one for one in name_servers(inventory) if one.name != host.node.name]
    own = survey_of(host.read(*argv).stdout)
    found = read_all(session, others, lambda other: survey_of(other.read(*argv).stdout))
    plan = plan_takeover(zones, own, found, is_new=is_new, new_keys=new_keys)
    if plan.faults:
        host.fail(*plan.faults[0])
    surveys = [own, *(one for one in found.values() if isinstance(one, Survey))]
    newest = sorted(surveys, key=lambda one: -max(map(one.serial, zones)))
    plan.records = answered_records(newest, unread if is_new else ())
    return plan


def take_over(host: Host, session: Session, plan: Takeover) -> None:
    """Copy the keys, and let serials and answers go on where the old primary's ended."""
    if plan.copies and host.read("test", "-d", KEYS, check=False).status:
        host.change(f"make {KEYS}", "install", "-d", "-m", "700", KEYS)
    for name in plan.retired:
        host.change(f"retire {KEYS}/{name}", "sh", "-c", _RETIRE, "sh", f"{KEYS}/{name}")
    for source in sorted({*plan.copies.values()}):
        with session.connect(session.inventory.node(source), read_only=True) as other:
            for name in (one for one, node in plan.copies.items() if node == source):
                for suffix in _SUFFIXES:
                    path = f"{KEYS}/{name}{suffix}"
                    text = other.read("cat", path).stdout
                    host.write(path, text, mode=0o600, secret=True, then="zones")
        host.notes.append(f"has the keys of its zones from {source}: their DS stays as it is")
    if not plan.is_new:
        return
    for zone, serial in plan.serials.items():
        if serial:
            host.write(f"{STATE}/{zone}.json", json.dumps({"serial": serial}), then="zones")
    served = [word for zone, serial in plan.own_serials.items() if serial for word in (zone, str(serial))]
    if served and host.read("test", "-d", SECONDARY, check=False).status == 0:
        what = f"copy the zones to {PRIMARY}"
        host.change(what, "sh", "-c", _KEEP_ZONES, "sh", SECONDARY, PRIMARY, *served)
