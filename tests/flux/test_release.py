"""Tests of the HelmRelease: its values render with the chart, by the real helm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.flux.build import cluster
from tests.flux.sites import CLUSTERS
from tests.support import fast_yaml
from tests.support.project import ROOT
from tests.support.tools import need

CHART = ROOT / "helm" / "site"
ALL = pytest.mark.parametrize(("site", "environment"), CLUSTERS)
pytestmark = pytest.mark.quick_cases(4)  # each cluster takes half a second to build
# What `pipelines chart` writes into a chart that it packs.
PACKED = {
    "release": {"commit": "1" * 40, "site": "2" * 64, "asset": "/assets/site.3fa9c1d0.css"},
    "web": {"image": {"repository": "registry.n.example/me/site/web", "digest": "sha256:" + "3" * 64}},
    "api": {"image": {"repository": "registry.n.example/me/site/api", "digest": "sha256:" + "4" * 64}},
}


def values(site: str, environment: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster(site, environment).the("HelmRelease", "site")["spec"]["values"]
    return found


def paths(tree: Any, *, above: str = "") -> set[str]:
    if not isinstance(tree, dict) or not tree or above.endswith(".annotations"):
        return {above}
    return {one for key, value in tree.items() for one in paths(value, above=f"{above}.{key}")}


def render_release(tmp_path: Path, site: str, environment: str) -> list[dict[str, Any]]:
    packed, given = tmp_path / "packed.json", tmp_path / "given.json"
    packed.write_text(json.dumps(PACKED))
    given.write_text(json.dumps(values(site, environment), ensure_ascii=False), encoding="utf-8")
    argv = [need("helm"), "template", "site", str(CHART), "--namespace", "site"]
    argv += ["--values", str(packed), "--values", str(given)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [one for one in fast_yaml.load_all(done.stdout) if one]


@pytest.mark.quick_cases(3)
@ALL
def test_every_value_is_one_of_the_charts(site: str, environment: str) -> None:
    """The chart's schema would refuse an unknown value, but only on the cluster."""
    known = fast_yaml.load((CHART / "values.yaml").read_text("utf-8"))
    assert sorted(paths(values(site, environment)) - paths(known)) == []


@ALL
def test_the_chart_renders_with_the_values_of_flux(site: str, environment: str, tmp_path: Path) -> None:
    found = render_release(tmp_path, site, environment)
    kinds = {one["kind"] for one in found}
    edge = values(site, environment)["edge"]["mode"]
    assert "Deployment" in kinds
    assert ("Ingress" in kinds, "HTTPRoute" in kinds) == (edge == "ingress", edge == "httproute")


def test_a_cluster_of_another_kind_gets_the_settings_of_site_toml(tmp_path: Path) -> None:
    """DNS of another name and port, a certificate by cert-manager, an autoscaler, volumes, an authority."""
    found = {
        (one["kind"], one["metadata"]["name"]): one for one in render_release(tmp_path, "small", "staging")
    }
    ingress = found["Ingress", "site-web"]
    assert ingress["metadata"]["annotations"] == {
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "a.example/b": "${Y} 'z' \"é\"",
    }
    assert ingress["spec"]["tls"] == [{"hosts": ["staging.n.example"], "secretName": "staging-tls"}]
    web, api = found["Deployment", "site-web"]["spec"], found["Deployment", "site-api"]["spec"]
    conf = web["template"]["metadata"]["annotations"]["cluster.conf"]
    assert conf.startswith("resolver dns-default.openshift-dns.svc.k8s.n.example valid")
    assert ("replicas" in web, "replicas" in api) == (False, False)
    scaler = found["HorizontalPodAutoscaler", "site-web"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    rule = found["NetworkPolicy", "site-web"]["spec"]["egress"][0]
    assert rule["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}},
            "podSelector": {"matchLabels": {"dns.operator.openshift.io/daemonset-dns": "default"}},
        },
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    ]
    assert {port["port"] for port in rule["ports"]} == {53, 5353}
    tree = cluster("small", "staging")
    assert tree.the("HelmRepository", "site")["spec"]["certSecretRef"] == {"name": "ca"}
    assert cluster("oci", "staging").the("OCIRepository", "site")["spec"]["certSecretRef"] == {"name": "ca"}
    assert tree.the("postgresql", "acid-site")["spec"]["volume"] == {
        "size": "20Gi",
        "storageClass": "fast.ssd",
    }
    usual = cluster("full", "production")
    assert "certSecretRef" not in usual.the("HelmRepository", "site")["spec"]
    assert usual.the("postgresql", "acid-site")["spec"]["volume"]["storageClass"] == ""  # the default class


@pytest.mark.parametrize(("site", "web", "api"), [("full", 3, 3), ("plain", 3, None), ("unmanaged", None, 3)])
def test_the_number_of_pods_is_that_of_site_toml(
    site: str, web: int | None, api: int | None, tmp_path: Path
) -> None:
    specs = {
        one["metadata"]["name"]: one["spec"]
        for one in render_release(tmp_path, site, "production")
        if one["kind"] == "Deployment"
    }
    assert [specs.get(name, {}).get("replicas") for name in ("site-web", "site-api")] == [web, api]


@pytest.mark.parametrize(("site", "api"), [("full", True), ("plain", False)])
def test_the_api_is_there_when_the_site_has_a_login(site: str, api: bool, tmp_path: Path) -> None:
    text = json.dumps(render_release(tmp_path, site, "production"))
    assert ("registry.n.example/me/site/api@sha256" in text) == api
    assert ("acid-site" in text) == api


def test_the_chart_reads_the_secrets_that_are_generated(tmp_path: Path) -> None:
    """Names agree between the tree, the chart and `pipelines secrets`; the operator writes the last one."""
    text = json.dumps(render_release(tmp_path, "full", "production"))
    for name in (
        "site-keys",
        "mail",
        "images",
        "site.site-owner.acid-site.credentials.postgresql.acid.zalan.do",
    ):
        assert f'"{name}"' in text, name
