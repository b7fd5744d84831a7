"""Run what the chart renders: its NGINX configuration, and the pods of `helm test`.

dnsmasq resolves the names of Services, each to a loopback address of its own, so that ports are those of the
chart.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.live_site import Site, run_site
from tests.fakes.upstream import upstream
from tests.helm.render import only, parse, template, web_files
from tests.support.dns import dns_server, loopback
from tests.support.previews import free_port, wait_until
from tests.support.project import ROOT
from tests.support.registry import certificate
from tests.support.tools import need
from tests.web import server
from tests.web.conftest import build_web_project

OLD = "/assets/gone.0123abcd.css"  # of another release


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with members' pages."""
    return build_web_project(tmp_path_factory.mktemp("chart"))


@pytest.mark.slow
def test_the_configuration_of_the_chart_finds_login_and_peers(project: Path, tmp_path: Path) -> None:
    """With the rendered cluster.conf the gate requests the API, and an old asset comes from a peer."""
    api_host, peer_host = loopback(), loopback()
    services = {
        "site-api-pods.site.svc.cluster.local": [api_host],
        "site-web-peers.site.svc.cluster.local": [peer_host],
    }
    with (
        upstream(8000, host=api_host) as api,
        upstream(8080, host=peer_host) as peer,
        dns_server(tmp_path, services) as dns,
    ):
        peer.respond(404)
        peer.pages[OLD] = (200, b"body { color: red }")
        more = {"cluster.dns.host": f"127.0.0.1:{dns}", "edge.trusted": ["127.0.0.0/8"], "web.bucket.url": ""}
        files = web_files(parse(template("nodeport", more)))
        folder = tmp_path / "web"
        process = folder / "root/etc/nginx/process/process.conf"
        with server.run_process(folder, project, files["cluster.conf"]) as web:
            version = folder / "root/srv/version/version.json"
            version.write_text(files["version.json"])
            assert web.get("/members/inside/").status == 200
            assert [one.path for one in api.requests] == ["/_gate"]
            api.respond(401)
            assert web.get("/members/inside/").status == 401
            assert (web.get(OLD).status, web.get(OLD).body) == (200, b"body { color: red }")
            assert json.loads(web.get("/version.json", headers={"If-Version": "0.0.0"}).body) == json.loads(
                files["version.json"]
            )
            assert web.get("/version.json", headers={"If-Version": "0.0.1"}).status == 412
        process.write_text(files["process.conf"])
        with server.run_process(folder, project, files["cluster.conf"]) as web:
            # web.workers; the first one answers before NGINX has started the second.
            wait_until(lambda: len(children(web.process.pid)) >= 2)
            assert len(children(web.process.pid)) == 2


def test_the_configuration_of_the_chart_trusts_a_private_authority_of_the_bucket(
    project: Path, tmp_path: Path
) -> None:
    """With the rendered files an old asset comes from a bucket whose authority is not a public one."""
    name = "storage.cluster.local"
    certificate(tmp_path, f"DNS:{name}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with (
        upstream(tls=context) as bucket,
        dns_server(tmp_path, {name: ["127.0.0.1"]}) as dns,
    ):
        bucket.respond(200, b"a{}")
        more = {
            "cluster.dns.host": f"127.0.0.1:{dns}",
            "edge.trusted": ["127.0.0.0/8"],
            "web.bucket.url": f"https://{name}:{bucket.port}/assets",
            "web.bucket.ca": (tmp_path / "certificate.pem").read_text(),
        }
        files = web_files(parse(template("nodeport", more)))
        mounts = {f"cluster/{name}": files[name] for name in ("bucket-ca.conf", "bucket-ca.pem")}
        with server.run_process(tmp_path / "web", project, files["cluster.conf"], more=mounts) as web:
            assert (web.get(OLD).status, web.get(OLD).body) == (200, b"a{}")
    assert {one.path for one in bucket.requests} == {f"/assets{OLD}"}


def children(number: int) -> list[str]:
    """Return the child processes of the process *number*."""
    return Path(f"/proc/{number}/task/{number}/children").read_text().split()


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its login."""
    folder = tmp_path_factory.mktemp("site")
    with run_site(folder, project, f"sqlite:///{folder}/login.sqlite3") as one:
        yield one


def asset_of(project: Path) -> str:
    """Return a hashed asset of the site."""
    public = project / "out/site/public"
    return "/" + min(public.glob("assets/*.css")).relative_to(public).as_posix()


def smoke_test_arguments(project: Path, site: Site) -> dict[str, Any]:
    """Return the arguments of the chart's test, with addresses of this machine."""
    pod = only("Pod", parse(template("nodeport", {"release.asset": asset_of(project)})))
    command = pod["spec"]["containers"][0]["command"]
    assert command[:3] == ["python3", "-m", "api.health.smoke_test"]
    found: dict[str, Any] = json.loads(command[3])
    assert (found["site"], found["api"], found["host"]) == (
        "http://site-web", "http://site-api:8000", "small.example",
    )  # fmt: skip
    return found | {
        "site": f"http://127.0.0.1:{site.web.port}",
        "api": f"http://127.0.0.1:{site.ports[0]}",
        "host": site.host,
        "timeout": 0,
    }


def run_smoke_test(what: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """Run the test's command; return its status, and its line for each check."""
    argv = [sys.executable, "-m", "api.health.smoke_test", json.dumps(what)]
    done = subprocess.run(argv, cwd=ROOT, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.returncode, dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_a_working_release_passes_helm_test(project: Path, site: Site) -> None:
    what = smoke_test_arguments(project, site)
    write_version(site, what["version"])
    questions = ("page", "asset", "version", "gate", "login")
    assert run_smoke_test(what) == (0, dict.fromkeys(questions, "ok"))


def write_version(site: Site, version: dict[str, Any]) -> None:
    (site.web._folder / "root/srv/version/version.json").write_text(json.dumps(version))


@pytest.mark.parametrize(
    ("broken", "check", "expected"),
    [
        ({"version": {"version": "0.0.1"}}, "version", "/version.json: {'commit': '0123"),
        ({"asset": "/assets/site.00000000.css"}, "asset", "/assets/site.00000000.css: status 404"),
        ({"api": "http://127.0.0.1:1"}, "login", "no response: [Errno 111] Connection refused"),
    ],
)
def test_a_broken_release_fails_helm_test_with_the_reason(
    project: Path, site: Site, broken: dict[str, Any], check: str, expected: str
) -> None:
    what = smoke_test_arguments(project, site)
    write_version(site, what["version"])
    code, lines = run_smoke_test(what | broken)
    assert code == 1
    assert lines[check].startswith(expected)
    assert [name for name, line in lines.items() if line != "ok" and name != check] == []


def test_an_open_gate_fails_the_release(project: Path, site: Site) -> None:
    """No readiness probe detects this fault: everything responds."""
    with upstream() as api, upstream() as front:
        what = smoke_test_arguments(project, site)
        api.respond(200)
        front.respond(200, json.dumps(what["version"]).encode(), Content_Type="text/html",
                      Cache_Control="immutable")  # fmt: skip
        what |= {"site": f"http://127.0.0.1:{front.port}", "api": f"http://127.0.0.1:{api.port}"}
        code, lines = run_smoke_test(what)
    assert code == 1
    assert [name for name, line in lines.items() if line != "ok"] == ["gate"]
    assert lines["gate"] == "/members/: status 200 without a login; expected 401"


def test_helm_test_waits_for_old_pods_to_stop(project: Path, site: Site) -> None:
    what = smoke_test_arguments(project, site) | {"timeout": 30}
    write_version(site, {"version": "old"})
    argv = [sys.executable, "-m", "api.health.smoke_test", json.dumps(what)]
    one = subprocess.Popen(argv, cwd=ROOT, env={}, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: any(line["path"] == "/version.json" for line in site.web.log))
    write_version(site, what["version"])
    output, _ = one.communicate(timeout=60)
    assert (one.returncode, "version: ok" in output) == (0, True)


@pytest.mark.slow
@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("name", "version", "passes"),
    [
        ("page", "0.0.0", True),
        ("asset", "0.0.0", True),
        ("version", "0.0.0", True),
        ("version", "0.0.1", False),
    ],
)
def test_without_a_login_probes_of_the_kubelet_run_the_checks(
    project: Path, tmp_path: Path, name: str, version: str, passes: bool
) -> None:
    """The pod's configuration in a real NGINX, and the probe's request from the manifest."""
    found = parse(template("public", {"release.asset": asset_of(project)}))
    conf = only("ConfigMap", found, "test")["data"]["probe.conf"]
    (pod,) = [one for one in found if one["kind"] == "Pod" and one["metadata"]["name"] == f"site-test-{name}"]
    (sidecar,) = pod["spec"]["initContainers"]
    probe = sidecar["startupProbe"]["httpGet"]
    assert (sidecar["restartPolicy"], probe["port"]) == ("Always", "http")
    assert sidecar["startupProbe"]["failureThreshold"] < pod["spec"]["activeDeadlineSeconds"]
    headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
    port = free_port()
    with server.run_process(tmp_path, project, server.cluster_conf(version=version)) as web:
        ours, changed = re.subn(r"listen 8080;", f"listen 127.0.0.1:{port};", conf)
        ours, again = re.subn(r"http://site-web;", f"http://127.0.0.1:{web.port};", ours)
        assert (changed, again) == (1, 1)
        (tmp_path / "probe.conf").write_text(ours.replace("/tmp/", f"{tmp_path}/").replace("daemon off;", ""))
        argv = [need("nginx"), "-p", str(tmp_path), "-e", "/dev/stderr", "-c", str(tmp_path / "probe.conf"),
                "-g", "daemon off;"]  # fmt: skip
        with (tmp_path / "probe.log").open("wb") as log:
            one = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            wait_until(lambda: port_is_open(port))
            status = web.get(probe["path"], headers=headers, port=port).status
            assert (200 <= status < 400) == passes, status  # as the kubelet judges
        finally:
            one.terminate()
            one.wait(10)


def port_is_open(port: int) -> bool:
    """Return whether *port* of this machine accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
