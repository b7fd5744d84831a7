"""Zones that n2 signs and n3 follows, and challenges that the edge n1 sets in them; after test_tasks."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.nodes.lab.conftest import Operator
from tests.nodes.lab.machines import Machine
from tests.nodes.lab.pebble import pebble
from tests.nodes.lab.test_tasks import check_three_runs
from tests.support.project import ROOT

pytestmark = pytest.mark.nodes
SERVERS = {"n2": "10.90.0.12", "n3": "10.90.0.13"}  # primary and secondary
MACHINES = ("n2", "n3", "n1")
_INVENTORY = """
[mail]
host = "mail.lab.example"

[[mailbox]]
address = "postmaster@lab.example"

[dns]
primary = "n2"
zones = ["lab.example", "small.example"]

"""
# A key as mail.apply makes it, unless it has.
_DKIM = """set -eu
directory=/etc/dkimkeys/lab.example
[ ! -e "$directory/s1.txt" ] || exit 0
mkdir -p "$directory"
opendkim-genkey --bits=2048 --domain=lab.example --selector=s1 --directory="$directory"
"""
# Arguments: zone, file of records, nsd.conf.
_CHECK = """set -eu
cd "$(mktemp -d)"
sed 's/@SERIAL@/2026112900/' "$2" > records
key="$(ldns-keygen -k -a ECDSAP256SHA256 "$1")"
ldns-signzone -o "$1." -f signed records "$key"
ldns-verify-zone signed
nsd-checkzone "$1" signed
nsd-checkconf "$3"
"""
# Address and port, name, protocol of STARTTLS: SHA-256 of the public key that is served; nothing without one.
_SERVED = """certificate="$(openssl s_client -connect "$1" -servername "$2" ${3:+-starttls $3} </dev/null \\
  2>/dev/null | openssl x509 2>/dev/null)" || exit 0
echo "$certificate" | openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64
"""
# SHA-256 of the public key of the authority that signed the certificate: the second of the chain.
_ISSUER = """openssl x509 -noout -pubkey -in /etc/letsencrypt/live/small.example/chain.pem |
openssl pkey -pubin -outform DER | sha256sum | cut -c1-64"""
_KEYS = "/var/lib/nodes/dns/keys"
_DIGEST = "ab" * 32
OWN = {
    ("@", "A"): "172.31.0.11",
    ("@", "MX"): "10 n2",
    ("@", "TXT"): "v=spf1 mx -all",
    ("@", "AAAA"): "2001:db8::1",
    ("@", "LOC"): "52 22 23.000 N 4 53 32.000 E -2m",
    ("*.apps", "A"): "172.31.0.11",
    ("www", "CNAME"): "@",
    ("_sip._tcp", "SRV"): "0 1 5060 n1",
    ("_25._tcp.n2", "TLSA"): f"3 1 1 {_DIGEST}",
    ("sub", "NS"): "ns.sub.lab.example.",
    ("ns.sub", "A"): "172.31.0.11",
    ("sub", "DS"): f"12345 13 2 {_DIGEST}",
    ("svc", "HTTPS"): "1 n1 alpn=h2",
    ("tel", "NAPTR"): '1 10 "S" "SIP+D2T" "" _sip._tcp.lab.example.',
    ("uri", "URI"): '1 1 "https://lab.example/"',
    ("old", "DNAME"): "apps",
    ("long", "TXT"): "a" * 600,
}
RECORDS = "".join(
    f'[[record]]\nname = "{name}"\ntype = "{kind}"\nvalues = [\'{value}\']\n\n'
    for (name, kind), value in OWN.items()
)


def dig(operator: Operator, server: str, *words: str) -> list[str]:
    """Return the data that a server answers, as the network of the lab sees it."""
    argv = operator.lab.machines["n1"].argv(
        "dig", f"@{SERVERS[server]}", "+short", "+time=2", "+tries=5", *words
    )
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def serial(operator: Operator, server: str) -> int:
    """Return the serial that *server* has; it must answer."""
    (row,) = dig(operator, server, "lab.example", "SOA")
    return int(row.split()[2])


def await_serial(operator: Operator, least: int) -> int:
    """Return the serial that both servers have, once it is *least* or more; they answer all the time."""
    deadline = time.monotonic() + 10
    while True:
        found = {serial(operator, server) for server in SERVERS}
        if len(found) == 1 and min(found) >= least:
            return min(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def zones(operator: Operator) -> Iterator[str]:
    """The inventory with name servers, own records and the key of the edge; its text from before."""
    text = operator.inventory.read_text()
    for name, roles in {"n2": '"dns", "mail", ', "n3": '"dns", '}.items():
        operator.edit(rf'(name = "{name}"\n(?:public_key.*\n)?roles = \[)', rf"\1{roles}")
    operator.inventory.write_text(f"{operator.inventory.read_text()}\n{_INVENTORY}{RECORDS}")
    (note,) = operator.run("dns.keys")["n1"]["notes"]
    operator.edit(r'(name = "n1"\n)', rf"\1{note.removeprefix('write ').partition(' in ')[0]}\n")
    assert operator.states("ssh", "--hosts", "n2") == {"n2": "changed"}
    operator.lab.machines["n2"].run("sh", "-c", _DKIM)
    operator.run("edge.apply")
    yield text
    operator.inventory.write_text(text)


def test_dns(operator: Operator, zones: str) -> None:
    check_three_runs(operator, "dns.apply", MACHINES)
    found = await_serial(operator, 1)
    assert found == int(time.strftime("%Y%m%d00", time.gmtime()))
    status = operator.fab("status", "--json", "--hosts", "n2,n3")
    assert status.stdout, status.stderr
    assert [one["zone"] for one in json.loads(status.stdout)] == [str(found), str(found)]
    assert operator.states("dns.keys") == {"n1": "unchanged"}


def test_every_type_is_answered_and_validated(operator: Operator, zones: str) -> None:
    """By delv, from both servers, with the key of the zone as its only trust."""
    machine = operator.lab.machines["n1"]
    key = machine.run("dig", "@10.90.0.12", "+short", "lab.example", "DNSKEY").strip()
    machine.run(
        "sh", "-c", f"echo 'trust-anchors {{ lab.example. static-key {_anchor(key)}; }};' > /tmp/anchor"
    )
    wanted = [
        (name.replace("*", "any"), kind)
        for name, kind in OWN
        if (name, kind) not in (("sub", "NS"), ("ns.sub", "A"))
    ]
    wanted += [("n1", "SSHFP"), ("@", "CAA"), ("@", "NS"), ("@", "SOA"), ("any.old", "A")]
    for address in SERVERS.values():
        for name, kind in wanted:
            full = "lab.example" if name == "@" else f"{name}.lab.example"
            shown = machine.run("delv", f"@{address}", "-a", "/tmp/anchor", "+root=lab.example", full, kind)
            assert "; fully validated" in shown, (address, name, kind)
        assert "REFUSED" in machine.run("dig", f"@{address}", "other.example", "SOA")
        shown = machine.run(
            "delv", f"@{address}", "-a", "/tmp/anchor", "+root=lab.example", "none.lab.example", "A"
        )
        assert "negative response, fully validated" in shown
    assert dig(operator, "n3", "long.lab.example", "TXT") == [f'"{"a" * 255}" "{"a" * 255}" "{"a" * 90}"']


def _anchor(key: str) -> str:
    flags, protocol, algorithm, *words = key.split()
    return f'{flags} {protocol} {algorithm} "{"".join(words)}"'


def test_keys_and_certificates_are_read_from_the_machines(operator: Operator, zones: str) -> None:
    (key,) = dig(operator, "n3", "s1._domainkey.lab.example", "TXT")
    assert re.fullmatch(r'"v=DKIM1; h=sha256; k=rsa; p=MII[^"]+" "[^"]+"', key)
    shown = operator.lab.machines["n1"].run("sh", "-c", _SERVED, "sh", "172.31.0.11:443", "small.example", "")
    assert tlsa(operator, "_443._tcp.small.example") == [f"311{shown.strip()}"]
    # Where test_mail has run, Postfix shows a certificate.
    shown = operator.lab.machines["n2"].run(
        "sh", "-c", _SERVED, "sh", "127.0.0.1:25", "mail.lab.example", "smtp"
    )
    assert tlsa(operator, "_25._tcp.mail.lab.example") == ([f"311{shown.strip()}"] if shown else [])


def tlsa(operator: Operator, name: str) -> list[str]:
    return ["".join(row.split()).lower() for row in dig(operator, "n3", name, "TLSA")]


def test_the_golden_files_are_valid_on_debian_13(operator: Operator, zones: str) -> None:
    """The machine that tests may have another release of NSD."""
    machine, golden = operator.lab.machines["n3"], ROOT / "tests/nodes/golden"
    for name in ("mail1", "edge1"):
        for path in ("etc/nodes/zones/lab.example", "etc/nsd/nsd.conf"):
            source = golden / name / path if (golden / name / path).exists() else golden / "mail1" / path
            text = source.read_text("utf-8").partition("\n")[2]
            target = f"/tmp/{path.rpartition('/')[2]}"
            subprocess.run(
                machine.argv("tee", target), input=text, text=True, stdout=subprocess.DEVNULL, check=True
            )
        machine.run("sh", "-c", _CHECK, "sh", "lab.example", "/tmp/lab.example", "/tmp/nsd.conf")


def test_nobody_without_the_key_gets_a_transfer(operator: Operator, zones: str) -> None:
    shown = operator.lab.machines["n1"].run("dig", "@10.90.0.12", "lab.example", "AXFR", check=False)
    assert "Transfer failed" in shown


def test_the_secondary_follows_a_change(operator: Operator, zones: str) -> None:
    """The serial grows with a record, and with nothing else."""
    before = await_serial(operator, 1)
    text = operator.inventory.read_text()
    operator.inventory.write_text(f'{text}\n[[record]]\nname = "new"\ntype = "A"\nvalues = ["192.0.2.1"]\n')
    shown = operator.run("dns.apply", "--hosts", "n2", "--dry-run")["n2"]
    assert [one["what"] for one in shown["changes"]] == [
        "write /etc/nodes/zones/lab.example",
        "sign and load the zones",
    ]
    assert "+new 3600 IN A 192.0.2.1" in shown["changes"][0]["diff"].splitlines()
    assert operator.states("dns.apply") == {"n2": "changed", "n3": "unchanged", "n1": "unchanged"}
    assert await_serial(operator, before + 1) == before + 1
    assert dig(operator, "n3", "new.lab.example", "A") == ["192.0.2.1"]
    operator.lab.machines["n2"].run("systemctl", "start", "dns-zones.service")
    assert await_serial(operator, 1) == before + 1


def test_old_signatures_are_renewed_by_the_timer(operator: Operator, zones: str) -> None:
    machine, before = operator.lab.machines["n2"], await_serial(operator, 1)
    state = "/var/lib/nodes/dns/lab.example.json"
    old = int(time.time()) - 15 * 86_400
    machine.run("sed", "-i", "-E", rf's/"signed": [0-9]+/"signed": {old}/', state)
    assert machine.run("systemctl", "is-active", "dns-zones.timer") == "active\n"
    machine.run("systemctl", "start", "dns-zones.service")
    assert await_serial(operator, before + 1) == before + 1
    assert time.time() - json.loads(machine.run("cat", state))["signed"] < 100


def test_a_challenge_is_served_by_all_when_the_command_returns(operator: Operator, zones: str) -> None:
    """Two values at one name: of a domain and its wildcard."""
    edge, name = operator.lab.machines["n1"], "_acme-challenge.lab.example"
    for value in ("first-value", "second_value"):
        edge.run("dns-challenge", "set", name, value)
    for server in SERVERS:
        assert sorted(dig(operator, server, name, "TXT")) == ['"first-value"', '"second_value"']
    edge.run("dns-challenge", "remove", name, "first-value")
    assert dig(operator, "n2", name, "TXT") == ['"second_value"']
    assert operator.states("dns.apply") == {"n2": "unchanged", "n3": "unchanged", "n1": "unchanged"}
    edge.run("dns-challenge", "remove", name, "second_value")
    assert dig(operator, "n2", name, "TXT") == []


def test_a_wildcard_is_proved_by_dns_01(operator: Operator, zones: str) -> None:
    """The authority asks the secondary. A renewal keeps the key: TLSA does not change."""
    text, machines = operator.inventory.read_text(), operator.lab.machines
    with pebble(machines["n2"], "n2", machines["n1"], hosts={}, dns="10.90.0.13:53", port=14001) as authority:
        acme = f'[acme]\ndirectory = "{authority.directory}"\nwildcards = ["small.example"]\n'
        operator.inventory.write_text(f"{text}\n{acme}")
        check_three_runs(operator, "edge.apply", ("n1",))
        names = machines["n1"].run(
            "openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
            "/etc/nodes/tls/small.example/fullchain.pem",
        )  # fmt: skip
        listed = sorted(name.rstrip(",") for name in names.split()[-2:])
        assert listed == ["DNS:*.small.example", "DNS:small.example"]
        assert dig(operator, "n2", "_acme-challenge.small.example", "TXT") == []
        operator.run("dns.apply")
        published = dig(operator, "n2", "_443._tcp.small.example", "TLSA")
        assert operator.states("edge.renew", "--force", "--hosts", "n1") == {"n1": "changed"}
        assert operator.states("dns.apply") == {"n2": "unchanged", "n3": "unchanged", "n1": "unchanged"}
    operator.inventory.write_text(text)
    served = machines["n1"].run("sh", "-c", _SERVED, "sh", "127.0.0.1:443", "small.example", "").strip()
    assert [row.replace(" ", "").lower() for row in published] == [f"311{served}"]


def test_the_key_of_an_edge_sets_challenges_and_nothing_else(operator: Operator, zones: str) -> None:
    edge = operator.lab.machines["n1"]
    text = edge.run("cat", "/usr/local/sbin/dns-challenge")
    argv = ["sh", "-c", text.replace('"$*"', "id")]
    done = subprocess.run(edge.argv(*argv), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "usage: dns-challenge set|remove" in done.stderr


def test_a_machine_that_is_away_keeps_its_records(operator: Operator, zones: str) -> None:
    """The key of its certificate stays published while it reboots."""
    before = dig(operator, "n2", "_443._tcp.small.example", "TLSA")
    operator.lab.stop("n1")
    done = operator.run("dns.apply", "--hosts", "n2")["n2"]
    operator.lab.start("n1", 11, "").run("ping", "-q", "-c", "1", "-w", "20", SERVERS["n2"])
    assert done["state"] == "unchanged"
    assert re.search(
        r"^n1: away .*: the certificate of .* stay as the zone has them$", "\n".join(done["notes"]), re.M
    )
    assert dig(operator, "n2", "_443._tcp.small.example", "TLSA") == before


def dane(operator: Operator, name: str, records: list[str]) -> str:
    """Return how a client that trusts *records* (TLSA) alone finds the certificate of the edge."""
    options = [
        word for one in records for word in ("-dane_tlsa_rrdata", f"{one[0]} {one[1]} {one[2]} {one[3:]}")
    ]
    shown = operator.lab.machines["n1"].run(
        "openssl", "s_client", "-connect", "127.0.0.1:443", "-servername", name,
        "-dane_tlsa_domain", name, *options, check=False,
    )  # fmt: skip
    return " ".join(line for line in shown.splitlines() if line.startswith(("Verification", "DANE TLSA")))


def served_after(edge: Machine, old: str) -> str:
    """Return the digest of the key that NGINX shows once it is not *old*: a reload returns before it ends."""
    deadline = time.monotonic() + 20
    while True:
        shown = edge.run("sh", "-c", _SERVED, "sh", "127.0.0.1:443", "small.example", "").strip()
        if f"311{shown}" != old:
            return shown
        assert time.monotonic() < deadline, f"NGINX still shows {shown}"
        time.sleep(0.2)


def test_a_new_key_of_a_certificate_always_has_a_record(operator: Operator, zones: str) -> None:
    """The order of docs/operator.md: nobody knows the next key before certbot makes it."""
    text, machines = operator.inventory.read_text(), operator.lab.machines
    edge, name = machines["n1"], "_443._tcp.small.example"
    with pebble(machines["n2"], "n2", edge, hosts={}, dns="10.90.0.13:53", port=14002) as authority:
        acme = f'{text}\n[acme]\ndirectory = "{authority.directory}"\nwildcards = ["small.example"]\n'
        operator.inventory.write_text(acme)
        assert operator.states("edge.apply") == {"n1": "changed"}
        operator.run("dns.apply")
        (old,) = tlsa(operator, name)
        # 1. The authority that signs, beside the key in use.
        issuer = edge.run("sh", "-c", _ISSUER).strip()
        own = (
            '\n[[record]]\nzone = "small.example"\nname = "_443._tcp"\ntype = "TLSA"\n'
            f'values = ["3 1 1 {old[3:]}", "2 1 1 {issuer}"]\n'
        )
        operator.inventory.write_text(acme + own)
        assert operator.states("dns.apply", "--hosts", "n2") == {"n2": "changed"}
        await_serial(operator, serial(operator, "n2"))
        published = tlsa(operator, name)
        assert sorted(published) == sorted([old, f"211{issuer}"])
        assert "Verification: OK" in dane(operator, "small.example", published)
        # 2. The new key, after the TTL.
        edge.run(
            "certbot", "renew", "--cert-name", "small.example", "--new-key", "--force-renewal",
            "--no-random-sleep-on-renew", "--quiet",
        )  # fmt: skip
        shown = served_after(edge, old)
        found = dane(operator, "small.example", published)
        assert "Verification: OK" in found
        assert "DANE TLSA 2 1 1" in found
        assert "Verification: OK" not in dane(operator, "small.example", [old])
        # 3. Its own record alone.
        operator.inventory.write_text(acme)
        assert operator.states("dns.apply", "--hosts", "n2") == {"n2": "changed"}
        await_serial(operator, serial(operator, "n2"))
        assert tlsa(operator, name) == [f"311{shown}"]
        assert "Verification: OK" in dane(operator, "small.example", [f"311{shown}"])
        assert operator.states("edge.renew", "--force", "--hosts", "n1") == {"n1": "changed"}
        assert operator.states("dns.apply", "--hosts", "n2") == {"n2": "unchanged"}
    operator.inventory.write_text(text)


def dnskey(operator: Operator, server: str) -> list[str]:
    """Return the keys of the zone that *server* answers."""
    return sorted(dig(operator, server, "lab.example", "DNSKEY"))


def validates(operator: Operator, server: str, key: str) -> bool:
    """Return whether the answer of *server* is valid for who trusts *key* (DNSKEY) alone."""
    machine = operator.lab.machines["n1"]
    text = f"trust-anchors {{ lab.example. static-key {_anchor(key)}; }};"
    machine.run("sh", "-c", 'printf %s "$1" > /tmp/trusted', "sh", text)
    argv = ("delv", f"@{SERVERS[server]}", "-a", "/tmp/trusted", "+root=lab.example", "lab.example", "MX")
    return "; fully validated" in machine.run(*argv, check=False)


def registrar(notes: list[str]) -> list[str]:
    """Return the zones whose DS the operator is to give the registrar."""
    found = [one.split(" 13 2 ")[0] for one in notes if one.startswith("give the registrar: ")]
    assert all(one.rsplit(maxsplit=1)[0].endswith(". IN DS") for one in found)
    return [one.split()[3].rstrip(".") for one in found]


def test_another_machine_becomes_the_primary(operator: Operator, zones: str) -> None:
    """With the keys of the old one, which answers: the chain of trust stays.

    Its serial follows those that the secondaries have, or they would ignore it.
    """
    before, keys = await_serial(operator, 1), dnskey(operator, "n2")
    operator.edit(r'primary = "n2"', 'primary = "n3"')
    assert not operator.lab.machines["n3"].run("sh", "-c", f"ls {_KEYS} 2>/dev/null || true")
    shown = operator.fab("dns.apply", "--json").stdout
    done = {one["host"]: one for one in json.loads(shown)["hosts"]}
    assert [one["fault"] or one["state"] for one in done.values()] == ["changed", "changed", "changed"]
    assert await_serial(operator, before + 1) == before + 1
    assert "has the keys of its zones from n2: their DS stays as it is" in done["n3"]["notes"]
    assert registrar(done["n3"]["notes"]) == []
    for server in SERVERS:
        assert dnskey(operator, server) == keys
        assert validates(operator, server, keys[0])
    secret = operator.lab.machines["n3"].run("sh", "-c", f"sed -n 's/^PrivateKey: //p' {_KEYS}/Klab*.private")
    assert len(secret) > 40
    assert secret.strip() not in shown
    assert operator.lab.machines["n3"].run("stat", "-c", "%a", _KEYS) == "700\n"
    machine = operator.lab.machines["n2"]
    assert machine.run("systemctl", "is-active", "dns-zones.timer", check=False) == "inactive\n"
    assert not machine.run("sh", "-c", "ls /etc/ssh/authorized_keys | grep acme || true")
    assert set(operator.states("dns.apply").values()) == {"unchanged"}


def test_a_key_that_is_lost_is_replaced_when_the_operator_says_so(operator: Operator, zones: str) -> None:
    """Before, the DS at the registrar must go: with another key, the zone is bogus to who follows it.

    The edge is away: the key of its certificate stays published, from the zone that is served.
    """
    before, keys = await_serial(operator, 1), dnskey(operator, "n3")
    published = tlsa(operator, "_443._tcp.small.example")
    for name in SERVERS:
        operator.lab.machines[name].run("mv", _KEYS, f"{_KEYS}.lost")
    operator.lab.machines["n2"].run("rm", "-r", "/etc/nodes/zones")
    operator.edit(r'primary = "n3"', 'primary = "n2"')
    fault = "n2: lab.example is signed with a key that no name server has any more; restore"
    for options in ((), ("--dry-run",)):
        done = operator.run("dns.apply", *options)
        assert done["n2"]["fault"].startswith(fault)
        assert done["n3"]["state"] == "not started"
    assert await_serial(operator, 1) == before
    assert dnskey(operator, "n2") == keys
    operator.lab.stop("n1")
    done = operator.run("dns.apply", "--new-keys", "--hosts", "n2")
    operator.lab.start("n1", 11, "")
    assert done["n2"]["fault"] == ""
    assert registrar(done["n2"]["notes"]) == ["lab.example", "small.example"]
    assert set(operator.states("dns.apply").values()) <= {"changed", "unchanged"}
    assert await_serial(operator, before + 1) == before + 1
    new = dnskey(operator, "n2")
    assert dnskey(operator, "n3") == new
    assert not {*new} & {*keys}
    assert validates(operator, "n3", new[0])
    assert published
    assert tlsa(operator, "_443._tcp.small.example") == published


def test_a_key_of_a_zone_is_replaced_without_a_gap(operator: Operator, zones: str) -> None:
    """The order of docs/operator.md: both keys sign until the DS of the new one is known everywhere."""
    machine, before = operator.lab.machines["n2"], await_serial(operator, 1)
    (old,) = dnskey(operator, "n2")
    machine.run("dns-zones", "new-key", "lab.example")
    machine.run("dns-zones", "sign")
    assert await_serial(operator, before + 1) == before + 1
    both = dnskey(operator, "n3")
    assert len(both) == 2
    assert [validates(operator, "n3", one) for one in (*both, old)] == [True, True, True]
    script = 'cd "$1"; for one in $(grep -lF "$2" Klab.example.*.key); do rm "${one%.key}".*; done'
    machine.run("sh", "-c", script, "sh", _KEYS, "".join(old.split()[3:]))
    machine.run("dns-zones", "sign")
    assert await_serial(operator, before + 2) == before + 2
    (new,) = dnskey(operator, "n3")
    assert [validates(operator, "n3", one) for one in (new, old)] == [True, False]
    assert set(operator.states("dns.apply").values()) == {"unchanged"}


def test_a_zone_that_is_added_later_prints_its_ds(operator: Operator, zones: str) -> None:
    operator.edit(r'zones = \["lab.example", ', 'zones = ["lab.example", "later.example", ')
    done = operator.run("dns.apply", "--hosts", "n2")["n2"]
    assert done["fault"] == ""
    assert registrar(done["notes"]) == ["later.example"]
