"""Manifests against Kubernetes' schemas, the golden files and checkov."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.helm.golden import FOLDER, GOLDEN
from tests.helm.render import MODES, objects, rendered
from tests.support.tools import need

# Custom resources; tests/flux validates those of Flux.
CUSTOM_KINDS = {"HTTPRoute", "ServiceMonitor"}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("age", [0, 1], ids=["newest", "second newest"])
@pytest.mark.parametrize("mode", MODES)
def test_manifests_match_the_schemas_of_kubernetes(mode: str, age: int) -> None:
    """By the schemas of the newest two minors, unknown fields refused."""
    import kubernetes_validate  # a second of CPU time, which only a worker of this test takes

    major, minor = (int(part) for part in kubernetes_validate.latest_version().split(".")[:2])
    checked = [one for one in objects(mode) if one["kind"] not in CUSTOM_KINDS]
    assert len(checked) >= 8
    for one in checked:
        kubernetes_validate.validate(one, f"{major}.{minor - age}", strict=True)


@pytest.mark.parametrize("mode", GOLDEN)
def test_manifests_are_the_golden_ones(mode: str) -> None:
    """A change of the chart shows as a diff of its manifests. If intended: make golden."""
    assert (FOLDER / f"{mode}.yaml").read_text("utf-8") == rendered(mode)


# Accepted findings of checkov: kinds by rule, and why.
EXCEPTIONS: dict[str, set[str]] = {
    # The namespace is given to helm, by Flux or by hand.
    "CKV_K8S_21": {"*"},
    # A CPU limit delays readers while CPUs idle; requests share them fairly.
    "CKV_K8S_11": {"Deployment", "Job", "CronJob", "Pod"},
    # libpq reads user name and password from the environment; the keys of the login are files.
    "CKV_K8S_35": {"Deployment", "Job", "CronJob"},
    # The user of NGINX is 101; no files of the node are mounted.
    "CKV_K8S_40": {"Deployment", "Pod"},
    # The pod of `helm test` is a client that ends: it needs no probes.
    "CKV_K8S_8": {"Pod"},
    "CKV_K8S_9": {"Pod"},
}


def scanned(mode: str, folder: Path) -> list[tuple[str, str]]:
    """Return (rule, kind) of every finding of checkov, without network."""
    file = folder / f"{mode}.yaml"
    file.write_text(rendered(mode))
    argv = ["--file", str(file), "--framework", "kubernetes", "--output", "json", "--quiet", "--compact",
             "--skip-download", "--soft-fail"]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run([need("checkov"), *argv], env=env, capture_output=True, check=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 200
    assert report["summary"]["parsing_errors"] == 0
    return [(one["check_id"], one["resource"].split(".")[0]) for one in report["results"]["failed_checks"]]


@pytest.mark.slow
def test_a_scanner_finds_nothing_that_is_not_explained(tmp_path: Path) -> None:
    """And each exception is needed: one that is not must go."""
    found = {pair for mode in ("nodeport", "public") for pair in scanned(mode, tmp_path)}
    # "*": in every kind.
    explained = {(rule, kind) for rule, kind in found if "*" in EXCEPTIONS.get(rule, set())}
    explained |= {(rule, kind) for rule, kinds in EXCEPTIONS.items() for kind in kinds - {"*"}}
    assert explained == found
    assert EXCEPTIONS.keys() == {rule for rule, _ in found}


def test_the_golden_files_contain_no_secret() -> None:
    """The golden files are public."""
    for mode in GOLDEN:
        assert not re.search(r"(?i)password: *\S|BEGIN [A-Z ]*PRIVATE", rendered(mode))
