"""Traffic: Services, NetworkPolicies and the edge reach what they must and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from tests.helm.render import (
    MODES,
    containers,
    objects,
    of_kind,
    only,
    pod_templates,
    selects,
    web_files,
    within,
)

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_every_service_reaches_a_port_of_some_pod(mode: str) -> None:
    found = objects(mode)
    for service in of_kind("Service", found):
        selected = [pod for _, pod in pod_templates(found) if selects(service["spec"]["selector"], pod)]
        assert selected, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            names = {
                one["name"] for pod in selected for box in containers(pod) for one in box.get("ports", [])
            }
            assert port["targetPort"] in names, service["metadata"]["name"]


@every_mode
def test_every_selector_selects_something(mode: str) -> None:
    """PodDisruptionBudgets, NetworkPolicies and ServiceMonitors that select nothing fail silently."""
    found = objects(mode)
    for one in [*of_kind("PodDisruptionBudget", found), *of_kind("NetworkPolicy", found)]:
        spec = one["spec"]
        selector = spec.get("selector") or spec["podSelector"]
        assert any(selects(selector, pod) for _, pod in pod_templates(found)), one["metadata"]["name"]
    for one in of_kind("ServiceMonitor", found):
        services = [
            each for each in of_kind("Service", found) if within(one["spec"]["selector"]["matchLabels"], each)
        ]
        assert services, one["metadata"]["name"]
        ports = {port["name"] for service in services for port in service["spec"]["ports"]}
        assert {each["port"] for each in one["spec"]["endpoints"]} <= ports


@every_mode
def test_every_pod_is_under_a_policy_for_both_directions(mode: str) -> None:
    found = objects(mode)
    for name, pod in pod_templates(found):
        policies = [
            one for one in of_kind("NetworkPolicy", found) if selects(one["spec"]["podSelector"], pod)
        ]
        assert policies, name
        assert all(one["spec"]["policyTypes"] == ["Ingress", "Egress"] for one in policies), name


@every_mode
def test_web_pods_may_reach_the_hosts_of_their_configuration(mode: str) -> None:
    """A missing rule in the policy breaks the site."""
    found = objects(mode)
    conf = web_files(found)["cluster.conf"]
    names = dict(re.findall(r'map "" \$(api|peers|bucket) +\{ default "([^"]*)"; \}', conf))
    services = {f"{one['metadata']['name']}.site.svc.cluster.local": one for one in of_kind("Service", found)}
    egress = only("NetworkPolicy", found, "web")["spec"]["egress"]
    for name in ("api", "peers"):
        if not names[name]:
            assert (mode, name) == ("public", "api")
            continue
        host, _, port = names[name].partition(":")
        service = services[host]
        (listed,) = service["spec"]["ports"]
        assert str(listed["port"]) == port
        to = {"podSelector": {"matchLabels": service["spec"]["selector"]}}
        assert {"to": [to], "ports": [{"port": int(port), "protocol": "TCP"}]} in egress, name
    reached = [to["ipBlock"]["cidr"] for rule in egress[1:] for to in rule["to"] if "ipBlock" in to]
    assert bool(reached) == bool(names["bucket"])


@every_mode
def test_the_login_may_reach_its_database_and_its_mail_and_no_more(mode: str) -> None:
    found = objects(mode)
    if mode == "public":
        assert [one for one in found if "login" in json.dumps(one) and one["kind"] != "ConfigMap"] == []
        return
    ports = sorted(
        port["port"]
        for rule in only("NetworkPolicy", found, "api")["spec"]["egress"]
        for port in rule["ports"]
    )
    expected = {
        "trial": [53, 53, 587],
        "httproute": [53, 53, 587, 6432],
        "nodeport": [53, 53, 465, 5432],
        "autoscaled": [53, 53, 587, 5353, 5353, 5432],
    }
    assert ports == expected.get(mode, [53, 53, 587, 5432])


def test_only_the_edge_reaches_a_site_behind_node_ports() -> None:
    """Requires externalTrafficPolicy Local: otherwise every connection comes from a node."""
    found = objects("nodeport")
    service = only(
        "Service", [one for one in of_kind("Service", found, "web") if one["metadata"]["name"] == "site-web"]
    )
    assert (service["spec"]["type"], service["spec"]["externalTrafficPolicy"]) == ("NodePort", "Local")
    (rule,) = only("NetworkPolicy", found, "web")["spec"]["ingress"]
    assert [one["ipBlock"]["cidr"] for one in rule["from"] if "ipBlock" in one] == [
        "192.0.2.7/32",
        "2001:db8::7/128",
    ]


def test_the_login_is_reached_from_web_pods_and_not_from_the_edge() -> None:
    (rule,) = only("NetworkPolicy", objects("nodeport"), "api")["spec"]["ingress"]
    found = [json.dumps(one, sort_keys=True) for one in rule["from"]]
    assert [re.findall(r'component": "(\w+)"|metadata.name": "(\w+)"', one)[0] for one in found] == [
        ("web", ""), ("test", ""), ("", "monitoring"),
    ]  # fmt: skip


def test_pods_use_the_dns_of_the_values() -> None:
    """A cluster with another DNS Service and a cache on each node."""
    found = objects("autoscaled")
    conf = web_files(found)["cluster.conf"]
    assert conf.startswith("resolver dns-default.openshift-dns.svc.cluster.local valid")
    for one in of_kind("NetworkPolicy", found):
        rule = one["spec"]["egress"][0]
        assert [sorted(to) for to in rule["to"]] == [["namespaceSelector", "podSelector"], ["ipBlock"]]
        assert sorted((port["port"], port["protocol"]) for port in rule["ports"]) == [
            (53, "TCP"), (53, "UDP"), (5353, "TCP"), (5353, "UDP"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [("nodeport", set()), ("ingress", {"Ingress"}), ("httproute", {"HTTPRoute"}), ("public", set())],
)
def test_each_edge_mode_has_one_entry_point(mode: str, kinds: set[str]) -> None:
    found = objects(mode)
    assert {one["kind"] for one in found} & {"Ingress", "HTTPRoute"} == kinds
    nodeports = [one for one in of_kind("Service", found) if one["spec"].get("type") == "NodePort"]
    assert len(nodeports) == (mode == "nodeport")
