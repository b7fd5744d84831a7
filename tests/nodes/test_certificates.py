"""Which certificates a machine requests, how, and where they are served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes.inventory import Inventory
from nodes.render.certificates import (
    Certificate,
    certificate_files,
    certificate_name,
    certificates_of,
    served_certificates,
)
from nodes.render.firewall import firewall_file
from nodes.tasks.certificates import State
from tests.nodes import golden, labs

DAY = 86_400


def inventory(**acme: object) -> Inventory:
    found = labs.inventory()
    return replace(found, acme=replace(found.acme, **acme))  # type: ignore[arg-type]


def requested(found: Inventory, node: str) -> tuple[Certificate, ...]:
    return certificates_of(found, found.node(node), golden.SITES)


def test_an_edge_requests_a_certificate_for_each_name_by_http_01() -> None:
    assert requested(inventory(wildcards=()), "edge1") == (
        Certificate("small.example", ("small.example",), "webroot"),
        Certificate("staging.small.example", ("staging.small.example",), "webroot"),
        Certificate("mta-sts.lab.example", ("mta-sts.lab.example",), "webroot"),
    )


def test_a_wildcard_replaces_the_certificates_of_the_names_that_it_covers() -> None:
    """`*.small.example` is valid for one label (RFC 9525)."""
    found = inventory(wildcards=("small.example",))
    assert requested(found, "edge1") == (
        Certificate("small.example", ("small.example", "*.small.example"), "manual"),
        Certificate("mta-sts.lab.example", ("mta-sts.lab.example",), "webroot"),
    )
    names = ("small.example", "www.small.example", "a.www.small.example", "notsmall.example")
    assert [certificate_name(found, one) for one in names] == ["small.example", "small.example", *names[2:]]


def test_a_wildcard_that_covers_no_name_is_not_requested() -> None:
    assert [one.name for one in requested(inventory(wildcards=("other.example",)), "edge1")] == [
        "small.example",
        "staging.small.example",
        "mta-sts.lab.example",
    ]


@pytest.mark.parametrize(("roles", "method"), [(("mail",), "standalone"), (("mail", "edge"), "webroot")])
def test_a_mail_server_requests_its_own_certificate(roles: tuple[str, ...], method: str) -> None:
    """HTTP-01 comes to port 80 of its own address, also where a wildcard covers its name."""
    found = inventory(wildcards=("lab.example",))
    node = replace(found.node("mail1"), roles=roles)
    certificate = certificates_of(found, node, golden.SITES)[-1]
    assert certificate == Certificate("mail.lab.example", ("mail.lab.example",), method)
    (rule,) = [line for line in firewall_file(found, node).text.splitlines() if "tcp dport { 25" in line]
    assert " 80," in rule
    (rule,) = [
        line
        for line in firewall_file(inventory(directory=""), found.node("mail1")).text.splitlines()
        if "tcp dport { 25" in line
    ]
    assert " 80," not in rule


@pytest.mark.parametrize(
    ("host", "wildcards", "names"),
    [
        ("small.example", ("small.example",), ("small.example", "*.small.example")),
        ("small.example", (), ("small.example",)),
    ],
)
def test_a_name_of_edge_and_mail_server_on_one_machine_has_one_certificate(
    host: str, wildcards: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """Two of one name would replace each other with each run."""
    found = inventory(wildcards=wildcards)
    found = replace(found, mail=replace(found.mail, host=host))
    node = replace(found.node("edge1"), roles=("edge", "mail"))
    certificates = certificates_of(found, node, golden.SITES)
    assert [one.names for one in certificates if one.name == host] == [names]
    ports = {one.port for one in served_certificates(found, node, golden.SITES) if one.name == host}
    assert ports == {25, 443, 465, 993}


def test_without_a_directory_no_certificate_is_requested() -> None:
    found = inventory(directory="")
    assert requested(found, "edge1") == ()
    assert certificate_files(found, found.node("edge1"), golden.SITES) == ()


def test_an_account_without_an_address_is_possible() -> None:
    found = inventory(email="")
    (file, *_) = certificate_files(found, found.node("mail1"), ())
    assert "register-unsafely-without-email = true" in file.text.splitlines()
    assert "email =" not in file.text.replace("-email =", "")


def test_status_looks_at_every_port_that_shows_a_certificate() -> None:
    found = inventory()
    edge = served_certificates(found, found.node("edge1"), golden.SITES)
    mail = served_certificates(found, found.node("mail1"), golden.SITES)
    assert {one.port for one in edge} == {443}
    assert [(one.port, one.starttls) for one in mail] == [(25, "smtp"), (465, ""), (993, "")]


@pytest.mark.parametrize(
    ("left", "is_due"),
    [(31, False), (30, False), (29, True), (-1, True)],
)
def test_a_certificate_is_due_when_a_third_of_its_time_is_left(left: int, is_due: bool) -> None:
    """certbot decides so, and its timer renews by the same rule."""
    state = State("a.example", 443, 0, 90 * DAY, "01", "01", (90 - left) * DAY)
    assert (state.days, state.is_due) == (left, is_due)


def test_a_server_that_shows_another_serial_is_stale() -> None:
    state = State("a.example", 443, 0, 90 * DAY, "01", "02", 0)
    assert state.is_stale
    assert not replace(state, served="01").is_stale
    assert not replace(state, served="").is_stale
