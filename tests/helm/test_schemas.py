"""What others say of the manifests: Kubernetes' own schemas, the golden copies, a scanner of known faults."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from tests.helm.golden import FOLDER, GOLDEN
from tests.helm.render import MODES, objects, rendered
from tests.support.tools import need

NEWEST = kubernetes_validate.latest_version()
MAJOR, MINOR = (int(part) for part in NEWEST.split(".")[:2])
# Kinds that a cluster has from elsewhere; tests/flux checks those that Flux brings.
ELSEWHERE = {"HTTPRoute", "ServiceMonitor"}


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize("version", [f"{MAJOR}.{MINOR}", f"{MAJOR}.{MINOR - 1}"])
@pytest.mark.parametrize("mode", MODES)
def test_manifests_match_the_schemas_of_kubernetes(mode: str, version: str) -> None:
    """By the schemas of the newest two minors, unknown fields refused."""
    checked = [one for one in objects(mode) if one["kind"] not in ELSEWHERE]
    assert len(checked) >= 8
    for one in checked:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("mode", GOLDEN)
def test_manifests_are_the_golden_ones(mode: str) -> None:
    """So that a change of the chart is read as a diff of what it does. Else: make golden."""
    assert (FOLDER / f"{mode}.yaml").read_text("utf-8") == rendered(mode)


# What checkov finds and we leave: kinds by rule, and why.
EXCEPTIONS: dict[str, set[str]] = {
    # The namespace is given to helm, by Flux or by hand.
    "CKV_K8S_21": {"*"},
    # A limit of the processor makes readers wait while processors idle; requests share it fairly.
    "CKV_K8S_11": {"Deployment", "Job", "CronJob", "Pod"},
    # libpq reads user name and password from the environment; the keys of the login are files.
    "CKV_K8S_35": {"Deployment", "Job", "CronJob"},
    # The user of Debian's NGINX images is 101, and files of the node are not mounted.
    "CKV_K8S_40": {"Deployment", "Pod"},
    # The pod of `helm test` asks, and ends: nobody sends it anything.
    "CKV_K8S_8": {"Pod"},
    "CKV_K8S_9": {"Pod"},
}


def scanned(mode: str, folder: Path) -> list[tuple[str, str]]:
    """Return (rule, kind) of all that checkov finds, without asking anybody."""
    file = folder / f"{mode}.yaml"
    file.write_text(rendered(mode))
    words = ["--file", str(file), "--framework", "kubernetes", "--output", "json", "--quiet", "--compact",
             "--skip-download", "--soft-fail"]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run([need("checkov"), *words], env=env, capture_output=True, check=True, timeout=300)
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
    """They are published."""
    for mode in GOLDEN:
        assert not re.search(r"(?i)password: *\S|BEGIN [A-Z ]*PRIVATE", rendered(mode))
