"""What a zone keeps of machines that are away, what is read from them, and the program that signs."""

from __future__ import annotations

import importlib.util
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from nodes.host import HostError
from nodes.rdata import txt
from nodes.render.dns import kept_records, records_file
from nodes.render.zone_rules import ResourceRecord
from nodes.render.zones import zones_of
from nodes.tasks.dns_facts import Fact, facts_of, reading_of, records_in
from nodes.tasks.dns_status import zone_faults
from pipelines.core.errors import PipelineError
from tests.nodes import golden, labs
from tests.support.project import ROOT

NAMES = ("lab.example",)


def test_a_file_of_records_is_the_same_for_the_same_inventory() -> None:
    """The serial follows the file: an order that changes would make a new one with each run."""
    inventory, facts = labs.inventory(), golden.FACTS
    others = replace(facts, hosts=facts.hosts[::-1], records=facts.records[::-1])
    first, second = (records_file(inventory, zones_of(inventory, one)[0]).text for one in (facts, others))
    assert first == second
    assert first.count("@SERIAL@") == 1


def test_the_order_of_tables_does_not_matter() -> None:
    """Somebody who sorts nodes.toml makes no new serial."""
    inventory = labs.inventory()
    texts = set()
    for seed in range(20):
        shuffle = Random(seed).sample
        own = tuple(
            replace(one, values=tuple(shuffle(one.values, len(one.values))))
            for one in shuffle(inventory.records, len(inventory.records))
        )
        nodes = tuple(shuffle(inventory.nodes, len(inventory.nodes)))
        other = replace(inventory, records=own, nodes=nodes)
        texts.add(records_file(other, zones_of(other, golden.FACTS)[0]).text)
    assert len(texts) == 1


def test_records_of_a_machine_that_is_away_are_read_back_from_the_file() -> None:
    """A task that forgets them would make its mail unsigned."""
    inventory = labs.inventory()
    text = records_file(inventory, zones_of(inventory, golden.FACTS)[0]).text
    assert set(kept_records(text, "lab.example", {"mail1", "edge1"})) == set(golden.FACTS.records)
    assert {one.kind for one in kept_records(text, "lab.example", {"edge1"})} == {"TLSA"}
    assert kept_records(text, "lab.example", {"plane1"}) == ()


def facts(name: str) -> dict[str, Fact]:
    inventory = labs.inventory()
    return {one.suffix: one for one in facts_of(inventory, inventory.node(name), NAMES)}


def test_what_is_read_of_a_machine_follows_its_roles() -> None:
    assert list(facts("edge1")) == ["_443._tcp.lab.example."]
    assert list(facts("mail1")) == ["_25._tcp.mail.lab.example.", "_domainkey.lab.example."]
    assert not facts("plane1")


def test_what_could_not_be_read_is_kept_and_named() -> None:
    """A machine that is away, and one that runs without its service."""
    found: dict[str, dict[Fact, tuple[ResourceRecord, ...]] | PipelineError] = {
        "mail1": HostError("mail1: away; start it"),
        "edge1": {facts("edge1")["_443._tcp.lab.example."]: ()},
    }
    wanted = {name: tuple(facts(name).values()) for name in found}
    reading = reading_of(wanted, found)
    assert [one.suffix for one in reading.unread] == [
        "_25._tcp.mail.lab.example.",
        "_domainkey.lab.example.",
        "_443._tcp.lab.example.",
    ]
    assert reading.notes == (
        "mail1: away; start it: the certificate of mail.lab.example:25, the DKIM key of lab.example stay as"
        " the zone has them",
        "edge1 does not have the certificate of lab.example:443 yet: what the zone has of it stays",
    )
    dkim = reading.unread[1]
    old, other = golden.FACTS.records[0], golden.FACTS.records[1]
    assert (dkim.covers(old), dkim.covers(other)) == (True, False)


DKIM = """== s1
s1._domainkey\tIN\tTXT\t( "v=DKIM1; h=sha256; k=rsa; "
\t  "p=MIIBIjANBg"
\t  "kqhkiG9w" )  ; ----- DKIM key s1 for lab.example
== s2
v=DKIM1; k=ed25519; p=abc=
== s3
# none
"""


def test_every_key_of_dkim_on_the_machine_is_published() -> None:
    """While a selector is replaced, mail that was signed with the old one is on its way."""
    fact = facts("mail1")["_domainkey.lab.example."]
    first, second = records_in(fact, DKIM, 300)
    text = txt("v=DKIM1; h=sha256; k=rsa; p=MIIBIjANBgkqhkiG9w")
    assert first == ResourceRecord("s1._domainkey.lab.example.", "TXT", text, 300, ("mail1",))
    text = txt("v=DKIM1; k=ed25519; p=abc=")
    assert second == ResourceRecord("s2._domainkey.lab.example.", "TXT", text, 300, ("mail1",))
    assert records_in(facts("edge1")["_443._tcp.lab.example."], "", 300) == ()


@pytest.fixture(scope="module")
def signer() -> ModuleType:
    """The program of the primary."""
    file: Path = ROOT / "nodes/templates/dns/dns_zones.py"
    spec = importlib.util.spec_from_file_location("dns_zones", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("before", "serial"),
    [(0, 2026112900), (2026112900, 2026112901), (2026112999, 2026113000), (2027010100, 2027010101),
     (1796000000, 2026112900)],
)  # fmt: skip
def test_a_serial_always_grows(signer: ModuleType, before: int, serial: int) -> None:
    """Secondaries ignore a zone whose serial went back (RFC 1982)."""
    assert signer.next_serial(before, "20261129") == serial


def test_a_key_is_made_once_and_never_beside_a_zone_that_is_signed(
    signer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The DS at the registrar names the key that was lost: with another one, the zone is bogus."""
    monkeypatch.setattr(signer, "STATE", tmp_path)
    answers: dict[str, list[str] | None] = {}
    made: list[str] = []

    def run(*argv: str, cwd: Path, timeout: float = 60.0) -> str:
        made.append(argv[-1])
        (cwd / f"K{argv[-1]}.+013+00001.private").touch()
        return ""

    monkeypatch.setattr(signer, "run", run)
    monkeypatch.setattr(signer, "query", lambda server, name, kind: answers.get(server))
    config = {"zones": ["lab.example"], "secondaries": {"n3": "10.90.0.13"}}
    for server, name in (("127.0.0.1", "this server"), ("10.90.0.13", "n3")):
        answers = {server: ["257 3 13 AbC="]}
        with pytest.raises(
            signer.ZoneError, match=f"lab.example: {name} has it signed with a key that is not"
        ):
            signer.keys_of("lab.example", config)
    assert made == []
    answers = {"127.0.0.1": []}  # n3 is away, and there is no zone yet
    assert [one.name for one in signer.keys_of("lab.example", config)] == ["Klab.example.+013+00001.private"]
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    answers = {"127.0.0.1": ["257 3 13 AbC="]}
    signer.keys_of("lab.example", config)
    assert made == ["lab.example"]


def test_a_challenge_is_put_into_the_innermost_zone(signer: ModuleType) -> None:
    names = {"a": "lab.example", "b": "lab.example", "c": "x.example"}
    rows = [[f"_acme-challenge.{names[value]}", value, 0] for value in "bac"]
    zones = ("example", "lab.example")
    assert signer.challenges_of("lab.example", zones, rows) == (
        '_acme-challenge.lab.example. 60 IN TXT "a"\n_acme-challenge.lab.example. 60 IN TXT "b"\n'
    )
    assert signer.challenges_of("example", zones, rows) == '_acme-challenge.x.example. 60 IN TXT "c"\n'


@pytest.mark.parametrize(
    "words",
    [
        "",
        "set _acme-challenge.lab.example",
        "list _acme-challenge.lab.example a",
        "set www.lab.example a",
        "set _acme-challenge.other.example a",
        'set _acme-challenge.lab.example a"b',
        "set _acme-challenge.lab.example a; id",
        "set _acme-challenge.$(id).lab.example a",
        f"set _acme-challenge.{'a.' * 120}lab.example a",
    ],
)
def test_an_edge_can_set_challenges_and_nothing_else(signer: ModuleType, words: str) -> None:
    """Its key reaches this command with any text."""
    with pytest.raises(signer.ZoneError):
        signer.parse_challenge(words.split(), ["lab.example"])


def test_a_challenge_that_cannot_be_signed_stays_out(
    signer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One edge would otherwise stop the signatures of all zones: beside a CNAME no TXT is possible."""
    monkeypatch.setattr(signer, "STATE", tmp_path)
    kept = ["_acme-challenge.lab.example", "kept", int(time.time())]
    (tmp_path / "challenges.json").write_text(json.dumps([kept, ["_acme-challenge.lab.example", "old", 0]]))
    signed: list[str] = []

    def sign(zone: str, config: dict[str, object], now: float) -> None:
        signed.append(zone)
        if zone == "lab.example":
            raise signer.ZoneError("TXT beside a CNAME")

    monkeypatch.setattr(signer, "sign", sign)
    config = {"zones": ["lab.example", "x.example"], "secondaries": {}}
    with pytest.raises(signer.ZoneError):
        signer.challenge(["set", "_acme-challenge.www.lab.example", "new"], config)
    assert json.loads((tmp_path / "challenges.json").read_text()) == [kept]
    assert signed == ["lab.example"]
    assert signer.sign_all(config, time.time()) == 1
    assert signed == ["lab.example", "lab.example", "x.example"]


def test_a_challenge_is_normalized(signer: ModuleType) -> None:
    words = ("set", "_acme-challenge.Lab.example.", "aB_-9")
    assert signer.parse_challenge(words, ["lab.example"]) == ("set", "_acme-challenge.lab.example", "aB_-9")


@pytest.mark.parametrize(
    ("row", "faults"),
    [
        ("lab.example|2026112900|20261227000000|2026112900", []),
        ("lab.example|||2026112900", ["does not serve lab.example: dns.apply"]),
        (
            "lab.example|2026112900|20261227000000|2026112901",
            ["has the serial 2026112900 of lab.example, the primary 2026112901: journalctl -u nsd"],
        ),
        (
            "lab.example|2026112900|20261203000000|",
            [
                "the primary gives no answer for lab.example: status of the primary",
                "the signatures of lab.example end in 4 days: journalctl -u dns-zones",
            ],
        ),
    ],
)
def test_status_finds_a_server_that_is_behind_and_signatures_that_end(row: str, faults: list[str]) -> None:
    """The timer renews signatures two weeks before they end."""
    assert zone_faults(row.split("|"), datetime(2026, 11, 29, tzinfo=UTC)) == faults
