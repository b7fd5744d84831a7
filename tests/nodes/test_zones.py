"""The records of the zones: what the inventory implies, own records, and their faults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from nodes.inventory import FILE, load_inventory, parse_inventory
from nodes.rdata import normalize, txt
from nodes.render.implied_records import Facts
from nodes.render.zone_rules import ResourceRecord
from nodes.render.zones import zone_of, zones_of
from pipelines.core.errors import SourceError
from tests.nodes import labs
from tests.support.project import ROOT

FACTS = Facts(hosts=("lab.example",))
CASES = tomllib.loads((ROOT / "tests/nodes/data/zone_faults.toml").read_text("utf-8"))["case"]


def records(added: str = "", facts: Facts = FACTS) -> list[str]:
    """Return the records of the zones of the inventory with *added* below it."""
    zones = zones_of(parse_inventory(labs.TEXT + added), facts)
    return [f"{one.name} {one.ttl} {one.kind} {one.data}" for zone in zones for one in zone.records]


def record(name: str, kind: str, *values: str) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f'[[record]]\nname = "{name}"\ntype = "{kind}"\nvalues = [{listed}]\n'


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_fault_of_a_record_is_refused_with_its_line_and_its_fix(case: dict[str, str]) -> None:
    """nsd-checkzone accepts an MX that is a CNAME; mail servers do not."""
    with pytest.raises(SourceError) as caught:
        records(case["add"])
    count = len(labs.TEXT.splitlines())
    found = re.sub(rf"{FILE}:(\d+)", lambda line: f"{FILE}:+{int(line[1]) - count}", str(caught.value))
    assert found == case["fault"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"primary": ""}, "[dns] primary: missing; name a node with the role dns"),
        ({"primary": "mail2"}, "[dns] primary: unknown node 'mail2'; did you mean mail1?"),
        ({"primary": "plane1"}, "[[node]] plane1: is the primary of [dns]; give it the role dns"),
        (
            {"caa": ("sectigo.com",)},
            "[dns] caa: lacks letsencrypt.org, the authority of [acme] directory; add it: it may not issue a"
            " certificate otherwise",
        ),
        (
            {"zones": ("other.example",)},
            "[dns] zones: lab.example, [cluster] domain, is in none of them; add it, or a domain above it",
        ),
        ({"zones": ("lab.example", "lab.example")}, "[dns] zones: names a zone twice; remove one"),
    ],
)
def test_a_contradiction_of_the_table_is_refused(change: dict[str, Any], fault: str) -> None:
    inventory = parse_inventory(labs.TEXT)
    acme = replace(inventory.acme, directory="https://acme-v02.api.letsencrypt.org/directory")
    changed = replace(inventory, acme=acme, dns=replace(inventory.dns, **change), records=())
    with pytest.raises(SourceError) as caught:
        zones_of(changed, FACTS)
    assert re.sub(rf"{FILE}:\d+: ", "", str(caught.value)) == fault


def test_own_records_replace_those_of_the_same_name_and_type() -> None:
    """Mail that is elsewhere needs its own MX and SPF; any other TXT stands beside the SPF."""
    found = records(record("@", "MX", "10 mx.elsewhere.example."))
    assert [one for one in found if " MX " in one] == ["lab.example. 3600 MX 10 mx.elsewhere.example."]
    assert [one for one in found if one.startswith("lab.example. 3600 TXT")] == [
        'lab.example. 3600 TXT "site-verification=abc"',
        'lab.example. 3600 TXT "v=spf1 mx include:bulk.example -all"',
    ]
    found = records(record("mail", "TXT", "hello"))
    assert [one for one in found if one.startswith("mail.lab.example. 3600 TXT")] == [
        'mail.lab.example. 3600 TXT "hello"',
        'mail.lab.example. 3600 TXT "v=spf1 a -all"',
    ]


def test_an_own_alias_replaces_what_its_name_has() -> None:
    """A service for DMARC reports asks for a CNAME at _dmarc."""
    found = records(record("_dmarc", "CNAME", "lab.dmarc.example."))
    assert [one for one in found if one.startswith("_dmarc.")] == [
        "_dmarc.lab.example. 3600 CNAME lab.dmarc.example."
    ]


def test_records_of_one_name_and_type_have_one_ttl() -> None:
    """RFC 2181, 5.2."""
    found = records(record("mail", "TXT", "hello") + "ttl = 60\n")
    assert {one.split()[1] for one in found if one.startswith("mail.lab.example.") and " TXT " in one} == {
        "60"
    }


def test_a_name_that_a_wildcard_or_another_server_answers_is_a_target() -> None:
    """Neither has a record here."""
    assert records(
        record("@", "MX", "10 a.apps.lab.example.") + record("x", "CNAME", "host.lab.lab.example.")
    )


def test_a_zone_below_another_is_delegated_with_glue() -> None:
    inventory = parse_inventory(labs.TEXT)
    zones = ("example", "lab.example")
    top, below = zones_of(replace(inventory, dns=replace(inventory.dns, zones=zones), records=()), FACTS)
    assert [(one.name, one.kind, one.data) for one in top.records] == [
        ("example.", "NS", "edge1.lab.example."),
        ("example.", "NS", "mail1.lab.example."),
        ("lab.example.", "NS", "edge1.lab.example."),
        ("lab.example.", "NS", "mail1.lab.example."),
        ("edge1.lab.example.", "A", "203.0.113.11"),
        ("edge1.lab.example.", "AAAA", "2001:db8::11"),
        ("mail1.lab.example.", "A", "203.0.113.14"),
    ]
    assert "mail.lab.example." in {one.name for one in below.records}
    assert zone_of("lab.example.", zones, "DS") == "example"


def test_each_domain_of_mail_has_its_records() -> None:
    """Reports of one domain that go to another need its consent (RFC 7489, 7.1)."""
    inventory = parse_inventory(labs.TEXT)
    inventory = replace(
        inventory,
        mail=replace(inventory.mail, domains=("lab.example", "club.example")),
        dns=replace(inventory.dns, zones=("lab.example", "club.example")),
    )
    first, second = zones_of(inventory, FACTS)
    assert [(one.name, one.kind) for one in second.records] == [
        ("club.example.", "NS"),
        ("club.example.", "NS"),
        ("club.example.", "MX"),
        ("club.example.", "TXT"),
        ("_dmarc.club.example.", "TXT"),
        ("_imaps._tcp.club.example.", "SRV"),
        ("_submissions._tcp.club.example.", "SRV"),
        ("_smtp._tls.club.example.", "TXT"),
    ]
    consent = [one.data for one in first.records if one.name == "club.example._report._dmarc.lab.example."]
    assert consent == ['"v=DMARC1"']


def test_sshfp_are_of_the_committed_host_keys() -> None:
    """RFC 4255, 3.1.2, with the key and digest of `ssh-keygen -r`."""
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIB7f6ZUMuSlZ5pQkzXzsdpjUfHUaBpC1VjyrsZJRIlsN"
    digest = "11ad5734acf05a08036bf2404dfb4a1c532a17572dafec0f435e55213b90eef8"
    facts = replace(
        FACTS, known_hosts=f"# a comment\n203.0.113.12 ssh-ed25519 {key}\n192.0.2.1 ssh-rsa AAAA\n"
    )
    assert [one for one in records(facts=facts) if " SSHFP " in one] == [
        f"plane1.lab.example. 3600 SSHFP 4 2 {digest}"
    ]


def test_what_two_machines_have_alike_is_one_record() -> None:
    one = ResourceRecord("_443._tcp.lab.example.", "TLSA", "3 1 1 " + "ab" * 32, 3600, ("edge1",))
    facts = replace(FACTS, records=(one, replace(one, sources=("mail1",))))
    (zone,) = zones_of(labs.inventory(), facts)
    assert [record.sources for record in zone.records if record.kind == "TLSA"] == [("edge1", "mail1")]


@pytest.mark.parametrize(
    ("kind", "value", "data"),
    [
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("CAA", "0 issuewild ;", '0 issuewild ";"'),
        ("CAA", '0 issue "letsencrypt.org; validationmethods=dns-01"',
         '0 issue "letsencrypt.org; validationmethods=dns-01"'),
        ("CNAME", "WWW.Example.NET.", "www.example.net."),
        ("HTTPS", '1 . alpn="h2,h3" ipv4hint=192.0.2.1', '1 . alpn="h2,h3" ipv4hint=192.0.2.1'),
        ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
         "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
        ("MX", "0 .", "0 ."),
        ("MX", "010 mail", "10 mail.ex.org."),
        ("NAPTR", '1 10 "S" "SIP+D2T" "" _sip._tcp.ex.org.', '1 10 "S" "SIP+D2T" "" _sip._tcp.ex.org.'),
        ("SRV", "0 0 0 .", "0 0 0 ."),
        ("TLSA", f"3 1 1 {'AB' * 32}", f"3 1 1 {'ab' * 32}"),
        ("TXT", 'a "b" \\ c;d', r'"a \"b\" \\ c;d"'),
        ("TXT", "ü", r'"\195\188"'),
    ],
)  # fmt: skip
def test_values_are_normalized(kind: str, value: str, data: str) -> None:
    assert normalize(kind, value, "ex.org") == data


def test_a_long_text_is_split_into_strings_of_255_bytes() -> None:
    """The key of DKIM with 2048 bits has 400 characters."""
    assert txt("a" * 600) == f'"{"a" * 255}" "{"a" * 255}" "{"a" * 90}"'


def test_the_zones_of_the_committed_inventory_are_valid() -> None:
    zones = zones_of(load_inventory(ROOT / FILE), Facts(hosts=("drglitch.net",)))
    assert [zone.name for zone in zones] == ["drglitch.net"]
