"""Each container of the chart in its real image, run with the settings of its manifest."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.core import config
from pipelines.core.results import ImageResult
from pipelines.image.api import pack_api_image
from pipelines.image.web import pack_web_image
from tests.api.database import Postgres, run_postgres
from tests.helm.kubelet import Node
from tests.helm.render import Object, of_kind, only, parse, pod_template, template
from tests.image.packing import api_project
from tests.support.previews import free_port, wait_until
from tests.support.tools import need_base
from tests.web import server
from tests.web.conftest import build_web_project
from tests.web.server import PodmanImage, WebServer

pytestmark = pytest.mark.slow

KEYS = {
    "secret-keys": "a signing key of these tests alone and used for nothing else",
    "encryption-keys": base64.urlsafe_b64encode(os.urandom(32)).decode(),
}


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ImageResult, PodmanImage]]:
    """The login's image."""
    project = api_project(tmp_path_factory.mktemp("login"))
    result = pack_api_image(
        project, config.load_config(project), lambda line: pytest.fail(f"unexpected progress line: {line}")
    )
    with server.podman_image(project / "out/images/api") as found:
        yield result, found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ImageResult, PodmanImage]]:
    """The web image of a small site."""
    project = build_web_project(tmp_path_factory.mktemp("pages"))
    need_base(project, "web")
    result = pack_web_image(project, config.load_config(project))
    with server.podman_image(project / "out/images/web") as found:
        yield result, found


def release(
    mode: str, images: dict[str, tuple[ImageResult, PodmanImage]], more: dict[str, Any]
) -> list[Object]:
    """Return the manifests that name the digests of *images*."""
    digests = {f"{name}.image.digest": result.digest for name, (result, _) in images.items()}
    return parse(template(mode, {**digests, **more}))


@contextmanager
def serving(argv: list[str], log: Path, port: int, path: str) -> Iterator[WebServer]:
    """Run *argv* until the block ends; yield once the probe gets 200."""
    with log.open("wb") as file:
        one = subprocess.Popen(argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    found = WebServer(port, port, one, log.parent)

    def well() -> bool:
        assert one.poll() is None, log.read_text()
        try:  # as the kubelet: by address
            return found.get(path, port=port, headers={"Host": f"10.244.0.9:{port}"}).status == 200
        except OSError:
            return False

    try:
        wait_until(well)
        yield found
    finally:
        if one.poll() is None:
            one.terminate()
            one.wait(90)


def test_web_pods_serve_under_the_rights_of_the_manifest(
    pages: tuple[ImageResult, PodmanImage], tmp_path: Path
) -> None:
    """User, read-only root and mounts of the Deployment; only the port differs."""
    result, image = pages
    found = release("public", {"web": pages}, {"cluster.dns.host": "127.0.0.1"})
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind("ConfigMap", found)}
    node = Node(tmp_path, {result.digest: image}, maps)
    pod = pod_template(only("Deployment", found, "web"))
    assert pod
    probe = pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]
    port, health = server.write_mounts(tmp_path / "ports", "")
    argv = node.argv(pod, "nginx")
    at = argv.index("--user")
    argv[at:at] = ["--volume", f"{tmp_path}/ports/listen:/etc/nginx/listen:ro"]
    with serving(argv, tmp_path / "log", health, probe["path"]):
        ours = WebServer(port, health, subprocess.Popen(["true"]), tmp_path)
        assert ours.process.wait() == 0
        assert ours.get("/").status == 200
        version_json = json.loads(ours.get("/version.json").body)
        assert version_json["images"] == {"web": result.digest}
    done = node.run({"metadata": {}, "spec": next(one for one in of_kind("Pod", found))["spec"]}, "done")
    assert (done.returncode, "nginx version" in done.stderr) == (0, True)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with run_postgres() as one:
        yield one


def test_the_login_migrates_serves_and_passes_helm_test(
    login: tuple[ImageResult, PodmanImage], database: Postgres, tmp_path: Path
) -> None:
    """Job, waiting, serving, chores and the test, in that order, with the operator's Secret."""
    result, image = login
    found = release("nodeport", {"api": login}, {"api.mail.secret": ""})
    secret = "site.site-owner.acid-site.credentials.postgresql.acid.zalan.do"
    url = database.url("chart")
    user = url.partition("://")[2].partition("@")[0]
    node = Node(
        tmp_path, {result.digest: image}, {}, {"login": KEYS, secret: {"username": user, "password": "any"}}
    )

    def pod(kind: str) -> Object:
        one = pod_template(only(kind, found, {"Deployment": "api"}.get(kind, "")))
        assert one
        for box in [*one["spec"].get("initContainers", []), *one["spec"]["containers"]]:
            for variable in box.get("env", []):
                if variable["name"] == "DATABASE_URL":  # the Service's name is a cluster's
                    here = f"postgresql://127.0.0.1:{database.port}/chart?sslmode=prefer"
                    assert (
                        "acid-site.database.svc.cluster.local:5432/site?sslmode=require" in variable["value"]
                    )
                    variable["value"] = here
        return one

    pods = pod("Deployment")
    early = node.run(pods, "migrations", "--timeout", "0")
    assert (early.returncode, "not yet migrated" in early.stderr) == (1, True), early
    job = node.run(pod("Job"), "migrate")
    assert job.returncode == 0, job.stderr
    waited = node.run(pods, "migrations")
    assert (waited.returncode, waited.stdout) == (0, ""), waited.stderr
    chore = node.run(pod("CronJob"), "clearsessions")
    assert chore.returncode == 0, chore.stderr
    port = free_port()
    probes = pods["spec"]["containers"][0]
    argv = node.argv(pods, "login", "--bind", f"127.0.0.1:{port}")
    with serving(argv, tmp_path / "log", port, probes["startupProbe"]["httpGet"]["path"]) as one:
        for name in ("readinessProbe", "livenessProbe"):
            path = probes[name]["httpGet"]["path"]
            assert one.get(path, port=port, headers={"Host": f"10.244.0.9:{port}"}).status == 200
        test_pod = only("Pod", found, "test")
        what = json.loads(test_pod["spec"]["containers"][0]["command"][3])
        what |= {"api": f"http://127.0.0.1:{port}", "site": "http://127.0.0.1:1", "timeout": 0}
        test_pod["spec"]["containers"][0]["command"][3] = json.dumps(what)
        done = node.run(test_pod, "probe")
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert (done.returncode, lines["login"]) == (1, "ok"), done.stderr  # no web pod runs here
    assert lines["page"].startswith("no response: ")


def test_one_node_is_enough_for_a_trial(login: tuple[ImageResult, PodmanImage], tmp_path: Path) -> None:
    """SQLite on a volume: the pod migrates for itself, and serves."""
    result, image = login
    found = release("trial", {"api": login}, {})
    claim = only("PersistentVolumeClaim", found)["metadata"]["name"]
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o777)  # as a cluster's: the pod's group may write
    node = Node(tmp_path, {result.digest: image}, {}, {"login": KEYS}, {claim: volume})
    pod = pod_template(only("Deployment", found, "api"))
    assert pod
    done = node.run(pod, "migrate")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    port = free_port()
    with serving(node.argv(pod, "login", "--bind", f"127.0.0.1:{port}"), tmp_path / "log", port, "/readyz"):
        assert (volume / "login.sqlite3").is_file()
