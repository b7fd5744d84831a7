"""Tests of every object that Flux applies, by the schema of its kind."""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy

import pytest

from tests.flux import schemas
from tests.flux.build import cluster
from tests.flux.sites import CLUSTERS
from tests.support import fast_yaml
from tests.support.tools import need


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(("site", "environment"), CLUSTERS)
def test_every_object_fits_the_schema_of_its_kind(site: str, environment: str) -> None:
    """A field that Flux does not know would stop the reconciliation only on the cluster."""
    found = cluster(site, environment).objects
    assert [fault for one in found for fault in schemas.schema_errors(one)] == []


@pytest.mark.parametrize(
    ("kind", "name", "change", "error"),
    [
        ("HelmRelease", "site", {"upgrade": {"remedation": {}}}, "'remedation' was unexpected"),
        ("HelmRelease", "site", {"driftDetection": {"mode": "on"}}, "'on' is not one of"),
        ("HelmRelease", "site", {"interval": "10 minutes"}, "does not match"),
        ("Kustomization", "apps", {"prune": "true"}, "is not of type 'boolean'"),
        ("Receiver", "gitlab", {"type": "gitlabs"}, "is not one of"),
        ("postgresql", "acid-site", {"postgresql": {"version": 17}}, "is not of type 'string'"),
        ("postgresql", "acid-site", {"postgresql": {"version": "12"}}, "is not one of"),
        ("NetworkPolicy", "database", {"podSelectors": {}}, "podSelectors"),
    ],
)
def test_the_schemas_detect_errors(kind: str, name: str, change: dict[str, object], error: str) -> None:
    """A check that cannot fail proves nothing."""
    one = deepcopy(cluster("full", "production").the(kind, name))
    one["spec"] |= change
    assert error in "\n".join(schemas.schema_errors(one))


def test_a_kind_without_a_schema_is_a_fault() -> None:
    """Flux does not serve its old API versions any more, and the schemas lack them."""
    one = deepcopy(cluster("full", "production").the("HelmRelease", "site"))
    one["apiVersion"] = "helm.toolkit.fluxcd.io/v2beta2"
    assert schemas.schema_errors(one)


def test_the_values_of_the_operator_match_its_chart() -> None:
    """Rendered by the real helm from the operator's own chart, of the version that the release pins.

    The operator selects the leader alone where `pdb_master_label_selector` is not false: a budget of one pod
    with one pod in it keeps its node from being drained (generatePrimaryPodDisruptionBudget, k8sres.go).
    """
    release = cluster("full", "production").the("HelmRelease", "postgres-operator")
    chart = schemas.operator_chart()
    about = fast_yaml.load((chart / "Chart.yaml").read_text("utf-8"))
    assert release["spec"]["chart"]["spec"]["version"] == about["version"]
    values = release["spec"]["values"]
    known = fast_yaml.load((chart / "values.yaml").read_text("utf-8"))
    assert values.keys() <= known.keys()
    argv = [need("helm"), "template", "postgres-operator", str(chart), "--values", "-"]
    done = subprocess.run(
        argv, input=json.dumps(values), capture_output=True, text=True, check=True, timeout=60
    )
    rendered = [one for one in fast_yaml.load_all(done.stdout) if one]
    (configuration,) = (one for one in rendered if one["kind"] == "OperatorConfiguration")
    kubernetes = configuration["configuration"]["kubernetes"]
    assert kubernetes["enable_pod_antiaffinity"] is True
    assert kubernetes["enable_cross_namespace_secret"] is True
    assert kubernetes["pod_environment_secret"] == "backup"
    assert kubernetes["pdb_master_label_selector"] is False
    assert configuration["configuration"]["aws_or_gcp"]["wal_s3_bucket"] == "n-backups"
    schema = schemas.crds()["acid.zalan.do/v1", "OperatorConfiguration"]
    sections = schema["properties"]["configuration"]["properties"]
    options = sections["kubernetes"]["properties"]
    assert values["configKubernetes"].keys() <= options.keys()
    assert values["configAwsOrGcp"].keys() <= sections["aws_or_gcp"]["properties"].keys()
    checker = schemas.validator(schemas.strict(options["pdb_master_label_selector"]))
    assert [checker.is_valid(kubernetes["pdb_master_label_selector"]), checker.is_valid("false")] == [
        True,
        False,
    ]
