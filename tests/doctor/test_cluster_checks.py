"""Checks of a cluster, by the real kubectl and the documented objects of a Kubernetes API."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.doctor.cluster import Cluster
from pipelines.doctor.cluster_checks import ClusterInputs
from pipelines.doctor.outcome import Finding
from pipelines.doctor.run import CLUSTER_CHECKS, Check, _run
from pipelines.flux.required_secrets import required_secrets
from tests.doctor.objects import (
    BEFORE,
    COMPLETE,
    DNS,
    NAMES,
    SECRETS,
    VALUE,
    changed,
    controller,
    daemonset,
    node,
    secret,
    without,
)
from tests.fakes.cluster_objects import GATEWAYS, ClusterObjects, cluster_objects, having, one
from tests.fakes.kubernetes_api import Object
from tests.flux.build import cluster as flux_tree
from tests.flux.sites import CLUSTERS, SITES, write_public_files
from tests.flux.test_tree import referenced
from tests.support.project import ROOT, write
from tests.support.tools import need

FULL = SITES["full"]
SMALL = SITES["small"]  # an Ingress, another DNS, an autoscaler


def findings(fake: ClusterObjects, folder: Path, site: str = FULL, *names: str) -> list[Finding]:
    """Return the findings of the checks *names*, or of all of a cluster."""
    need("kubectl")
    write(folder / "helm/site/Chart.yaml", (ROOT / "helm/site/Chart.yaml").read_text())
    parsed = config.parse_config(site)
    reader = Cluster(str(fake.kubeconfig(folder)), 10)
    inputs = ClusterInputs(reader, folder, parsed, parsed.environments[0])
    checks: list[tuple[str, Check]] = [
        (name, lambda check=check: check(inputs))  # type: ignore[misc]
        for name, check in CLUSTER_CHECKS
        if not names or name in names
    ]
    return [finding for check in checks for finding in _run(check)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl keeps the kinds of a cluster in its home, by address and port."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_a_complete_cluster_has_no_failure(tmp_path: Path) -> None:
    with cluster_objects(COMPLETE) as fake:
        found = findings(fake, tmp_path)
    assert [(row.check, row.state, row.text) for row in found] == [
        ("kubernetes", "ok", "Kubernetes v1.35.4"),
        ("nodes", "ok", "3 nodes take pods"),
        ("network policies", "ok", "calico-node enforces NetworkPolicies"),
        ("storage", "ok", "StorageClass fast"),
        ("dns", "ok", "kube-system/kube-dns is 10.96.0.10"),
        ("flux", "ok", "Flux v2.9.4"),
        ("postgres-operator", "ok", "postgres-operator's kind postgresqls.acid.zalan.do"),
        ("secrets", "ok", "7 of 7 Secrets"),
    ]


@pytest.mark.slow
def test_what_flux_brings_is_a_later_step_before_it_is_installed(tmp_path: Path) -> None:
    """Prerequisites are checked first: nothing of steps 2 and 3 is a failure then."""
    write(tmp_path / "flux/secrets/production/keys.yaml", "sops: {}\n")
    with cluster_objects(BEFORE) as fake:
        found = findings(fake, tmp_path)
    assert {row.state for row in found[:5]} == {"ok"}
    assert {row.state for row in found[5:]} == {"later"}
    fixes = {row.text: row.fix for row in found[5:]}
    assert fixes["Flux is not installed"] == "run `flux bootstrap` (docs/operator.md, step 3)"
    assert fixes["Secret site/site-keys is missing"] == (
        "Flux applies flux/secrets/production/keys.yaml (docs/operator.md, step 3)"
    )
    assert fixes["Secret site/mail is missing"] == (
        "make it: python -m pipelines secrets mail --user USER --sops --out flux/secrets/production/mail.yaml"
    )
    assert fixes["Secret flux-system/sops-age is missing"].startswith(
        "make it: kubectl -n flux-system create"
    )


CLASS = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
FAULTS: list[tuple[str, list[Object], str, str]] = [  # check, objects, text, part of the fix
    ("nodes", changed(COMPLETE, "node3", spec={"unschedulable": True}), "2 of 3 nodes take pods",
     "let these: node3 (kubectl uncordon, kubectl taint)"),
    ("nodes", [*without(COMPLETE, "node2"), node("control", taints=[{"key": "a", "effect": "NoSchedule"}])],
     "2 of 3 nodes take pods", "control"),
    ("nodes", [*without(COMPLETE, "node1"), node("dead", ready="Unknown")], "2 of 3 nodes take pods", "dead"),
    ("network policies", changed(COMPLETE, "calico-node", status=daemonset("a", 2)["status"]),
     "calico-node is ready on 2 of 3 nodes", "kubectl -n kube-system describe daemonset calico-node"),
    ("network policies", [*without(COMPLETE, "calico-node"), daemonset("kube-flannel-ds")],
     "flannel does not enforce NetworkPolicies", "every pod of the cluster reaches the login"),
    ("storage", [*without(COMPLETE, "fast"), one("storage.k8s.io/v1", "StorageClass", "slow")],
     "no StorageClass is the default", "database_storage_class in site.toml (slow)"),
    ("storage", without(COMPLETE, "fast"), "no StorageClass is the default", "(none)"),
    ("dns", [*without(COMPLETE, "kube-dns"), one("v1", "Service", "coredns", "kube-system", spec=DNS,
                                                 labels={"k8s-app": "kube-dns"})],
     "the Service kube-system/kube-dns does not exist", "dns_service in site.toml: kube-system/coredns"),
    ("dns", without(COMPLETE, "coredns-1"), "no pod in kube-system has the labels of dns_pods",
     'dns_pods = {"k8s-app" = "kube-dns"}'),
    ("dns", changed(COMPLETE, "kube-dns", spec=DNS | {"ports": [{"port": 53, "targetPort": 5353}]}),
     "the pods of kube-system/kube-dns listen on port 5353, not 53", "dns_port = 5353"),
    ("flux", without(COMPLETE, "helm-controller"), "Flux has no helm-controller", "with all its components"),
    ("flux", changed(COMPLETE, "helm-controller", status=having("Available", "False")),
     "not available: helm-controller", "kubectl -n flux-system get pods"),
    ("flux", [*without(COMPLETE, *NAMES), *(controller(name, version="v2.8.1") for name in NAMES)],
     "Flux v2.8.1 is too old", "2.9 or newer"),
    ("postgres-operator", without(COMPLETE, "postgresqls.acid.zalan.do"),
     "the cluster has no postgresqls.acid.zalan.do", "flux get kustomization infrastructure"),
    ("secrets", without(COMPLETE, "mail"), "Secret site/mail is missing", "secrets mail --user USER"),
    ("secrets", [*without(COMPLETE, "mail"), secret("site", "mail", "user")],
     "Secret site/mail has no password", "make it again: python -m pipelines secrets mail"),
]  # fmt: skip


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize(("check", "objects", "text", "fix"), FAULTS)
def test_a_missing_prerequisite_is_named_with_its_fix(
    tmp_path: Path, check: str, objects: list[Object], text: str, fix: str
) -> None:
    with cluster_objects(objects) as fake:
        found = findings(fake, tmp_path, FULL, check)
    (failure,) = [row for row in found if row.state == "failed"]
    assert failure.text == text
    assert fix in failure.fix


@pytest.mark.parametrize(("version", "state"), [("v1.32.9", "failed"), ("v1.33.0+k3s1", "ok")])
def test_the_version_is_that_of_the_chart(tmp_path: Path, version: str, state: str) -> None:
    with cluster_objects(COMPLETE) as fake:
        fake.version = version
        (found,) = findings(fake, tmp_path, FULL, "kubernetes")
    assert (found.state, found.fix) == (state, "" if state == "ok" else "upgrade it to 1.33 or newer")


@pytest.mark.parametrize(
    ("agent", "kubelet", "state"),
    [
        (daemonset("aws-node", 3, "--enable-network-policy=true"), "v1.35.4",       "ok"),
        (daemonset("aws-node", 3, "--enable-network-policy=false"), "v1.35.4",      "unknown"),
        (daemonset("rke2-canal"),                                   "v1.35.4+rke2", "ok"),
        (daemonset("svclb-traefik"),                                "v1.35.4+k3s1", "ok"),
        (daemonset("of-their-own"),                                 "v1.35.4",      "unknown"),
    ],
)  # fmt: skip
def test_network_plugins_are_known_by_their_agents(
    tmp_path: Path, agent: Object, kubelet: str, state: str
) -> None:
    """An unknown one is not a failure: somebody has to look."""
    status = having("Ready") | {"nodeInfo": {"kubeletVersion": kubelet}}
    with cluster_objects([*changed(without(COMPLETE, "calico-node"), "node1", status=status), agent]) as fake:
        (found,) = findings(fake, tmp_path, FULL, "network policies")
    assert found.state == state


def test_an_ingress_and_an_autoscaler_need_their_controllers(tmp_path: Path) -> None:
    with cluster_objects(COMPLETE) as fake:
        found = findings(fake, tmp_path, SMALL, "edge", "metrics", "storage")
        assert [(row.check, row.state, row.text) for row in found] == [
            ("storage", "failed", "the cluster has no StorageClass fast.ssd"),
            ("edge", "failed", "the cluster has no IngressClass nginx"),
            ("metrics", "failed", "no metrics-server responds"),
        ]
        fake.objects += [
            one("storage.k8s.io/v1", "StorageClass", "fast.ssd"),
            one("networking.k8s.io/v1", "IngressClass", "nginx"),
            one("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io",
                status=having("Available")),
        ]  # fmt: skip
        assert {row.state for row in findings(fake, tmp_path, SMALL, "edge", "metrics", "storage")} == {"ok"}


def test_a_gateway_must_exist_and_its_kind_may_be_unknown(tmp_path: Path) -> None:
    """Without the CRDs of the Gateway API kubectl does not know the kind."""
    with cluster_objects(COMPLETE) as fake:
        (found,) = findings(fake, tmp_path, SITES["plain"], "edge")
        assert (found.state, found.text) == ("failed", "the cluster has no Gateway gateway/public/https")
        fake.kinds |= GATEWAYS
        fake.objects.append(one("gateway.networking.k8s.io/v1", "Gateway", "public", "gateway"))
        (found,) = findings(fake, tmp_path, SITES["plain"], "edge")
        assert found.state == "ok"


def test_values_of_secrets_are_not_in_any_finding(tmp_path: Path) -> None:
    """kubectl prints the names of the keys alone."""
    with cluster_objects([*without(COMPLETE, "mail"), secret("site", "mail", "user")]) as fake:
        found = findings(fake, tmp_path)
        keys = Cluster(str(fake.kubeconfig(tmp_path)), 10).secret_keys("site-keys", "site")
    assert keys == set(SECRETS["site", "site-keys"])
    assert VALUE not in str(found)
    assert "a secret of the cluster" not in str(found)


def test_a_forbidden_kind_fails_its_check_alone(tmp_path: Path) -> None:
    with cluster_objects(COMPLETE) as fake:
        fake.forbidden = "secrets"
        found = findings(fake, tmp_path)
    failures = [row for row in found if row.state == "failed"]
    assert [row.check for row in failures] == ["secrets"]
    assert "secrets is forbidden" in failures[0].text
    assert "the token of this user" not in str(found)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("site", "environment"), CLUSTERS)
def test_the_required_secrets_are_those_that_the_tree_names(
    site: str, environment: str, tmp_path: Path
) -> None:
    """A Secret that the tree needs and the doctor does not know would be missed."""
    write_public_files(tmp_path)
    parsed = config.parse_config(SITES[site])
    (one,) = [each for each in parsed.environments if each.name == environment]
    required = {(each.namespace, each.name) for each in required_secrets(tmp_path, parsed, one)}
    others = {("site", "chart-signers")}  # `pipelines settings` makes it
    if not parsed.login:
        others |= {("site", "site-keys"), ("site", "mail")}  # the chart ignores these values
    assert required == referenced(flux_tree(site, environment)) - others
