"""The files of the machines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jinja2 import UndefinedError

from nodes.inventory import FILE, load_inventory
from nodes.render.edge import edge_files, tls_names
from nodes.render.files import render
from nodes.render.firewall import firewall_file, loaded_mark
from nodes.render.wireguard import peers, routes
from nodes.sites import Site, sites_of
from pipelines.core.config import Environment, load_config
from pipelines.core.errors import SourceError
from tests.nodes import golden, labs
from tests.support.project import ROOT


def test_the_rendered_files_are_the_golden_ones() -> None:
    """A changed file of a machine is read as a diff; `make golden` rewrites them."""
    assert golden.rendered() == golden.read_golden()


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("base/hosts", name="n1")


def test_a_node_behind_nat_is_a_peer_without_an_endpoint() -> None:
    """It calls first, and keeps the NAT open; the others find it where it called from."""
    found = labs.inventory()
    edge, worker = found.node("edge1"), found.node("worker1")
    assert [one.endpoint for one in peers(found, edge)] == ["203.0.113.14:51820", "203.0.113.12:51820", ""]
    assert {one.keepalive for one in peers(found, worker)} == {25}
    assert {one.keepalive for one in peers(found, edge)} == {0}


def test_only_networks_of_other_machines_are_routed_into_the_mesh() -> None:
    """A route to a machine's own pods would send their packets in a circle."""
    found = labs.inventory()
    assert routes(found, found.node("edge1")) == ("10.244.12.0/24", "10.244.13.0/24")
    assert routes(found, found.node("plane1")) == ("10.244.13.0/24",)


def test_no_rule_touches_another_table() -> None:
    """`flush ruleset` removes kube-proxy's rules: Services failed for two minutes and more."""
    found = labs.inventory()
    for node in found.nodes:
        text = firewall_file(found, node).text
        code = [line for line in text.splitlines() if not line.strip().startswith("#")]
        assert not any("flush" in line for line in code)
        assert [line for line in code if "table" in line] == [
            "table inet nodes", "delete table inet nodes", "table inet nodes {",
        ]  # fmt: skip


def test_the_mark_of_the_firewall_follows_its_text() -> None:
    """The mark in the kernel tells whether the file is loaded."""
    found = labs.inventory()
    other = replace(found, ssh=replace(found.ssh, port=2222))
    marks = {loaded_mark(firewall_file(one, one.node("edge1"))) for one in (found, other)}
    assert len(marks) == 2
    assert "" not in marks


def test_ports_are_opened_by_role() -> None:
    found = labs.inventory()
    rules = {node.name: firewall_file(found, node).text for node in found.nodes}
    assert [name for name, text in rules.items() if "tcp dport { 53, 80, 443 } accept" in text] == ["edge1"]
    assert [name for name, text in rules.items() if "tcp dport { 25, 53, 80, 465, 587, 993 }" in text] == [
        "mail1"
    ]
    assert [name for name, text in rules.items() if "udp dport { 53 }" in text] == ["edge1", "mail1"]


def test_tls_is_decided_for_all_servers_of_a_port() -> None:
    """In a server block, ssl_protocols has no effect: the default server decides."""
    text = edge_files(labs.inventory(), golden.SITES)[1].text
    (line,) = [number for number, line in enumerate(text.splitlines()) if "ssl_protocols" in line]
    assert line < next(number for number, line in enumerate(text.splitlines()) if "server {" in line)


def test_the_policy_host_has_a_certificate_of_its_own() -> None:
    found = labs.inventory()
    names = ("small.example", "staging.small.example", "mta-sts.lab.example")
    assert tls_names(found, golden.SITES) == names
    assert tls_names(replace(found, mail=replace(found.mail, mta_sts="none")), golden.SITES) == names[:2]


GOOD = Environment(
    "production",
    "https://small.example",
    edge="nodeport",
    edge_port=30080,
    trusted=("10.90.0.0/28",),
    pods=("10.244.0.0/16",),
    mail_host="mail.lab.example",
    mail_networks=("203.0.113.14/32",),
    mail_from="login@lab.example",
    line=40,
)


def test_the_sites_of_the_edge_are_those_of_site_toml() -> None:
    """Host and ports are written once."""
    assert sites(GOOD) == (Site("production", "small.example", 30080, 0),)


def sites(*environments: Environment) -> tuple[Site, ...]:
    config = replace(load_config(ROOT / "tests/data/site"), environments=environments)
    found = labs.inventory()
    names = tuple(one.name for one in environments)
    return sites_of(replace(found, edge=replace(found.edge, environments=names)), config)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"edge": "ingress"},
            'edge: "ingress" has no edge outside of the cluster; write "nodeport"',
        ),
        (
            {"trusted": ("192.0.2.0/28",)},
            'trusted: lacks 10.90.0.11, the address of edge1 on the mesh; add "10.90.0.11/32"',
        ),
        (
            {"pods": ("10.42.0.0/16",)},
            "pods: lacks 10.244.0.0/16, [cluster] pod_network of nodes/nodes.toml; write the same",
        ),
        (
            {"mail_host": "smtp.lab.example"},
            "mail_host: smtp.lab.example is not mail.lab.example, [mail] host of nodes/nodes.toml;"
            " write the same",
        ),
        (
            {"mail_networks": ("192.0.2.0/28",)},
            'mail_networks: lacks 203.0.113.14, the address of mail1; add "203.0.113.14/32"',
        ),
        (
            {"mail_from": ""},
            "mail_from: login@small.example is not an address of nodes/nodes.toml: the mail server refuses it"
            " as a sender; add it there as a [[mailbox]], whose password the login has",
        ),
        (
            {"mail_login": False},
            "mail_login: the mail server accepts no mail without a password; write true",
        ),
    ],
)
def test_settings_that_contradict_the_chart_are_refused(change: dict[str, object], fault: str) -> None:
    """The pods would take the edge for one reader, or the login would not reach the mail server."""
    with pytest.raises(SourceError) as caught:
        sites(replace(GOOD, **change))  # type: ignore[arg-type]
    assert str(caught.value) == f"site.toml:40: [[environment]] production {fault}"


def test_two_sites_need_ports_of_their_own() -> None:
    with pytest.raises(SourceError, match="ports 30080, 30080 are not different"):
        sites(GOOD, replace(GOOD, name="staging", url="https://staging.small.example"))


def test_an_environment_that_site_toml_lacks_is_refused() -> None:
    config = load_config(ROOT / "tests/data/site")
    found = labs.inventory()
    inventory = replace(found, edge=replace(found.edge, environments=("staging",)))
    with pytest.raises(SourceError, match=r"\[edge\] environments: site.toml has no environment 'staging'"):
        sites_of(inventory, config)


def test_a_name_of_several_edges_needs_dns_01() -> None:
    """HTTP-01 asks one of their addresses, and the others do not have the answer."""
    config = replace(load_config(ROOT / "tests/data/site"), environments=(GOOD,))
    found = labs.inventory()
    mail = replace(found.node("mail1"), roles=("edge", "mail"))
    several = replace(found, nodes=(*(one for one in found.nodes if one.name != "mail1"), mail))
    with pytest.raises(SourceError, match=r"url: small.example needs DNS-01: .*edge1, mail1 only; add"):
        sites_of(several, config)
    covered = replace(several, acme=replace(found.acme, wildcards=("small.example",)))
    assert sites_of(covered, replace(config, environments=(replace(GOOD, trusted=("10.90.0.0/24",)),)))


def test_the_name_of_a_site_is_not_that_of_another_machine_with_mail() -> None:
    """Readers would get the address of the mail server, too."""
    config = replace(load_config(ROOT / "tests/data/site"), environments=(GOOD,))
    found = labs.inventory()
    shared = replace(found, mail=replace(found.mail, host="small.example"))
    with pytest.raises(SourceError, match=r"url: small\.example is \[mail\] host of nodes/nodes\.toml too"):
        sites_of(shared, config)
    both = replace(found.node("mail1"), roles=("edge", "mail"), mesh="10.90.0.11")
    one = replace(shared, nodes=tuple(both if node.name == "mail1" else node for node in found.nodes[1:]))
    environment = replace(GOOD, mail_host="small.example")
    assert sites_of(one, replace(config, environments=(environment,)))


def test_the_committed_inventory_and_site_toml_agree() -> None:
    assert [one.name for one in sites_of(load_inventory(ROOT / FILE), load_config(ROOT))] == ["production"]
