"""What `status` finds wrong on a machine, from what the machine prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes import host
from nodes.host import CommandError, Host, HostError, Output
from nodes.render.certificates import certificate_files
from nodes.render.machine import machine_files
from nodes.tasks import certificates, health, mail_status
from nodes.tasks.certificates import read_certificates
from nodes.tasks.health import Probe, read_drift, read_kubelet, read_routes
from nodes.tasks.mail_status import read_mail
from tests.nodes import golden, labs

NOW = 1_800_000_000
DAY = 86_400


class Printing:
    """A transport whose commands print what a test says, by script or program."""

    def __init__(self, printed: dict[str, str]) -> None:
        self._printed = printed

    def run(self, argv: tuple[str, ...], timeout: float, *, sudo: bool) -> Output:
        words = argv[2:]
        text = self._printed.get(words[2] if words[0] == "sh" else words[0])
        return Output(1, "", "") if text is None else Output(0, text, "")

    def upload(self, data: bytes, path: str) -> None:
        raise AssertionError(path)

    def download(self, path: str) -> bytes:
        raise AssertionError(path)

    def close(self) -> None:
        """Close nothing."""


def probe(name: str, printed: dict[str, str]) -> Probe:
    found = labs.inventory()
    machine = Host(found.node(name), Printing(printed), timeout=1, dry_run=True)
    return Probe(machine, found, golden.SITES)


def test_a_route_that_leaves_the_mesh_is_found() -> None:
    """Pods would talk in the clear, and everything would seem to work."""
    shown = "10.90.0.12 wg0\n10.90.0.13 wg0\n10.90.0.14 eth0\n10.244.12.1 wg0\n10.244.13.1 \n"
    found = probe("edge1", {health._ROUTES: shown})
    read_routes(found)
    assert found.faults == ["not over wg0: mail1 by eth0, 10.244.13.0/24 by no route: wireguard.apply"]


@pytest.mark.parametrize(
    ("printed", "value", "faults"),
    [
        ({"kubelet": "Kubernetes v1.35.4\n"}, "1.35.4", []),
        (
            {"kubelet": "Kubernetes v1.34.2\n"},
            "1.34.2",
            ["kubelet is 1.34.2, that of nodes.toml 1.35.4: kubernetes.upgrade"],
        ),
        ({}, "none", []),
    ],
)
def test_kubelet_has_the_version_of_the_inventory(
    printed: dict[str, str], value: str, faults: list[str]
) -> None:
    """A node that joins the cluster later has none."""
    found = probe("worker1", printed)
    read_kubelet(found)
    assert (found.values["kubelet"], found.faults) == (value, faults)


def test_a_file_that_differs_is_found_with_its_task() -> None:
    inventory = labs.inventory()
    files = machine_files(inventory, inventory.node("mail1"), golden.SITES)
    rows = {
        one.path: f"{one.mode:o} {one.owner.replace(':', ' ')} {one.sha256}"
        for some in files.values()
        for one in some
    }
    rows["/etc/hosts"] = rows["/etc/hosts"][:-1]
    rows["/etc/hostname"] = "missing"
    rows["/etc/nftables.conf"] = rows["/etc/nftables.conf"].replace("600", "644", 1)
    found = probe("mail1", {health._DIGESTS: "".join(f"{row}\n" for row in rows.values())})
    read_drift(found)
    assert found.values["drift"] == 3
    assert found.faults == [
        "the firewall is not that of nodes.toml: firewall.apply",
        "/etc/hosts, /etc/hostname differ from nodes.toml: base",
        "/etc/nftables.conf differs from nodes.toml: firewall.apply",
    ]


def test_certificates_that_end_soon_or_are_not_served_are_found() -> None:
    rows = (
        f"small.example 443 {NOW - 80 * DAY} {NOW + 10 * DAY} 0A 0A",
        f"staging.small.example 443 {NOW - DAY} {NOW + 89 * DAY} 0B 0C",
        f"mta-sts.lab.example 443 {NOW - DAY} {NOW + 89 * DAY} 0D -",
    )
    found = probe(
        "edge1",
        {certificates._READ: "\n".join((str(NOW), *rows)), "find": "small.example\nmta-sts.lab.example\n"},
    )
    read_certificates(found)
    assert found.values["certificate_days"] == 10
    assert found.faults == [
        "the certificate of small.example ends in 10 days: edge.renew",
        "port 443 shows 0C for staging.small.example, and the file has 0B: reload the server",
        "port 443 shows no certificate for mta-sts.lab.example",
        "staging.small.example has a self-signed certificate: edge.apply",
    ]


def test_a_machine_without_certificates_has_no_days() -> None:
    found = probe("worker1", {})
    read_certificates(found)
    assert (found.values["certificate_days"], found.faults) == (None, [])


@pytest.mark.parametrize(
    ("message", "calls"), [("an unacceptable anti-replay nonce", 2), ("rate limited", 1)]
)
def test_an_order_is_repeated_for_a_rejected_nonce_alone(message: str, calls: int) -> None:
    """A second order counts against the limits of the authority."""
    seen: list[str] = []

    def order() -> None:
        seen.append(message)
        raise CommandError(message)

    with pytest.raises(CommandError):
        certificates._retry(order)
    assert len(seen) == calls


def test_a_wildcard_needs_the_command_of_dns_01() -> None:
    """Else certbot would fail with the message of a shell."""
    found = labs.inventory()
    inventory = replace(found, acme=replace(found.acme, wildcards=("lab.example",)))
    machine = probe("edge1", {}).host
    with pytest.raises(HostError, match=r"^edge1: has no /usr/local/sbin/dns-challenge .*; run dns.keys and"):
        certificates.ensure_certificates(machine, inventory, golden.SITES)


def test_a_certificate_that_nothing_asks_for_is_named() -> None:
    """Its renewal fails once the name points elsewhere, and with it certbot's timer."""
    found = labs.inventory()
    files = certificate_files(found, found.node("mail1"), ())
    printed = {
        "dpkg-query": "certbot installed\nopenssl installed\n",
        host._CONTENT: f"644 root root\n{files[0].text}",
        "systemctl": "enabled\nActiveState=active\n",
        "find": "mail.lab.example.conf\nold.lab.example.conf\n",
    }
    machine = probe("mail1", printed).host
    certificates.ensure_certificates(machine, found)
    assert machine.notes == [
        "renews old.lab.example, which nodes.toml does not name: certbot delete --cert-name old.lab.example"
    ]


def test_a_mail_server_that_needs_a_look_is_found() -> None:
    """Mails wait unseen, and a mailbox without a password looks like a forgotten one."""
    shown = "120\npostfix active\ndovecot inactive\nopendkim active\nanna@lab.example\nlogin@lab.example\n"
    found = probe("mail1", {mail_status._STATE: shown})
    read_mail(found)
    assert found.values == {"mail_queue": 120}
    assert found.faults == [
        "120 mails wait in its queue: run mailq there",
        "dovecot does not run: mail.apply",
        "no password for bert@lab.example: mail.password",
    ]


def test_machines_without_mail_have_no_queue() -> None:
    found = probe("worker1", {})
    read_mail(found)
    assert (found.values, found.faults) == ({}, [])
