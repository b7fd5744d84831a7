"""docs/operator.md, "From an empty cluster to a live site": commands and files that need no cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.fakes.apiserver import api_server
from tests.fakes.upstream import upstream
from tests.flux import schemas
from tests.flux.build import build_cluster, cluster
from tests.helm.render import CHART, helm, values_options
from tests.support import fast_yaml
from tests.support.dropped_connections import dropping_server
from tests.support.guide import blocks, chapter
from tests.support.previews import free_port
from tests.support.project import ROOT
from tests.support.tools import need


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a fresh clone has: the files that Git tracks, and nothing beside."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        source, target = ROOT / name, tmp_path / "site" / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    placeholder = re.sub("age: .*", "age: age1-write-your-public-key-here", (ROOT / ".sops.yaml").read_text())
    (tmp_path / "site" / ".sops.yaml").write_text(placeholder)
    return tmp_path / "site"


def run(line: str, folder: Path, stdin: str = "", path: str = "") -> str:
    """Run a line of the guide by bash, with the programs of this project's environment."""
    for program in ("sops", "age-keygen", "kubectl"):
        need(program)
    path = ":".join(filter(None, [path, str(ROOT / ".venv/bin"), os.environ["PATH"]]))
    env = {"PATH": path, "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-euc", line], cwd=folder, env=env, input=stdin, capture_output=True,
                          text=True, check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_secrets_are_made_in_a_fresh_clone(checkout: Path) -> None:
    """Steps 1 and 2, each line as it stands there; those for the cluster are left out."""
    (checkout / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
    lines = [
        line
        for title in ("1. Say what the cluster is", "2. Make the Secrets")
        for block in blocks(chapter(title), "sh")
        for line in block.splitlines()
    ]
    ours = [line for line in lines if not line.startswith("kubectl ")]
    assert len(ours) >= 12
    assert [line.split()[0] for line in lines if line not in ours] == ["kubectl"] * 2
    for line in ours:
        run(line, checkout, "a secret of somewhere else\n" if "< ca.crt" not in line else "")
    secrets = sorted((checkout / "flux/secrets/production").iterdir())
    assert [file.stem for file in secrets] == [
        "alerts", "backup", "ca", "charts", "images", "keys", "mail", "receiver",
    ]  # fmt: skip
    assert all("sops" in fast_yaml.load(file.read_text()) for file in secrets)
    assert all("somewhere else" not in file.read_text() for file in secrets)
    key = {"SOPS_AGE_KEY_FILE": str(checkout.parent / "site.agekey")}
    opened = run(f"SOPS_AGE_KEY_FILE={key['SOPS_AGE_KEY_FILE']} sops decrypt {secrets[2]}", checkout)
    assert fast_yaml.load(opened)["stringData"] == {"ca.crt": (checkout / "ca.crt").read_text()}
    assert list(checkout.rglob("*.agekey")) == []
    run("python -m pipelines settings --check", checkout)
    assert len(build_cluster(checkout, "production").parts["secrets"]) == len(secrets)


def test_an_invalid_certificate_is_refused(checkout: Path) -> None:
    """A private key would lie in a Secret that many may read."""
    key = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"
    for text in ("", "ca", key):
        with pytest.raises(AssertionError, match="ca: "):
            run("python -m pipelines secrets ca --out ../ca.yaml", checkout, text)
    assert not (checkout.parent / "ca.yaml").exists()


SHIM = """#!/bin/sh
case "$*" in
  "-n kube-system get configmap"*) cat {authority} ;;
  "-n site create token status"*) echo token-of-status ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


def test_the_kubeconfig_of_the_pipeline_is_made(checkout: Path) -> None:
    """Values of a cluster are given; the real kubectl reads the file, which is private."""
    (block,) = blocks(chapter("6. Let the pipeline see the release"), "sh")
    authority = checkout.parent / "authority"
    authority.write_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
    shim = checkout.parent / "bin" / "kubectl"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(authority=authority))
    shim.chmod(0o755)
    run(block, checkout, path=str(shim.parent))
    file = checkout.parent / "status.kubeconfig"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = json.loads(run("kubectl config view --raw --kubeconfig ../status.kubeconfig -o json", checkout))
    assert found["current-context"] == "site"
    assert found["users"] == [{"name": "status", "user": {"token": "token-of-status"}}]
    inside = found["clusters"][0]["cluster"]
    assert inside["server"] == "https://192.0.2.10:6443"
    assert b64decode(inside["certificate-authority-data"]) == authority.read_bytes()
    assert found["contexts"][0]["context"] == {"cluster": "site", "user": "status", "namespace": "site"}


def test_the_command_of_the_guide_adds_an_owner_of_replicas(tmp_path: Path) -> None:
    """The real kubectl makes another owner of `replicas`; the release that leaves it out keeps the number."""
    (command, _) = blocks(chapter("Scale, and drain a node"), "sh")
    with api_server() as api:
        config = api.kubeconfig(tmp_path)
        options: list[str | Path] = [
            "--kubeconfig",
            config,
            "--namespace",
            "site",
            "--server-side=true",
            "--force-conflicts",
        ]
        helm("upgrade", "site", CHART, "--install", *options, *values_options("nodeport"))
        run(f"export KUBECONFIG={config}\n{command}", tmp_path)
        owners = {
            who
            for who, fields in api.objects["deployments", "site-web"].owned.items()
            if ("spec", "replicas") in fields
        }
        assert owners == {("helm", ""), ("handover", "")}
        both = ['--set-json=web.replicas="unmanaged"', '--set-json=api.replicas="unmanaged"']
        output = helm("upgrade", "site", CHART, *options, *values_options("nodeport"), *both, code=1)
        (command,) = re.findall(r"api[.]replicas: .*release again: (.*)", output)
        run(f"export KUBECONFIG={config}\n{command}", tmp_path)  # the command of the chart's hint
        helm("upgrade", "site", CHART, *options, *values_options("nodeport"), *both)
        assert (api.replicas("site-web"), api.replicas("site-api")) == (3, 3)
        assert ("spec", "replicas") not in api.objects["deployments", "site-web"].owned["helm", ""]


def test_the_chart_refuses_an_older_kubernetes_than_the_guide_asks_for() -> None:
    """Flux 2.9 requires 1.33: https://fluxcd.io/flux/installation/#prerequisites."""
    found = re.search(r"^\| Kubernetes (\d+)\.(\d+) or newer,", chapter("Prerequisites"), re.M)
    assert found
    major, minor = int(found[1]), int(found[2])
    assert (major, minor) == (1, 33)
    options = values_options("nodeport")
    helm("template", "site", CHART, "--kube-version", f"{major}.{minor}.0", *options)
    text = helm("template", "site", CHART, "--kube-version", f"{major}.{minor - 1}.9", *options, code=1)
    assert "chart requires kubeVersion: >=1.33.0-0" in text


def test_a_restore_ends_with_a_login_that_runs() -> None:
    """What is suspended is resumed, the login before what waits for it; what is scaled down is scaled up."""
    steps = "\n".join(blocks(chapter("Restore the database"), "sh"))
    scaled = re.findall(r"scale deployment/site-api --replicas=(\S+)", steps)
    assert scaled == ["0", '"$REPLICAS"']
    suspended = re.findall(r"flux suspend (.+)", steps)
    resumed = re.findall(r"flux resume (.+?)(?: --timeout=\w+)?(?: +#.*)?$", steps, re.MULTILINE)
    # One name a line: `flux resume` waits for no object of several. `apps` is not ready before the others.
    assert resumed == ["helmrelease -n site site", "kustomization database", "kustomization apps"]
    assert suspended == ["kustomization apps database", "helmrelease -n site site"]
    assert re.findall(r'patch cronjob .*"suspend": (\w+)', steps) == ["true", "false"]
    assert steps.index("scale deployment/site-api --replicas=0") < steps.index("flux resume")
    assert steps.index("flux resume helmrelease") < steps.rindex("scale deployment/site-api")
    label = re.search(r"kubectl -n site delete job --selector (\S+)=(\S+)", steps)
    assert label
    (job,) = [one for one in fast_yaml.load_all(helm("template", "site", CHART, *values_options("nodeport")))
              if one["kind"] == "Job"]  # fmt: skip
    assert job["metadata"]["labels"][label[1]] == label[2]


def test_the_restored_manifests_are_accepted(tmp_path: Path) -> None:
    """Step 3 and the copy of step 4, by the real kubectl: what one API server wrote, another one creates."""
    kubectl = need("kubectl")
    live = json.loads(json.dumps(cluster("full", "production").the("postgresql", "acid-site")))
    live["metadata"] |= {"uid": "a-uid", "resourceVersion": "12", "generation": 3}
    live["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    live["status"] = {"PostgresClusterStatus": "Running"}
    (tmp_path / "live.json").write_text(json.dumps(live))
    shim = tmp_path / "bin" / "kubectl"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\n[ "$3" = get ] && exec cat live.json\nexec {kubectl} "$@"\n')
    shim.chmod(0o755)
    steps = blocks(chapter("Restore the database"), "sh")
    lines = steps[1].splitlines()[0] + "\nexport RESTORE_UID=a-uid\n" + steps[3]
    lines += steps[4].partition("kubectl create")[0]
    env = {"PATH": f"{shim.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    subprocess.run(
        ["bash", "-euc", lines], cwd=tmp_path, env=env, check=True, capture_output=True, timeout=60
    )
    for name in ("restored", "copy"):
        body = fast_yaml.load((tmp_path / f"{name}.yaml").read_text())
        assert "status" not in body
        assert body["metadata"].keys() <= {"name", "namespace", "annotations", "labels"}
        # The operator forgets the pods of a resource that is deleted just after its annotation was set.
        allowed = body["metadata"]["annotations"].get("delete-clustername")
        assert allowed == ("acid-copy" if name == "copy" else None)
        assert ("users" in body["spec"]) == ("databases" in body["spec"]) == (name == "restored")
        given = body["spec"].pop("clone")
        assert given == {"cluster": "acid-site", "uid": "a-uid", "timestamp": "2026-11-23T10:00:00+00:00"}
        if name == "restored":
            assert body["spec"] == live["spec"]
        body["spec"]["clone"] = given
        assert schemas.schema_errors(body) == []


NODES = ("192.0.2.11", "192.0.2.12", "192.0.2.13")


@pytest.fixture
def edge(tmp_path: Path) -> tuple[str, dict[str, int]]:
    """The edge's file with ports, nodes and certificate of this machine, and the ports."""
    (text,) = blocks(chapter("4. The edge"), "nginx")
    ports = {name: free_port() for name in ("plain", "tls", "web", "hooks")}
    subprocess.run(
        [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=example.org", "-addext", "subjectAltName=DNS:example.org",
         "-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    for node, host in zip(NODES, ("127.0.0.2", "127.0.0.3", "127.0.0.1"), strict=True):
        text = text.replace(f"{node}:30080", f"{host}:{ports['web']}")
        text = text.replace(f"{node}:30090", f"{host}:{ports['hooks']}")
    text = text.replace("/etc/ssl/site", str(tmp_path))
    text = text.replace("listen 80;", f"listen 127.0.0.1:{ports['plain']};")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{ports['tls']} ssl")
    return text, ports


@contextmanager
def run_edge(edge: tuple[str, dict[str, int]], folder: Path, workers: int = 1) -> Iterator[None]:
    """Check the edge's file with `nginx -t`, and run it."""
    text, ports = edge
    main = folder / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; worker_processes {workers}; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{text}\n}}\n"
    )
    argv = [need("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(main)]
    tried = subprocess.run([*argv, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    nginx = subprocess.Popen(argv)
    try:
        wait_until_listening(ports["tls"])
        yield
    finally:
        nginx.terminate()
        nginx.wait(10)


def test_the_edge_forwards_requests_to_a_working_node(
    edge: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    """The example runs unchanged: nginx -t, TLS, trusted headers, nodes that refuse, webhooks."""
    ports = edge[1]
    with upstream(ports["web"]) as web, upstream(ports["hooks"]) as hooks, run_edge(edge, tmp_path):
        web.respond(200, b"a page")
        hooks.respond(200)
        for _ in range(6):
            assert get(ports["tls"], "/posts/", tmp_path) == (200, "a page", "")
        assert {one.path for one in web.requests} == {"/posts/"}
        seen = web.requests[0].headers
        assert (seen["host"], seen["x-forwarded-proto"]) == ("example.org", "https")
        assert seen["x-forwarded-for"] == "127.0.0.1"  # not what the reader wrote
        codes = [get(ports["tls"], "/hook/abc", tmp_path)[0] for _ in range(14)]
        assert codes[0] == 200
        assert 503 in codes  # the limit
        assert {one.path for one in hooks.requests} == {"/hook/abc"}
        status, _, location = get(ports["plain"], "/a?b")
        assert (status, location) == (301, "https://example.org/a?b")


def test_no_reader_waits_for_a_drained_node(edge: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    """One reader waits a second; for ten seconds no further one, of either worker. A form arrives once."""
    ports = edge[1]
    with (
        dropping_server("127.0.0.2", ports["web"]),
        upstream(ports["web"], host="127.0.0.3") as second,
        upstream(ports["web"]) as third,
        run_edge(edge, tmp_path, workers=2),
    ):
        for node in (second, third):
            node.respond(200, b"a page")
        seconds = []
        for number in range(40):
            start = time.monotonic()
            method = "POST" if number % 2 else "GET"
            assert get(ports["tls"], f"/{number}", tmp_path, method)[0] == 200
            seconds.append(time.monotonic() - start)
        seen = sorted(int(one.path[1:]) for node in (second, third) for one in node.requests)
    assert seen == list(range(40))
    slow = [one for one in seconds if one > 0.9]
    assert len(slow) <= 1 + sum(seconds) // 10, seconds
    assert max(seconds) < 3, seconds


def test_readers_are_back_as_soon_as_a_node_is(edge: tuple[str, dict[str, int]], tmp_path: Path) -> None:
    """A second in which no node takes a connection, and not ten more."""
    ports = edge[1]
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    with run_edge(edge, tmp_path):
        with ExitStack() as stack:
            for host in hosts:
                stack.enter_context(dropping_server(host, ports["web"]))
            assert get(ports["tls"], "/", tmp_path)[0] == 504
        with upstream(ports["web"], host=hosts[1]) as node:
            node.respond(200, b"a page")
            assert [get(ports["tls"], "/", tmp_path)[0] for _ in range(5)] == [200] * 5


def test_a_page_comes_from_another_node_when_one_has_died(
    edge: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    """Its kept connections are open here, and nobody answers."""
    text, ports = edge
    shorter = text.replace("proxy_read_timeout 10s;", "proxy_read_timeout 1s;")
    shorter = shorter.replace("proxy_read_timeout 30s;", "proxy_read_timeout 2s;")
    assert shorter.count("proxy_read_timeout") == 2
    with (
        socket.create_server(("127.0.0.2", ports["web"])) as dead,
        upstream(ports["web"], host="127.0.0.3") as second,
        upstream(ports["web"]) as third,
        run_edge((shorter, ports), tmp_path),
    ):
        for node in (second, third):
            node.respond(200, b"a page")
        found = [get(ports["tls"], "/", tmp_path)[0] for _ in range(3)]
        assert found == [200] * 3
        dead.setblocking(False)
        dead.accept()[0].close()  # one of them was sent there first
        with pytest.raises(BlockingIOError):
            dead.accept()


def wait_until_listening(port: int) -> None:
    for _ in range(100):
        with closing(socket.socket()) as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the edge does not listen")


def get(port: int, path: str, authority: Path | None = None, method: str = "GET") -> tuple[int, str, str]:
    """Return status, body and Location of what a reader gets, by TLS where *authority* has a certificate.

    The client sends a forged address.
    """
    connection = HTTPConnection("example.org", timeout=20)
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sock = plain
    if authority:
        context = ssl.create_default_context(cafile=str(authority / "fullchain.pem"))
        connection.sock = context.wrap_socket(plain, server_hostname="example.org")
    with closing(connection):
        body = b"a=b" if method == "POST" else None
        connection.request(method, path, body, headers={"X-Forwarded-For": "203.0.113.9"})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("Location", "")
