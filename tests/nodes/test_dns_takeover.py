"""What a new primary takes from the other name servers: keys, serials, and records of machines away."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nodes.host import HostError
from nodes.rdata import txt
from nodes.render.zone_rules import ResourceRecord
from nodes.tasks.dns_facts import Fact
from nodes.tasks.dns_takeover import (
    Survey,
    Takeover,
    answered_records,
    plan_takeover,
    public_key,
    questions,
    survey_of,
)
from pipelines.core.errors import PipelineError

ZONE = "lab.example"
FILE = "Klab.example.+013+{}"
OLD, NEW = FILE.format("00001"), FILE.format("00002")
AWAY = HostError("n3: away (timed out); start it, or check its address")


def survey(keys: Mapping[str, str] | None = None, served: str = "", serial: int = 0) -> Survey:
    """Return what a name server with these keys has that answers the key *served*."""
    text = "".join(f"key {name} {ZONE}.\tIN\tDNSKEY\t257 3 13 {key}\n" for name, key in (keys or {}).items())
    if served:
        text += f"answer {ZONE}.\t3600\tIN\tDNSKEY\t257 3 13 {served} ;{{id = 1 (ksk), size = 256b}}\n"
    if serial:
        text += f"answer {ZONE}.\t3600\tIN\tSOA\tn2.{ZONE}. admin.{ZONE}. {serial} 7200 900 1209600 300\n"
    return survey_of(text)


def plan(
    own: Survey,
    *,
    is_new: bool = True,
    new_keys: bool = False,
    **others: Survey | PipelineError,
) -> Takeover:
    return plan_takeover([ZONE], own, others, is_new=is_new, new_keys=new_keys)


def test_a_survey_is_read_from_what_a_name_server_prints() -> None:
    found = survey({OLD: "AbC dEf="}, served="AbC dEf=", serial=2026113004)
    assert found.keys == {OLD: "AbCdEf="}
    assert found.served(ZONE) == {"AbCdEf="}
    assert (found.serial(ZONE), found.serial("other.example")) == (2026113004, 0)
    assert public_key("257 3 13 AbC dEf= ;{id = 1 (ksk), size = 256b}") == "AbCdEf="


def test_the_first_primary_makes_its_keys() -> None:
    found = plan(survey(), n3=survey())
    assert (found.new, found.forced, found.copies, found.faults) == ([ZONE], [], {}, [])


def test_the_keys_come_from_the_old_primary() -> None:
    """Their DS at the registrar stays valid."""
    found = plan(survey(served="A", serial=7), n2=survey({OLD: "A"}, served="A", serial=9), n3=AWAY)
    assert (found.copies, found.new, found.faults) == ({OLD: "n2"}, [], [])
    assert (found.serials, found.own_serials) == ({ZONE: 9}, {ZONE: 7})


def test_an_old_primary_that_answers_over_ssh_alone_gives_its_keys_too() -> None:
    assert plan(survey(), n2=survey({OLD: "A"})).copies == {OLD: "n2"}


def test_keys_that_were_replaced_meanwhile_are_retired() -> None:
    """A machine that was the primary before has them still."""
    found = plan(survey({OLD: "A"}, served="B"), n2=survey({NEW: "B"}, served="B"))
    assert (found.copies, found.retired) == ({NEW: "n2"}, [OLD])


def test_both_keys_of_a_rollover_are_copied() -> None:
    """The next one is not in use, and not needed yet; one that is served is."""
    rows = (ResourceRecord(f"{ZONE}.", "DNSKEY", f"257 3 13 {key}", 60) for key in "AB")
    n2 = Survey({OLD: "A", NEW: "B", FILE.format("00003"): "C"}, tuple(rows))
    assert plan(survey(), n2=n2).copies == {OLD: "n2", NEW: "n2"}


@pytest.mark.parametrize("own", [survey(served="A"), survey({NEW: "B"}, served="A")])
def test_a_key_that_nobody_has_any_more_is_a_fault(own: Survey) -> None:
    """With another key, each resolver that follows the DS refuses the zone."""
    ((text, fix),) = plan(own, n3=survey()).faults
    assert text == f"{ZONE} is signed with a key that no name server has any more"
    assert fix.startswith("restore /var/lib/nodes/dns/keys of the old primary, or remove the DS")
    ((text, _),) = plan(survey(), n3=survey(served="A")).faults
    assert text.startswith(ZONE)


def test_another_key_is_made_when_the_operator_says_so() -> None:
    found = plan(survey(served="A"), new_keys=True, n3=AWAY)
    assert (found.new, found.forced, found.faults) == ([ZONE], [ZONE], [])
    restored = plan(survey({NEW: "B"}, served="A"), new_keys=True)
    assert (restored.new, restored.forced, restored.retired) == ([ZONE], [], [])


def test_a_new_primary_does_not_guess_what_a_server_that_is_away_has() -> None:
    ((text, fix),) = plan(survey(), n3=AWAY).faults
    assert text == f"whether {ZONE} has a key is not known ({AWAY})"
    assert fix == "or run dns.apply --new-keys"
    assert plan(survey(), is_new=False, n3=AWAY).new == [ZONE]


def test_keys_in_use_are_left_as_they_are() -> None:
    for own in (survey({OLD: "A"}, served="A"), survey({OLD: "A"}), survey({OLD: "A", NEW: "B"}, served="A")):
        found = plan(own, new_keys=True, n3=survey({NEW: "B"}))
        assert (found.copies, found.retired, found.new, found.faults) == ({}, [], [], [])


TLSA = Fact("edge1", "_443._tcp.lab.example.", "TLSA", "the certificate", ())
DKIM = Fact("mail1", "_domainkey.lab.example.", "TXT", "the DKIM key", ())
ANSWERS = f"""answer _443._tcp.lab.example.\t60\tIN\tTLSA\t3 1 1 {"AB" * 32}
answer s1._domainkey.lab.example.\t60\tIN\tTXT\t"v=DKIM1; p={"A" * 240}" "{"B" * 40}"
answer other.lab.example.\t60\tIN\tTXT\t"x"
"""


def test_records_of_a_machine_that_is_away_come_from_the_zone_that_is_served() -> None:
    """The new primary has no file of records that it had written."""
    found = answered_records([survey(), survey_of(ANSWERS)], [TLSA, DKIM])
    assert found == (
        ResourceRecord("_443._tcp.lab.example.", "TLSA", f"3 1 1 {'ab' * 32}", 60, ("edge1",)),
        ResourceRecord(
            "s1._domainkey.lab.example.", "TXT", txt(f"v=DKIM1; p={'A' * 240}{'B' * 40}"), 60, ("mail1",)
        ),
    )
    assert all(fact.covers(one) for fact, one in zip((TLSA, DKIM), found, strict=True))
    assert answered_records([survey()], [TLSA, DKIM]) == ()


def test_the_servers_are_asked_for_the_key_that_signs_mail() -> None:
    assert questions([ZONE], [TLSA, DKIM], "s1") == [
        (ZONE, "DNSKEY"), (ZONE, "SOA"),
        ("_443._tcp.lab.example", "TLSA"), ("s1._domainkey.lab.example", "TXT"),
    ]  # fmt: skip
