"""Rules for every manifest of the chart, with any values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helm.render import (
    COMMON,
    MODES,
    VALUES,
    Object,
    containers,
    objects,
    of_kind,
    only,
    parse,
    pod_templates,
    rendered,
    template,
    web_files,
)
from tests.support import fast_yaml

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_no_container_can_do_more_than_it_must(mode: str) -> None:
    """Pod Security "restricted", and more: read-only root, no token."""
    for name, pod in pod_templates(objects(mode)):
        spec = pod["spec"]
        context = spec["securityContext"]
        assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), (
            name
        )
        assert context["runAsUser"] in (101, 10001), name
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False), name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for one in containers(pod):
            rights = one["securityContext"]
            assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True), (
                name
            )
            assert rights["capabilities"] == {"drop": ["ALL"]}, name
            assert one["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in one["resources"]["limits"], name


@every_mode
def test_each_image_is_named_by_digest_and_the_right_user_runs_it(mode: str) -> None:
    values = fast_yaml.load(COMMON.read_text())
    users = {f"{values[name]['image']['repository']}@{values[name]['image']['digest']}": user
             for name, user in (("web", 101), ("api", 10001))}  # fmt: skip
    seen = set()
    for name, pod in pod_templates(objects(mode)):
        for one in containers(pod):
            assert users[one["image"]] == pod["spec"]["securityContext"]["runAsUser"], name
            seen.add(one["image"])
    assert len(seen) == (1 if mode == "public" else 2)


@every_mode
def test_deployments_roll_out_without_downtime(mode: str) -> None:
    """Except SQLite, a file with one writer."""
    for one in of_kind("Deployment", objects(mode)):
        spec, pod = one["spec"], one["spec"]["template"]["spec"]
        if mode == "trial" and one["metadata"]["name"] == "site-api":
            assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
            continue
        surge = "100%" if one["metadata"]["name"].endswith("-web") else 1
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": 0}
        assert spec["minReadySeconds"] >= 2
        assert spec["progressDeadlineSeconds"] < 300  # Flux's timeout, flux/apps
        for box in pod["containers"]:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= box.keys()
            wait = box["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert pod["terminationGracePeriodSeconds"] >= wait + 25


@pytest.mark.parametrize("timeout", [60, 300])
def test_pods_and_the_migration_give_up_before_the_release(timeout: int) -> None:
    """Their status then has the reason, which Helm's timeout has not."""
    found = parse(template("nodeport", {"rollout.timeout": timeout}))
    web, api, job = only("Deployment", found, "web"), only("Deployment", found, "api"), only("Job", found)
    waiting = api["spec"]["template"]["spec"]["initContainers"][0]["command"]
    migrating = job["spec"]["template"]["spec"]["containers"][0]["command"]
    deadlines = [
        int(migrating[-1]),
        job["spec"]["activeDeadlineSeconds"],
        int(waiting[-1]),
        web["spec"]["progressDeadlineSeconds"],
    ]
    assert deadlines == sorted(deadlines)
    assert deadlines[-1] == api["spec"]["progressDeadlineSeconds"] < timeout


@every_mode
def test_readiness_and_liveness_probe_different_paths(mode: str) -> None:
    """A slow database takes a pod out of the Service; it must not restart it."""
    for one in of_kind("Deployment", objects(mode)):
        (box,) = one["spec"]["template"]["spec"]["containers"]
        paths = {
            name: box[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        assert paths == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


@every_mode
def test_pods_of_one_kind_are_spread_over_nodes(mode: str) -> None:
    for one in of_kind("Deployment", objects(mode)):
        (spread,) = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert (spread["topologyKey"], spread["maxSkew"]) == ("kubernetes.io/hostname", 1)
        assert spread["labelSelector"]["matchLabels"] == one["spec"]["selector"]["matchLabels"]


@every_mode
def test_selectors_hold_nothing_that_changes(mode: str) -> None:
    """A selector cannot be changed: a version in it would stop every upgrade."""
    for one in of_kind("Deployment", objects(mode)):
        assert one["spec"]["selector"]["matchLabels"].keys() == {
            f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")
        }


@every_mode
def test_every_volume_is_mounted_and_every_mount_is_a_volume(mode: str) -> None:
    found = objects(mode)
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind("ConfigMap", found)}
    claims = {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim", found)}
    for name, pod in pod_templates(found):
        volumes = {one["name"]: one for one in pod["spec"].get("volumes", [])}
        mounted = {mount["name"] for box in containers(pod) for mount in box.get("volumeMounts", [])}
        assert mounted == volumes.keys(), name
        for volume in volumes.values():
            if "configMap" in volume:
                wanted = {item["key"] for item in volume["configMap"].get("items", [])}
                assert wanted <= maps[volume["configMap"]["name"]].keys(), name
            elif "downwardAPI" in volume:
                for item in volume["downwardAPI"]["items"]:
                    key = (
                        item["fieldRef"]["fieldPath"]
                        .removeprefix("metadata.annotations['")
                        .removesuffix("']")
                    )
                    assert item["path"] == key in pod["metadata"]["annotations"], name
            elif "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims, name
            else:
                assert "secret" in volume or "sizeLimit" in volume["emptyDir"], name


def secrets_of_pods(found: list[Object]) -> set[tuple[str, str]]:
    """Return each Secret that pods read, with the key."""
    read = set()
    for _, pod in pod_templates(found):
        for volume in pod["spec"].get("volumes", []):
            if secret := volume.get("secret"):
                read |= {(secret["secretName"], item["key"]) for item in secret["items"]}
        for box in containers(pod):
            for variable in box.get("env", []):
                if ref := variable.get("valueFrom", {}).get("secretKeyRef"):
                    read.add((ref["name"], ref["key"]))
        read |= {(one["name"], ".dockerconfigjson") for one in pod["spec"].get("imagePullSecrets", [])}
    return read


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("public", set()),
        ("trial", {("login", "secret-keys"), ("login", "encryption-keys")}),
        (
            "nodeport",
            {
                ("login", "secret-keys"),
                ("login", "encryption-keys"),
                ("mail", "user"),
                ("mail", "password"),
                ("registry", ".dockerconfigjson"),
                ("site.site-owner.acid-site.credentials.postgresql.acid.zalan.do", "username"),
                ("site.site-owner.acid-site.credentials.postgresql.acid.zalan.do", "password"),
            },
        ),
        (
            "ingress",
            {
                ("login", "secret-keys"),
                ("login", "encryption-keys"),
                ("database", "username"),
                ("database", "password"),
                ("database", "ca.crt"),
            },
        ),
    ],
)
def test_pods_read_the_secrets_of_the_values_only(mode: str, expected: set[tuple[str, str]]) -> None:
    """The chart creates no Secret: nothing random is rendered."""
    found = objects(mode)
    assert secrets_of_pods(found) == expected
    assert of_kind("Secret", found) == []


def test_an_autoscaler_replaces_the_number_of_replicas() -> None:
    """Both own one field: each release would revert the other."""
    found = objects("autoscaled")
    spec = only("HorizontalPodAutoscaler", found)["spec"]
    web, api = only("Deployment", found, "web"), only("Deployment", found, "api")
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "site-web"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 9)
    (metric,) = spec["metrics"]
    assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": "300m"}
    assert [("replicas" in one["spec"]) for one in (web, api)] == [False, False]
    others = [mode for mode in MODES if mode != "autoscaled"]
    assert {one["kind"] for mode in others for one in objects(mode)} & {"HorizontalPodAutoscaler"} == set()
    assert all("replicas" in one["spec"] for mode in others for one in of_kind("Deployment", objects(mode)))


def test_without_a_login_the_chart_has_no_api_objects() -> None:
    found = objects("public")
    components = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in found}
    assert components == {"web", "test"}
    assert "8000" not in rendered("public")
    conf = web_files(found)
    assert json.loads(conf["version.json"])["images"].keys() == {"web"}


def test_version_json_is_what_was_built() -> None:
    found = json.loads(web_files(objects("nodeport"))["version.json"])
    values: dict[str, Any] = fast_yaml.load(COMMON.read_text())
    assert found == {
        "version": "0.0.0",
        "commit": values["release"]["commit"],
        "site": values["release"]["site"],
        "images": {"web": values["web"]["image"]["digest"], "api": values["api"]["image"]["digest"]},
    }


def test_files_of_values_are_tried_in_every_mode() -> None:
    """Every mode of the schema needs a values file."""
    schema = json.loads((VALUES.parents[2] / "helm/site/values.schema.json").read_text())
    for path in (("edge", "mode"), ("database", "mode")):
        wanted = set(schema["properties"][path[0]]["properties"][path[1]]["enum"])
        default = fast_yaml.load((VALUES.parents[2] / "helm/site/values.yaml").read_text())[path[0]][path[1]]
        tried = {
            fast_yaml.load((VALUES / f"{mode}.yaml").read_text()).get(path[0], {}).get(path[1], default)
            for mode in MODES
        }
        assert tried == wanted


@every_mode
def test_pods_that_stop_are_peers_until_they_end(mode: str) -> None:
    """All web pods are replaced at once: only those of the release before have the assets of its pages."""
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind("Service", objects(mode))}
    peers = services["site-web-peers"]
    assert (peers["clusterIP"], peers["publishNotReadyAddresses"]) == ("None", True)


def test_a_cronjob_that_was_suspended_by_hand_runs_again() -> None:
    """Flux corrects the fields of a manifest only: a default that is left out stays as it was set."""
    for one in of_kind("CronJob", objects("nodeport")):
        assert one["spec"]["suspend"] is False
