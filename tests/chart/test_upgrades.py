"""Releases one after the other, by the real helm: what an upgrade leaves, and what it must not take away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.render import CHART, MODES, RELEASE, given, helm, template_of
from tests.fakes.apiserver import ApiServer, api_server

NUMBER: dict[str, Any] = {"web.replicas": 3}
UNMANAGED: dict[str, Any] = {"web.replicas": "unmanaged"}
AUTOSCALED: dict[str, Any] = {"web.autoscale.max": 9}
Upgrade = Callable[..., None]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as one:
        yield one


@pytest.fixture
def upgrade(api: ApiServer, tmp_path: Path) -> Upgrade:
    """A function: install or upgrade the release, as Flux does (server-side apply that takes fields over)."""
    config = api.kubeconfig(tmp_path)

    def run(values: dict[str, Any], mode: str = "nodeport", version: str = "0.0.0") -> None:
        chart = tmp_path / version
        if not chart.exists():
            shutil.copytree(CHART, chart)
            (chart / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text().replace("0.0.0", version))
        sets = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
        helm("upgrade", RELEASE, chart, "--install", "--kubeconfig", config, "--namespace", "site",
             "--server-side=true", "--force-conflicts", "--wait=watcher", "--timeout=60s",
             *given(mode), *sets)  # fmt: skip

    return run


def test_a_number_is_set_again_by_each_release(api: ApiServer, upgrade: Upgrade) -> None:
    """So says docs/operator.md: `kubectl scale` holds until the next release."""
    upgrade(NUMBER)
    api.scale("site-web", 7, "kubectl")
    upgrade(NUMBER, version="0.0.1")
    assert api.replicas("site-web") == 3


@pytest.mark.parametrize("values", [UNMANAGED, AUTOSCALED])
@pytest.mark.parametrize("before", [2, 3])
def test_leaving_the_number_to_others_never_changes_it(
    values: dict[str, Any], before: int, api: ApiServer, upgrade: Upgrade
) -> None:
    """A field that its one owner leaves out is removed, and the API server fills in 1."""
    upgrade(NUMBER | {"web.replicas": before})
    for version in ("0.0.1", "0.0.2", "0.0.3"):
        upgrade(values, version=version)
        assert api.replicas("site-web") == before


@pytest.mark.parametrize("values", [UNMANAGED, AUTOSCALED])
def test_what_another_manager_has_set_is_not_touched(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade
) -> None:
    """From the first change by `kubectl scale` or an autoscaler on, Helm does not name the field."""
    upgrade(NUMBER)
    upgrade(values, version="0.0.1")
    for version, replicas in (("0.0.2", 5), ("0.0.3", 4)):
        api.scale("site-web", replicas, "kube-controller-manager")
        upgrade(values, version=version)
        assert api.replicas("site-web") == replicas
        owners = {
            who
            for who, fields in api.objects["deployments", "site-web"].owned.items()
            if ("spec", "replicas") in fields
        }
        assert owners == {("kube-controller-manager", "scale")}


def test_a_field_that_was_handed_over_stays_with_its_new_owner(api: ApiServer, upgrade: Upgrade) -> None:
    """The way that Kubernetes documents: another manager applies the field, then the first leaves it out."""
    upgrade(NUMBER)
    api.apply("deployments", "site-web", {"spec": {"replicas": 3}}, "handover")
    upgrade(UNMANAGED, version="0.0.1")
    assert api.replicas("site-web") == 3
    assert ("spec", "replicas") not in api.objects["deployments", "site-web"].owned["helm", ""]


def test_helm_is_known_by_its_annotation_too(api: ApiServer, upgrade: Upgrade) -> None:
    """Helm's name as a manager is that of its program, which may be called otherwise."""
    upgrade(NUMBER)
    one = api.objects["deployments", "site-web"]
    one.owned["helm4", ""] = one.owned.pop(("helm", ""))
    upgrade(UNMANAGED, version="0.0.1")
    assert one.body["spec"]["replicas"] == 3
    assert ("spec", "replicas") in one.owned["helm", ""]


def test_the_login_is_left_to_others_too(api: ApiServer, upgrade: Upgrade) -> None:
    upgrade({"api.replicas": 3})
    upgrade({"api.replicas": "unmanaged"}, version="0.0.1")
    assert api.replicas("site-api") == 3
    api.scale("site-api", 6, "kubectl")
    upgrade({"api.replicas": "unmanaged"}, version="0.0.2")
    assert api.replicas("site-api") == 6


def names(pod: Any) -> set[tuple[str, str]]:
    """Return the objects of the release that a pod cannot start without."""
    spec = pod["spec"]
    found = {("serviceaccounts", spec["serviceAccountName"])}
    for volume in spec.get("volumes", []):
        if config := volume.get("configMap"):
            found.add(("configmaps", config["name"]))
        if claim := volume.get("persistentVolumeClaim"):
            found.add(("persistentvolumeclaims", claim["claimName"]))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_pod_of_an_old_release_can_start_after_newer_ones(
    mode: str, api: ApiServer, upgrade: Upgrade, tmp_path: Path
) -> None:
    """Helm deletes what a release no longer has before it waits for the rollout; old pods may be evicted."""
    old = {"release.commit": "a" * 40}
    needed: set[tuple[str, str]] = set()
    releases: list[tuple[dict[str, Any], str]] = [
        (old, "1.0.1-rc"),
        (old, "1.0.1"),  # promoted: the same digests
        ({"release.commit": "b" * 40, "release.site": "4" * 64}, "1.0.2-rc"),
        ({"release.commit": "c" * 40, "cluster.pods": ["10.0.0.0/8"]}, "1.0.3-rc"),
        (old, "1.0.4-rc"),  # a commit that goes back
    ]
    templates = []
    for values, version in releases:
        upgrade(values, mode, version)
        for (resource, _), one in api.objects.items():
            pod = template_of(one.body) if resource == "deployments" else None
            if pod:
                needed |= names(pod)
                templates.append(json.dumps(pod, sort_keys=True))
        assert sorted(needed - api.objects.keys()) == [], version
    assert len(set(templates)) >= 5  # each of these releases has web pods of its own
    helm("rollback", RELEASE, "2", "--kubeconfig", tmp_path / "kubeconfig", "--namespace", "site")
    assert sorted(needed - api.objects.keys()) == []
