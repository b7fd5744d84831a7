"""Render the chart with the real helm, from the values files in values/."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import fast_yaml
from tests.support.project import ROOT
from tests.support.tools import need

CHART = ROOT / "helm" / "site"
VALUES = Path(__file__).parent / "values"
COMMON = VALUES / "common.yaml"
MODES = tuple(sorted(file.stem for file in VALUES.glob("*.yaml") if file != COMMON))
NAMESPACE, RELEASE = "site", "site"

Object = dict[str, Any]


def helm(*words: str | Path, code: int = 0, stdin: str = "") -> str:
    """Run helm and return what it printed: stdout, or with another *code* than 0 stderr."""
    argv = [need("helm"), *map(str, words)]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def template(
    mode: str, more: Mapping[str, Any] | None = None, *words: str, code: int = 0, chart: Path = CHART
) -> str:
    """Render the values of *mode*, with *more* over them (dotted paths)."""
    sets = [
        part for name, value in (more or {}).items() for part in ("--set-json", f"{name}={json.dumps(value)}")
    ]
    return helm(
        "template", RELEASE, chart, "--namespace", NAMESPACE, *values_options(mode), *sets, *words, code=code
    )


def values_options(mode: str) -> list[str]:
    """Return helm's options for the values of *mode*."""
    return [f"--values={COMMON}", f"--values={VALUES / mode}.yaml"]


@cache
def rendered(mode: str) -> str:
    """Return the manifests of *mode*."""
    return template(mode)


def parse(manifests: str) -> list[Object]:
    """Return the objects of *manifests*."""
    return [one for one in fast_yaml.load_all(manifests) if one]


def objects(mode: str) -> list[Object]:
    """Return the objects of *mode*, fresh: a test may change them."""
    return parse(rendered(mode))


def of_kind(kind: str, found: Iterable[Object], component: str = "") -> list[Object]:
    """Return the objects of *kind*, those of *component* where it is named."""
    return [
        one
        for one in found
        if one["kind"] == kind and component in ("", one["metadata"]["labels"]["app.kubernetes.io/component"])
    ]


def only(kind: str, found: Iterable[Object], component: str = "") -> Object:
    """Return the one object of *kind*."""
    (one,) = of_kind(kind, found, component)
    return one


def pod_template(one: Object) -> Object | None:
    """Return the pod template of *one*, or a Pod itself; None for other kinds."""
    spec = one.get("spec", {})
    if one["kind"] == "Pod":
        return {"metadata": one["metadata"], "spec": spec}
    if one["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found = spec.get("template")
    return found if isinstance(found, dict) else None


def pod_templates(found: Iterable[Object]) -> list[tuple[str, Object]]:
    """Return kind and name of each object with a pod template, and the template."""
    return [(f"{one['kind']}/{one['metadata']['name']}", pod) for one in found if (pod := pod_template(one))]


def web_files(found: Iterable[Object]) -> dict[str, str]:
    """Return the files of web pods by name: annotations of the pod template."""
    files: dict[str, str] = only("Deployment", found, "web")["spec"]["template"]["metadata"]["annotations"]
    return files


def containers(pod: Object) -> list[Object]:
    """Return all containers of a pod template, init containers first."""
    spec = pod["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def selects(selector: Object, pod: Object) -> bool:
    """Return whether a label selector, or the plain labels of a Service, selects *pod*."""
    labels = pod["metadata"]["labels"]
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return within(selector, pod)
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return within(selector.get("matchLabels", {}), pod)


def within(labels: dict[str, str], one: Object) -> bool:
    """Return whether *one* carries all of *labels*."""
    found: dict[str, str] = one["metadata"]["labels"]
    return labels.items() <= found.items()
