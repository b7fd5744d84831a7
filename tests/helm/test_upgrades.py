"""Upgrades and rollbacks by the real helm: ownership of replicas, and objects that old pods need."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.apiserver import ApiServer, api_server
from tests.helm.render import CHART, MODES, RELEASE, helm, pod_template, values_options

NUMBER: dict[str, Any] = {"web.replicas": 3}
UNMANAGED: dict[str, Any] = {"web.replicas": "unmanaged"}
AUTOSCALED: dict[str, Any] = {"web.autoscale.max": 9}
Upgrade = Callable[..., str]
Rollback = Callable[[int], str]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as one:
        yield one


@pytest.fixture
def upgrade(api: ApiServer, tmp_path: Path) -> Upgrade:
    """A function: install or upgrade the release, as Flux does (server-side apply that takes fields over)."""
    config = api.kubeconfig(tmp_path)

    def run(values: dict[str, Any], mode: str = "nodeport", version: str = "0.0.0", code: int = 0) -> str:
        chart = tmp_path / version
        if not chart.exists():
            shutil.copytree(CHART, chart)
            (chart / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text().replace("0.0.0", version))
        sets = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
        return helm("upgrade", RELEASE, chart, "--install", "--kubeconfig", config, "--namespace", "site",
                    "--server-side=true", "--force-conflicts", "--wait=watcher", "--timeout=60s",
                    *values_options(mode), *sets, code=code)  # fmt: skip

    return run


@pytest.fixture
def rollback(tmp_path: Path) -> Rollback:
    """A function: roll the release back to a revision, as Flux does."""
    return lambda revision: helm(
        "rollback", RELEASE, str(revision), "--kubeconfig", tmp_path / "kubeconfig", "--namespace", "site",
        "--server-side=true", "--force-conflicts",
    )  # fmt: skip


def test_each_release_resets_a_number_of_replicas(api: ApiServer, upgrade: Upgrade) -> None:
    """docs/operator.md: `kubectl scale` lasts until the next release."""
    upgrade(NUMBER)
    api.scale("site-web", 7, "kubectl")
    upgrade(NUMBER, version="0.0.1")
    assert api.replicas("site-web") == 3


def replicas_owners(api: ApiServer, name: str = "site-web") -> set[tuple[str, str]]:
    """Return the owners of `replicas`: manager and subresource."""
    owned = api.objects["deployments", name].owned
    return {who for who, fields in owned.items() if ("spec", "replicas") in fields}


LEFT_OUT = pytest.mark.parametrize("values", [UNMANAGED, AUTOSCALED])


@pytest.mark.slow
@pytest.mark.quick_cases(1)
@LEFT_OUT
def test_replicas_are_omitted_only_after_another_manager_owns_them(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade, tmp_path: Path
) -> None:
    """A field that its only owner omits is removed, and the API server defaults it to 1."""
    upgrade(NUMBER)
    error = upgrade(values, version="0.0.1", code=1)
    assert "Helm alone owns spec.replicas of the Deployment site-web" in error
    assert f"{next(iter(values))}: Helm" in error
    assert (api.replicas("site-web"), replicas_owners(api)) == (3, {("helm", "")})
    (command,) = re.findall("(echo .*) [|] kubectl apply --server-side --field-manager=handover", error)
    wanted = json.loads(shlex.split(command)[1])
    assert wanted["metadata"] == {"name": "site-web", "namespace": "site"}
    assert wanted["spec"] == {"replicas": 3}
    api.apply("deployments", "site-web", wanted, "handover")
    for version in ("0.0.1", "0.0.2"):
        upgrade(values, version=version)
        assert (api.replicas("site-web"), replicas_owners(api)) == (3, {("handover", "")})


@LEFT_OUT
@pytest.mark.slow
def test_a_rollback_does_not_scale_unmanaged_replicas(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade, rollback: Rollback
) -> None:
    """Helm applies stored manifests unchanged: none of these may contain a number."""
    upgrade(NUMBER)
    api.hand_over("site-web")
    upgrade(values, version="0.0.1")
    api.scale("site-web", 8, "kube-controller-manager")
    upgrade(values, version="0.0.2")
    rollback(2)
    assert api.replicas("site-web") == 8
    rollback(1)  # with a number
    assert (api.replicas("site-web"), replicas_owners(api)) == (3, {("helm", "")})
    upgrade(values, version="0.0.3", code=1)
    assert api.replicas("site-web") == 3


@LEFT_OUT
@pytest.mark.slow
def test_a_rollback_from_the_running_number_does_not_scale(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade, rollback: Rollback
) -> None:
    """docs/operator.md: back to a number, Helm shares the field with its last owner."""
    upgrade(values)
    api.scale("site-web", 8, "kube-controller-manager")
    upgrade({"web.replicas": 8}, version="0.0.1")
    assert replicas_owners(api) == {("helm", ""), ("kube-controller-manager", "scale")}
    rollback(1)
    assert api.replicas("site-web") == 8


@LEFT_OUT
@pytest.mark.slow
def test_a_first_installation_does_not_own_unmanaged_replicas(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade, rollback: Rollback
) -> None:
    """The API server's default of 1 has no owner."""
    for version in ("0.0.0", "0.0.1"):
        upgrade(values, version=version)
        assert (api.replicas("site-web"), replicas_owners(api)) == (1, set())
    api.scale("site-web", 8, "kube-controller-manager")
    rollback(1)
    assert api.replicas("site-web") == 8


@LEFT_OUT
@pytest.mark.slow
def test_replicas_of_another_manager_are_unchanged(
    values: dict[str, Any], api: ApiServer, upgrade: Upgrade
) -> None:
    """Whoever changed the number owns it already."""
    upgrade(NUMBER)
    for version, replicas in (("0.0.1", 5), ("0.0.2", 4)):
        api.scale("site-web", replicas, "kube-controller-manager")
        upgrade(values, version=version)
        assert api.replicas("site-web") == replicas
        assert replicas_owners(api) == {("kube-controller-manager", "scale")}


@pytest.mark.parametrize("manager", ["helm4", "helm-controller"])
def test_helm_is_recognized_by_its_annotation(manager: str, api: ApiServer, upgrade: Upgrade) -> None:
    """The manager's name is that of helm's program file, which may differ."""
    upgrade(NUMBER)
    one = api.objects["deployments", "site-web"]
    one.owned[manager, ""] = one.owned.pop(("helm", ""))
    upgrade(UNMANAGED, version="0.0.1", code=1)
    assert (api.replicas("site-web"), replicas_owners(api)) == (3, {(manager, "")})


@pytest.mark.slow
def test_replicas_of_the_api_can_be_unmanaged(api: ApiServer, upgrade: Upgrade, rollback: Rollback) -> None:
    upgrade({"api.replicas": 3})
    error = upgrade({"api.replicas": "unmanaged"} | UNMANAGED, version="0.0.1", code=1)
    assert "api.replicas: Helm alone" in error
    assert "2 fault(s)" in error
    api.hand_over("site-api")
    upgrade({"api.replicas": "unmanaged"}, version="0.0.1")
    assert api.replicas("site-api") == 3
    api.scale("site-api", 6, "kubectl")
    upgrade({"api.replicas": "unmanaged"}, version="0.0.2")
    rollback(2)
    assert api.replicas("site-api") == 6


def required_objects(pod: Any) -> set[tuple[str, str]]:
    """Return the objects of the release that a pod requires to start."""
    spec = pod["spec"]
    found = {("serviceaccounts", spec["serviceAccountName"])}
    for volume in spec.get("volumes", []):
        if config := volume.get("configMap"):
            found.add(("configmaps", config["name"]))
        if claim := volume.get("persistentVolumeClaim"):
            found.add(("persistentvolumeclaims", claim["claimName"]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_pod_of_an_old_release_can_start_after_newer_ones(
    mode: str, api: ApiServer, upgrade: Upgrade, tmp_path: Path
) -> None:
    """Helm deletes old objects before it waits for the rollout; old pods may be evicted meanwhile."""
    old = {"release.commit": "a" * 40}
    needed: set[tuple[str, str]] = set()
    releases: list[tuple[dict[str, Any], str]] = [
        (old, "1.0.1-rc"),
        (old, "1.0.1"),  # promoted: the same digests
        ({"release.commit": "b" * 40, "release.site": "4" * 64}, "1.0.2-rc"),
        ({"release.commit": "c" * 40, "cluster.pods": ["10.0.0.0/8"]}, "1.0.3-rc"),
        (old, "1.0.4-rc"),  # a rollback
    ]
    templates = []
    for values, version in releases:
        upgrade(values, mode, version)
        for (resource, _), one in api.objects.items():
            pod = pod_template(one.body) if resource == "deployments" else None
            if pod:
                needed |= required_objects(pod)
                templates.append(json.dumps(pod, sort_keys=True))
        assert sorted(needed - api.objects.keys()) == [], version
    assert len(set(templates)) >= 5  # each of these releases has web pods of its own
    helm("rollback", RELEASE, "2", "--kubeconfig", tmp_path / "kubeconfig", "--namespace", "site")
    assert sorted(needed - api.objects.keys()) == []
