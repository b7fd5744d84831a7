"""Tests of published images and charts with other clients: skopeo and helm."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from pipelines.core import results
from tests.support.delivery.helm import Helm
from tests.support.delivery.published import (
    VERSION,
    oci_environment,
    read_result,
    targets,
)
from tests.support.delivery.release import release
from tests.support.delivery.storage import SERVERS
from tests.support.delivery.targets import Publisher
from tests.support.registry import LOGIN
from tests.support.tools import need

pytestmark = pytest.mark.parametrize("servers", SERVERS, indirect=True, scope="module")


def test_skopeo_finds_the_same_digest(publisher: Publisher, tmp_path: Path) -> None:
    """Another client can copy the image, and gets the digest of the chart."""
    publisher.run("publish")
    registry = publisher.services.registry
    auth = {"auths": {registry.host: {"auth": base64.b64encode(":".join(LOGIN).encode()).decode()}}}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/ca.crt").write_bytes(registry.authority.read_bytes())
    words = ["--insecure-policy", "copy", "--preserve-digests", "--src-cert-dir", tmp_path / "certs"]
    source = f"docker://{registry.host}/{publisher.name}/web:{VERSION}"
    target = f"oci:{tmp_path / 'copy'}"
    subprocess.run(
        [need("skopeo"), *map(str, words), "--authfile", tmp_path / "auth.json", source, target],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    index = json.loads((tmp_path / "copy/index.json").read_text())
    assert index["manifests"][0]["digest"] == results.read_chart(publisher.project / "out/chart.json").web


def test_an_auth_file_replaces_the_variables(publisher: Publisher, tmp_path: Path) -> None:
    """In the format of `skopeo login`; the most specific entry wins."""
    host = publisher.services.front["registry"].host
    entries = {host: "nobody:nothing", f"{host}/{publisher.name}": ":".join(LOGIN)}
    auth = {name: {"auth": base64.b64encode(value.encode()).decode()} for name, value in entries.items()}
    (tmp_path / "auth.json").write_text(json.dumps({"auths": auth}))
    unset = {"SITE_REGISTRY_USER": None, "SITE_REGISTRY_PASSWORD": None}
    run = publisher.run("publish", env={**unset, "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")})
    assert run.code == 0, run.err


def test_the_real_helm_pulls_a_chart_from_a_registry(publisher: Publisher, tmp_path: Path) -> None:
    """The registry may be the chart repository; helm gets the packed bytes."""
    host = publisher.services.front["registry"].host
    publisher.write(repository=f"oci://{host}/{publisher.name}/charts")
    env = oci_environment()
    assert publisher.run("publish", env=env).code == 0
    for one in publisher.services.front.values():
        one.calls.clear()
    assert publisher.run("publish", env=env).code == 0
    assert publisher.uploaded_bytes() == 0
    assert publisher.charts() == {}
    helm = Helm(tmp_path / "helm")
    registry = publisher.services.registry
    words = ("--ca-file", registry.authority, "--username", LOGIN[0], "--password-stdin")
    status, output = helm.run("registry", "login", registry.host, *words, stdin=LOGIN[1])
    assert status == 0, output
    source = f"oci://{registry.host}/{publisher.name}/charts/site"
    status, output = helm.run("pull", source, "--version", VERSION, "--ca-file", registry.authority,
                            "--destination", tmp_path)  # fmt: skip
    assert status == 0, output
    packed = (publisher.project / f"out/charts/site-{VERSION}.tgz").read_bytes()
    assert (tmp_path / f"site-{VERSION}.tgz").read_bytes() == packed


def test_a_chart_that_helm_pushed_is_the_same_chart(publisher: Publisher, tmp_path: Path) -> None:
    """The manifests differ by a time that helm writes; only the chart layer is compared."""
    registry = publisher.services.registry
    helm = Helm(tmp_path / "helm")
    words = ("--ca-file", registry.authority)
    helm.run(
        "registry", "login", registry.host, *words, "--username", LOGIN[0], "--password-stdin", stdin=LOGIN[1]
    )
    package = publisher.project / f"out/charts/site-{VERSION}.tgz"
    status, output = helm.run("push", package, f"oci://{registry.host}/{publisher.name}/charts", *words)
    assert status == 0, output
    publisher.write(repository=f"oci://{publisher.services.front['registry'].host}/{publisher.name}/charts")
    env = oci_environment()
    run = publisher.run("publish", env=env)
    assert run.code == 0, run.err
    assert targets(read_result(publisher))["chart"].sent == ()
    release(publisher.project, files={"public/index.html": "<p>Other.</p>"})
    other = publisher.run("publish", env=env)
    assert other.code == 1
    assert "a version is never changed" in other.err


def test_helm_pulls_the_chart_from_nexus(publisher: Publisher, tmp_path: Path) -> None:
    publisher.run("publish")
    helm = Helm(tmp_path / "helm")
    assert helm.add(publisher.services.nexus, publisher.name)[0] == 0
    status, output = helm.pull(f"{publisher.name}/site", ">=1.0.0-0", tmp_path / "pulled")
    assert status == 0, output
    packed = (publisher.project / f"out/charts/site-{VERSION}.tgz").read_bytes()
    assert (tmp_path / f"pulled/site-{VERSION}.tgz").read_bytes() == packed
