"""Tests of the role of helm-controller: it allows what helm needs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.api_documents import KINDS
from tests.fakes.apiserver import ApiServer, Request, api_server
from tests.flux.build import cluster
from tests.flux.sites import CLUSTERS
from tests.flux.test_release import render_release
from tests.helm.render import CHART, MODES, helm, objects, values_options

RESOURCES = {  # (API group, kind) -> resource
    (version.rpartition("/")[0], kind): resource
    for version, rows in KINDS.items()
    for resource, kind in rows.items()
}
APPLIED = {"get", "list", "watch", "create", "patch", "delete"}
# API group and resource -> verbs. A line more here is a line to argue for.
ALLOWED = {
    ("", "secrets"): {"get", "list", "create", "update", "delete"},  # Helm's record of releases
    ("apps", "replicasets"): {"get", "list", "watch"},  # of a Deployment that is waited for
    ("", "configmaps"): APPLIED,
    ("", "persistentvolumeclaims"): APPLIED,
    ("", "pods"): APPLIED,
    ("", "serviceaccounts"): APPLIED,
    ("", "services"): APPLIED,
    ("apps", "deployments"): APPLIED,
    ("autoscaling", "horizontalpodautoscalers"): APPLIED,
    ("batch", "cronjobs"): APPLIED,
    ("batch", "jobs"): APPLIED,
    ("gateway.networking.k8s.io", "httproutes"): APPLIED,
    ("monitoring.coreos.com", "servicemonitors"): APPLIED,
    ("networking.k8s.io", "ingresses"): APPLIED,
    ("networking.k8s.io", "networkpolicies"): APPLIED,
    ("policy", "poddisruptionbudgets"): APPLIED,
}
ALL = pytest.mark.parametrize(("site", "environment"), CLUSTERS)


def granted(role: dict[str, Any]) -> set[Request]:
    """Return (verb, API group, resource) of everything that *role* allows."""
    return {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def role() -> set[Request]:
    return granted(cluster("full", "production").the("Role", "release"))


def resources(found: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return API group and resource of each object."""
    groups = [(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in found]
    return {(group, RESOURCES[group, kind]) for group, kind in groups}


def test_the_role_allows_exactly_the_rules_of_the_table() -> None:
    expected = {(verb, *target) for target, verbs in ALLOWED.items() for verb in verbs}
    assert role() == expected
    assert not {"*", "bind", "escalate", "impersonate", "deletecollection"} & {verb for verb, _, _ in role()}


@ALL
def test_flux_installs_the_chart_under_that_role(site: str, environment: str) -> None:
    """Without an account helm-controller uses its own, which is cluster-admin."""
    found = cluster(site, environment)
    (name,) = {one["spec"]["serviceAccountName"] for one in found.objects
               if one["kind"] == "HelmRelease" and one["metadata"]["namespace"] == "site"}  # fmt: skip
    account = {"kind": "ServiceAccount", "name": name, "namespace": "site"}
    bindings = [one for one in found.objects if one["kind"].endswith("RoleBinding")]
    bound = [one["roleRef"] for one in bindings if account in one["subjects"]]
    assert bound == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "release"}]
    assert found.the("ServiceAccount", name)["metadata"]["namespace"] == "site"
    assert {one["metadata"]["namespace"] for one in bindings} == {"site"}
    assert [one for one in found.objects if one["kind"].startswith("ClusterRole")] == []


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_the_chart_is_in_the_role(mode: str) -> None:
    """All are of a namespace, that of the release: a kind of the whole cluster would not be in RESOURCES."""
    found = objects(mode)
    for group, resource in resources(found):
        assert {(verb, group, resource) for verb in APPLIED} <= role()
    assert {one["metadata"].get("namespace", "site") for one in found} == {"site"}


@ALL
def test_every_kind_that_flux_renders_is_in_the_role(site: str, environment: str, tmp_path: Path) -> None:
    for group, resource in resources(render_release(tmp_path, site, environment)):
        assert {(verb, group, resource) for verb in APPLIED} <= role()


def test_the_role_has_no_kind_that_is_not_in_the_chart() -> None:
    kinds = set().union(*(resources(objects(mode)) for mode in MODES))
    assert ALLOWED.keys() == kinds | {("", "secrets"), ("apps", "replicasets")}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("first", "second"), [(mode, MODES[index - 1]) for index, mode in enumerate(MODES)])
def test_every_request_of_the_real_helm_is_allowed(first: str, second: str, tmp_path: Path) -> None:
    """Install, change to another edge and database, test, roll back, uninstall: what is gone is deleted."""
    with api_server() as api:
        lifecycle(api, tmp_path, first, second)
        assert sorted(api.requests - role()) == []
        assert {("patch", "apps", "deployments"), ("delete", "", "pods")} <= api.requests  # it was seen
        left = {kind for kind, _ in api.objects}
        assert left <= {
            "secrets",
            "persistentvolumeclaims",
            "pods",
            "configmaps",
        }  # kept, or of the last test


def lifecycle(api: ApiServer, folder: Path, first: str, second: str) -> None:
    """Run helm through the lifecycle of a release, as Flux does."""
    options: list[str | Path] = ["--kubeconfig", api.kubeconfig(folder), "--namespace", "site"]
    apply = ["--server-side=true", "--force-conflicts", "--wait=watcher", "--timeout=60s"]
    autoscale = f"--set-json=web.autoscale={json.dumps({'max': 5})}"
    helm("upgrade", "site", CHART, "--install", *options, *apply, *values_options(first))
    helm("test", "site", *options, "--timeout=60s")
    for name in [name for kind, name in api.objects if kind == "deployments"]:
        api.hand_over(name)
    helm("upgrade", "site", CHART, *options, *apply, *values_options(second), autoscale)
    helm("test", "site", *options, "--timeout=60s")
    helm("rollback", "site", "1", *options, "--wait=watcher", "--timeout=60s")
    helm("uninstall", "site", *options, "--timeout=60s")


def test_the_pipeline_may_read_one_object() -> None:
    """The kubeconfig of the job `rollout` leaves the cluster."""
    found = cluster("full", "production").the("Role", "status")
    assert found["rules"] == [
        {
            "apiGroups": ["helm.toolkit.fluxcd.io"],
            "resources": ["helmreleases"],
            "resourceNames": ["site"],
            "verbs": ["get"],
        }
    ]
