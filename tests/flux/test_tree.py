"""Rules of the whole tree of a cluster, as Flux builds it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.core import config
from pipelines.flux import settings
from tests.flux.build import FLUX, Cluster, cluster, dependencies
from tests.flux.sites import BUCKET_CA, CLUSTERS, SIGNER, SITES, write_public_files
from tests.support import fast_yaml
from tests.support.project import ROOT

TREE = ROOT / "flux"
ALL = pytest.mark.parametrize(("site", "environment"), CLUSTERS)
pytestmark = pytest.mark.quick_cases(4)  # each cluster takes half a second to build
CURRENT = {
    "helm.toolkit.fluxcd.io": "v2",
    "kustomize.toolkit.fluxcd.io": "v1",
    "source.toolkit.fluxcd.io": "v1",
}
# Of the notification group one kind is stable, the others have not got there yet.
NOTIFICATION = {"Receiver": "v1", "Alert": "v1beta3", "Provider": "v1beta3"}


def files() -> list[Path]:
    return sorted(TREE.rglob("*.yaml"))


def documents(file: Path) -> list[dict[str, Any]]:
    return [one for one in fast_yaml.load_all(file.read_text("utf-8")) if one]


@ALL
def test_every_kustomization_sets_its_lifecycle(site: str, environment: str) -> None:
    """A default may change with the next version of Flux."""
    wanted = {"interval", "retryInterval", "timeout", "prune", "wait", "sourceRef", "path"}
    for name, one in cluster(site, environment).kustomizations.items():
        assert wanted - one["spec"].keys() == set(), name
        assert one["spec"]["path"].startswith("./flux/"), name
        assert one["spec"]["wait"] is True, name
        assert one["metadata"]["namespace"] == "flux-system", name


@ALL
def test_every_dependency_exists_and_none_is_circular(site: str, environment: str) -> None:
    """The fixture orders the tree by dependsOn, which fails for a missing or circular dependency."""
    found = cluster(site, environment)
    assert list(found.parts) != []
    for name, one in found.kustomizations.items():
        assert set(dependencies(one)) <= found.kustomizations.keys(), name


@ALL
def test_a_timeout_is_longer_than_those_inside_it(site: str, environment: str) -> None:
    """Otherwise a Kustomization fails while Helm still runs, and reports a false error."""
    found = cluster(site, environment)
    for name, objects in found.parts.items():
        outer = minutes(found.kustomizations[name]["spec"]["timeout"])
        inner = [minutes(one["spec"]["timeout"]) for one in objects if one["kind"] == "HelmRelease"]
        assert all(outer >= 2 * one for one in inner), name


def minutes(duration: str) -> float:
    number, unit = float(duration[:-1]), duration[-1]
    return number * {"s": 1 / 60, "m": 1, "h": 60}[unit]


@ALL
def test_each_object_is_applied_by_one_kustomization(site: str, environment: str) -> None:
    """Two that apply the same object would revert each other for ever."""
    names = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in cluster(site, environment).objects
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@ALL
def test_every_setting_is_used(site: str, environment: str) -> None:
    """A setting that nothing reads has no effect on the cluster."""
    text = "".join(file.read_text("utf-8") for file in files())
    used = set(re.findall(r"\$\{(\w+)\}", text))
    assert sorted(cluster(site, environment).variables.keys() - used) == []


@ALL
def test_every_namespace_is_created_before_it_is_used(site: str, environment: str) -> None:
    """The namespace of Flux itself exists before the tree is applied."""
    found = cluster(site, environment)
    made = {"flux-system"}
    for objects in found.parts.values():
        made |= {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
        used = {one["metadata"].get("namespace") for one in objects if one["kind"] != "Namespace"}
        assert used <= made


@ALL
def test_every_namespace_sets_pod_security(site: str, environment: str) -> None:
    for one in cluster(site, environment).objects:
        if one["kind"] == "Namespace":
            labels = one["metadata"]["labels"]
            level = "restricted" if one["metadata"]["name"] == "site" else "baseline"
            assert labels["pod-security.kubernetes.io/enforce"] == level
            assert labels["pod-security.kubernetes.io/warn"] == "restricted"


@ALL
def test_every_version_of_an_api_is_a_current_one(site: str, environment: str) -> None:
    for one in cluster(site, environment).objects:
        group, _, version = one["apiVersion"].rpartition("/")
        if group == "notification.toolkit.fluxcd.io":
            assert version == NOTIFICATION[one["kind"]]
        elif group.endswith("fluxcd.io"):
            assert version == CURRENT[group], one["kind"]


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_a_site_without_login_has_no_object_of_the_login(environment: str) -> None:
    """No operator, no database, no namespace for them, no wait for them, and no API in the chart's values."""
    found = cluster("plain", environment)
    assert set(found.kustomizations) == {"namespaces", "apps", "notifications"}
    assert {one["kind"] for one in found.objects if one["apiVersion"] != FLUX} == {
        "ConfigMap", "Namespace", "HelmRelease", "HelmRepository", "Receiver",
        "ServiceAccount", "Role", "RoleBinding",
    }  # fmt: skip
    assert dependencies(found.kustomizations["apps"]) == ["namespaces"]
    assert found.the("HelmRelease", "site")["spec"]["values"]["api"]["enabled"] is False


def test_a_site_with_login_waits_for_its_database() -> None:
    found = cluster("full", "production")
    assert "database" in dependencies(found.kustomizations["apps"])
    database = found.the("postgresql", "acid-site")
    values = found.the("HelmRelease", "site")["spec"]["values"]["database"]["operator"]
    assert database["metadata"]["name"] == values["cluster"]
    assert database["metadata"]["namespace"] == values["namespace"]
    assert database["spec"]["databases"] == {values["name"]: values["user"]}
    assert database["spec"]["numberOfInstances"] == 3


def test_a_deleted_line_in_git_does_not_delete_data() -> None:
    found = cluster("full", "production")
    assert found.kustomizations["database"]["spec"]["prune"] is False
    assert found.kustomizations["namespaces"]["spec"]["prune"] is False
    annotations = found.the("postgresql", "acid-site")["metadata"]["annotations"]
    assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    operator = found.the("HelmRelease", "postgres-operator")["spec"]["values"]["configKubernetes"]
    assert operator["enable_persistent_volume_claim_deletion"] is False


def test_a_database_whose_creation_failed_is_created_within_minutes() -> None:
    """postgres-operator 1.15 marks it as invalid in memory, so that its repair scan skips it.

    Only a sync goes on with it (pkg/controller/postgresql.go, processEvent), by default each 30 minutes. The
    health check of Flux fails at once, and is repeated until then.
    """
    found = cluster("full", "production")
    values = found.the("HelmRelease", "postgres-operator")["spec"]["values"]
    spec = found.kustomizations["database"]["spec"]
    assert values["configGeneral"] == {"resync_period": "5m"}
    assert minutes(spec["retryInterval"]) < minutes(values["configGeneral"]["resync_period"])
    assert "'CreateFailed'" in spec["healthCheckExprs"][0]["failed"]


@pytest.mark.parametrize(("site", "there"), [("full", True), ("small", False)])
def test_backups_require_a_bucket(site: str, there: bool) -> None:
    found = cluster(site, "production")
    env = {one["name"]: one["value"] for one in found.the("postgresql", "acid-site")["spec"].get("env", [])}
    assert ("BACKUP_SCHEDULE" in env) == there
    assert all(isinstance(value, str) for value in env.values())
    operator = found.the("HelmRelease", "postgres-operator")["spec"]["values"]
    assert operator["configKubernetes"]["pod_environment_secret"] == ("backup" if there else "")
    assert operator["configAwsOrGcp"] == {"wal_s3_bucket": "n-backups" if there else ""}


def test_a_database_created_anew_never_writes_over_the_backups_before() -> None:
    """Only with the operator's own setting has the path of the backups the UID of the cluster in it.

    With WAL_S3_BUCKET in `env`, an empty database of the same name writes WAL of the same names into the same
    path (generateSpiloPodEnvVars and generateCloneEnvironment of postgres-operator 1.15.1, k8sres.go).
    """
    spec = cluster("full", "production").the("postgresql", "acid-site")["spec"]
    names = {one["name"] for one in spec["env"]}
    assert names.isdisjoint({"WAL_S3_BUCKET", "WAL_BUCKET_SCOPE_SUFFIX", "WALE_S3_PREFIX", "WALG_S3_PREFIX"})
    # The operator adds these for `clone`; with others it would send two of one name.
    assert names.isdisjoint({"CLONE_SCOPE", "CLONE_METHOD", "CLONE_WAL_S3_BUCKET", "CLONE_TARGET_TIME"})
    restore = {name.removeprefix("CLONE_") for name in names if name.startswith("CLONE_")}
    assert restore <= names
    assert {"AWS_ENDPOINT", "AWS_REGION", "AWS_S3_FORCE_PATH_STYLE"} <= restore


@ALL
def test_a_failed_release_is_rolled_back(site: str, environment: str) -> None:
    """Each setting is explicit, since a feature gate of the controller may change the defaults."""
    spec = cluster(site, environment).the("HelmRelease", "site")["spec"]
    assert spec["upgrade"]["strategy"] == {"name": "RemediateOnFailure"}
    assert spec["upgrade"]["remediation"] == {
        "retries": 2 if environment == "production" else 0,
        "strategy": "rollback",
        "remediateLastFailure": True,
    }
    assert spec["test"] == {"enable": True, "ignoreFailures": False}
    assert spec["driftDetection"]["mode"] == "enabled"


@ALL
def test_field_ownership_uses_server_side_apply(site: str, environment: str) -> None:
    """By client-side apply a release that leaves `replicas` out would set it to 1 (test_upgrades.py)."""
    spec = cluster(site, environment).the("HelmRelease", "site")["spec"]
    chosen = [spec[name]["serverSideApply"] for name in ("install", "upgrade", "rollback")]
    assert chosen == [True, "enabled", "enabled"]
    assert spec["driftDetection"]["ignore"] == [
        {"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}
    ]


@pytest.mark.parametrize("name", ["site", "postgres-operator"])
def test_a_first_installation_is_retried_until_it_works(name: str) -> None:
    """The second try of RetryOnFailure is an upgrade: if it fails, too, there is no release to roll back to.

    Flux stalls then: "MissingRollbackTarget" (helm-controller 1.6.3, internal/reconcile/atomic_release.go).
    """
    install = cluster("full", "production").the("HelmRelease", name)["spec"]["install"]
    assert install["strategy"] == {"name": "RemediateOnFailure"}
    assert install["remediation"] == {"retries": -1}


@ALL
def test_receivers_name_existing_sources(site: str, environment: str) -> None:
    found = cluster(site, environment)
    there = {(one["kind"], one["metadata"]["name"]) for one in found.objects}
    there |= {("GitRepository", "flux-system")}  # `flux bootstrap` makes it
    for one in found.objects:
        if one["kind"] == "Receiver":
            assert {(target["kind"], target["name"]) for target in one["spec"]["resources"]} <= there


def test_an_edge_outside_of_the_cluster_reaches_the_receivers(tmp_path: Path) -> None:
    """Flux's Service is for the cluster alone, and its policy lets no address from outside in."""
    found = cluster("full", "production")
    service = found.the("Service", "webhook-receiver-edge")["spec"]
    assert (service["type"], service["externalTrafficPolicy"]) == ("NodePort", "Local")
    assert service["ports"][0]["nodePort"] == 31009
    policy = found.the("NetworkPolicy", "webhook-receiver-edge")["spec"]
    assert policy["podSelector"]["matchLabels"] == service["selector"]
    assert policy["ingress"][0]["from"] == [
        {"ipBlock": {"cidr": "192.0.2.0/28"}},
        {"ipBlock": {"cidr": "2001:db8::/64"}},
    ]
    both = SITES["oci"].replace("[[environment]]", "[[environment]]\nwebhook_port = 31009", 1)
    write_public_files(tmp_path)
    components = settings.site_settings(
        tmp_path,
        config.parse_config(
            both.replace('"ingress"', '"nodeport"', 1)
            .replace('edge_tls_secret = "production-tls"', "", 1)
            .replace("edge_annotations", "#", 1)
        ),
    )[0].components
    assert {"oci", "webhook"} <= set(components)


@pytest.mark.parametrize(("site", "environment"), CLUSTERS)
def test_no_field_is_null(site: str, environment: str) -> None:
    """An API server refuses null in a server-side apply, which Flux uses; it drops null in a creation."""
    found = [
        f"{one['kind']} {one['metadata']['name']}: {path}"
        for part in cluster(site, environment).parts.values()
        for one in part
        for path in nulls(one)
    ]
    assert found == []


def nulls(value: Any, path: str = "") -> list[str]:
    """Return the paths of the fields that are null."""
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in nulls(one, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for one in value for found in nulls(one, f"{path}[]")]
    return [path] if value is None else []


def test_web_pods_get_the_private_authority_of_the_bucket() -> None:
    """ca of [buckets]. Else the release has no such value, which older charts refuse."""
    bucket = cluster("private bucket", "production").the("HelmRelease", "site")["spec"]["values"]["web"][
        "bucket"
    ]
    assert bucket == {
        "url": "https://s3.n.example/n-assets", "networks": ["198.51.100.0/24"], "ca": BUCKET_CA,
    }  # fmt: skip
    other = cluster("full", "production").the("HelmRelease", "site")["spec"]["values"]["web"]["bucket"]
    assert other == {key: value for key, value in bucket.items() if key != "ca"}


def test_a_chart_of_a_registry_is_verified() -> None:
    """One line of site.toml: repository = "oci://…"."""
    found = cluster("oci", "production")
    source = found.the("OCIRepository", "site")["spec"]
    release = found.the("HelmRelease", "site")["spec"]
    assert source["verify"] == {"provider": "cosign", "secretRef": {"name": "chart-signers"}}
    assert found.the("Secret", "chart-signers")["stringData"] == {"site.pub": SIGNER}
    assert source["url"] == "oci://registry.n.example/charts/site"
    assert source["ref"] == {"semver": ">=1.0.0 <2.0.0"}
    assert release["chartRef"] == {"kind": "OCIRepository", "name": "site"}
    assert "chart" not in release


def referenced(found: Cluster) -> set[tuple[str, str]]:
    """Return namespace and name of every Secret that the tree or the chart's values name."""
    names: set[tuple[str, str]] = set()
    for one in found.objects:
        namespace = one["metadata"].get("namespace", "")
        for key, value in pairs(one.get("spec", {})):
            if key in ("secretRef", "certSecretRef") and value:
                names.add((namespace, value["name"]))
            elif key == "pullSecrets":
                names |= {("site", name) for name in value}
            elif key == "pod_environment_secret" and value:
                names.add(("database", value))
            elif key == "secret" and isinstance(value, str) and value:
                names.add(("site", value))
    return names


def pairs(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [*value.items(), *(pair for one in value.values() for pair in pairs(one))]
    return [pair for one in value for pair in pairs(one)] if isinstance(value, list) else []


@ALL
def test_every_secret_is_in_the_operators_guide(site: str, environment: str) -> None:
    """The guide explains who creates a missing Secret, and how."""
    guide = (ROOT / "docs" / "operator.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([a-z-]+)/([a-z-]+)` \|", guide, re.M))
    found = referenced(cluster(site, environment))
    assert found
    assert sorted(found - rows) == []


# Patterns of keys and tokens: of age, PEM files, clouds, GitLab and Slack.
LEAKS = re.compile(
    r"AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|glpat-[\w-]{20}|xox[abp]-"
    r"|hooks\.slack\.com"
    r"|(?i:password|passwd|token|secret_access_key)[\"']?\s*[:=]\s*[\"']?[^\s\"'${}#]{8,}"
)


def in_clear(file: Path) -> list[str]:
    """Return the strings of *file* that match a pattern of a secret."""
    text = file.read_text("utf-8")
    leaks = [match[0][:20] for match in LEAKS.finditer(text)] if "\nsops:" not in text else []
    secrets = [one for one in documents(file) if one.get("kind") == "Secret"]
    secrets = [one for one in secrets if one.get("stringData") != "${chart_signers}"]  # public keys
    return leaks + [
        "a Secret without sops"
        for one in secrets
        if "sops" not in one and (one.get("data") or one.get("stringData"))
    ]


def test_the_tree_can_be_published() -> None:
    """No file of flux/ nor .sops.yaml contains a Secret in clear text or a string of such a pattern."""
    assert {str(file): in_clear(file) for file in [*files(), ROOT / ".sops.yaml"] if in_clear(file)} == {}


@pytest.mark.parametrize(
    "text",
    [
        "kind: Secret\nstringData: {a: b}\n",
        "kind: Secret\ndata: {a: Yg==}\n",
        "a: b\nkey: AGE-SECRET-KEY-1QQ\n",
        "password: correct-horse\n",
        "env:\n  - token: 0123456789abcdef\n",
        "-----BEGIN EC PRIVATE KEY-----\n",
        "address: https://hooks.slack.com/services/T/B/x\n",
    ],
)
def test_the_scanner_detects_secrets(text: str, tmp_path: Path) -> None:
    """A check that cannot fail proves nothing."""
    file = tmp_path / "a.yaml"
    file.write_text(text if text.startswith("kind") else f"x: |\n  {text}".replace("\n  kind", "\nkind"))
    assert in_clear(file)


def test_every_file_of_the_tree_is_used() -> None:
    """Every manifest is named by a kustomization, or it is one."""
    for file in files():
        if file.name == "kustomization.yaml" or "secrets" in file.relative_to(TREE).parts[:1]:
            continue
        assert file.name in (file.parent / "kustomization.yaml").read_text("utf-8"), file
