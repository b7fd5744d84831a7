"""Checks of what Flux runs: its controllers, the kind of the database, the Secrets.

Until `flux bootstrap` has run, a missing part is a later step of the guide.
Network: the cluster. No writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.doctor.cluster import FLUX, is_true
from pipelines.doctor.cluster_checks import ClusterInputs
from pipelines.doctor.outcome import Outcome, failed, later, ok
from pipelines.flux.required_secrets import RequiredSecret, required_secrets

CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
_MINIMUM = (2, 9)  # of Flux: flux/README.md
_BOOTSTRAP = "run `flux bootstrap` (docs/operator.md, step 3)"
_CRD = "postgresqls.acid.zalan.do"


def check_flux(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check Flux's controllers, and their version."""
    if not inputs.cluster.has_flux:
        yield later("Flux is not installed", _BOOTSTRAP)
        return
    found = {one["metadata"]["name"]: one for one in inputs.cluster.objects("deployments.apps", FLUX)}
    missing = [name for name in CONTROLLERS if name not in found]
    stopped = [name for name in CONTROLLERS if name in found and not is_true(found[name], "Available")]
    if missing:
        yield failed(f"Flux has no {', '.join(missing)}", f"{_BOOTSTRAP} with all its components")
    if stopped:
        yield failed(f"not available: {', '.join(stopped)}", f"look at them: kubectl -n {FLUX} get pods")
    version = str((found["kustomize-controller"]["metadata"].get("labels") or {}).get(
        "app.kubernetes.io/version", ""))  # fmt: skip
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match and (int(match[1]), int(match[2])) < _MINIMUM:
        fix = f"{_BOOTSTRAP} with the command of {'.'.join(map(str, _MINIMUM))} or newer"
        yield failed(f"Flux {version} is too old", fix)
    elif not missing and not stopped:
        yield ok(f"Flux {version or 'of an unknown version'}")


def check_operator(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that the cluster knows the database's kind."""
    if not inputs.site.login:
        return
    found = inputs.cluster.find("customresourcedefinitions.apiextensions.k8s.io", _CRD)
    if found and is_true(found, "Established"):
        yield ok(f"postgres-operator's kind {_CRD}")
    elif inputs.cluster.has_flux:
        yield failed(f"the cluster has no {_CRD}", "see why: flux get kustomization infrastructure")
    else:
        yield later(f"the cluster has no {_CRD}", "Flux installs it (docs/operator.md, step 3)")


def check_secrets(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that each Secret of this site exists with its keys; their values are not read."""
    wanted = required_secrets(inputs.project, inputs.site, inputs.environment)
    complete = []
    for one in wanted:
        there = inputs.cluster.secret_keys(one.name, one.namespace)
        missing = [key for key in one.keys if not any(key == name or _ends(name, key) for name in there)]
        if not missing:
            complete.append(one)
        elif there:
            text = f"Secret {one.namespace}/{one.name} has no {', '.join(missing)}"
            yield failed(text, f"make it again: {one.command}")
        else:
            yield _absent(inputs, one)
    if complete:
        yield ok(f"{len(complete)} of {len(wanted)} Secrets")


def _ends(name: str, key: str) -> bool:
    """Return whether *name* matches *key*, which may stand for any name with its ending: "*.agekey"."""
    return key.startswith("*") and name.endswith(key[1:])


def _absent(inputs: ClusterInputs, one: RequiredSecret) -> Outcome:
    text = f"Secret {one.namespace}/{one.name} is missing"
    if one.file and (inputs.project / one.file).is_file():
        if inputs.cluster.has_flux:
            return failed(text, f"{one.file} has it: flux get kustomization secrets")
        return later(text, f"Flux applies {one.file} (docs/operator.md, step 3)")
    fix = f"make it: {one.command}"
    return failed(text, fix) if inputs.cluster.has_flux else later(text, fix)
