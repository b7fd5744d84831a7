"""Tests behind a TLS proxy: no request falls back to plain HTTP, and proxy faults get a hint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from pipelines.charts.helm_repository import HelmRepository
from pipelines.charts.repository import open_repository
from pipelines.core.credentials import RECEIVER_KINDS, Login, Receiver
from pipelines.core.errors import ToolError
from pipelines.core.results import ChartResult
from pipelines.publish import webhook
from pipelines.tools.git import commit_rollback
from pipelines.tools.http import HttpClient
from pipelines.tools.registry import Registry
from pipelines.tools.retry import RetryPolicy
from pipelines.tools.s3 import Bucket, BucketLocation
from tests.fakes.upstream import upstream
from tests.fakes.wire import wire
from tests.support.edge import FORWARDED, edge
from tests.support.project import COMMITTED, commit_all, git, write
from tests.support.registry import LOGIN, registry

BLOB = b"a members' page: " + Random(7).randbytes(600_000)
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
CHART = ChartResult("site", "1.0.4", "1" * 40, DIGEST, len(BLOB), "", "", "", "")
PROTO = r"X-Forwarded-Proto \(NGINX: proxy_set_header X-Forwarded-Proto \$scheme;\)"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry without TLS, which needs a proxy with it."""
    with registry(tmp_path_factory.mktemp("registry"), closed=True, tls=False) as one:
        yield one.host


def client(host: str, authority: Path, name: str, tries: int = 1) -> tuple[HttpClient, Registry]:
    web = HttpClient(RetryPolicy(30, tries=tries), authority)
    return web, Registry(web, f"{host}/{name}", Login(*LOGIN), "VARIABLES")


def test_no_layer_is_sent_over_plain_http(behind: str, tmp_path: Path) -> None:
    """Without X-Forwarded-Proto the registry redirects uploads to http:// on the same host and port."""
    settings = ""
    with edge(tmp_path / "edge", behind, settings) as front, wire(front.port) as network:
        web, there = client(network.host, front.authority, "clear/web")
        with web, pytest.raises(ToolError, match=rf"leads to http://{network.host}, without TLS.*{PROTO}"):
            there.upload(DIGEST, BLOB)
    assert network.received  # the handshake and what is encrypted
    for text in (b"HTTP/1.1", b"Authorization", b"a members' page", BLOB[100:132]):
        assert text not in network.received


def test_with_x_forwarded_proto_the_upload_succeeds(behind: str, tmp_path: Path) -> None:
    with edge(tmp_path / "edge", behind, FORWARDED) as front, wire(front.port) as network:
        web, there = client(network.host, front.authority, "sealed/web")
        with web:
            there.upload(DIGEST, BLOB)
            assert there.blob(DIGEST) == BLOB
    assert b"a members' page" not in network.received


REDIRECTS = [
    ("if ($request_method = GET) { return 307 http://%s/other; }", "a blob over plain HTTP"),
    ("if ($request_method = HEAD) { return 301 http://%s/other; }", "a request for a blob"),
    ("if ($request_method = POST) { add_header Location http://%s/up always; return 202; }", "an upload"),
    ("add_header WWW-Authenticate 'Bearer realm=\"http://%s/token\"' always; return 401;", "a token"),
    ("add_header Link '<http://%s/v2/x/tags/list?n=2>; rel=\"next\"'; return 200 '{\"tags\": []}';", "tags"),
]


@pytest.mark.parametrize(("settings", "what"), REDIRECTS, ids=[what for _, what in REDIRECTS])
def test_no_redirect_to_plain_http_is_followed(settings: str, what: str, tmp_path: Path) -> None:
    with upstream() as plain:
        host = f"127.0.0.1:{plain.port}"
        with edge(tmp_path / "edge", host, settings % host) as front:
            web, there = client(front.host, front.authority, "x")
            acts: dict[str, Callable[[], object]] = {
                "a blob over plain HTTP": lambda: there.blob(DIGEST),
                "a request for a blob": lambda: there.has(DIGEST),
                "an upload": lambda: there.upload(DIGEST, BLOB),
                "a token": lambda: there.has(DIGEST),
                "tags": there.tags,
            }
            with web, pytest.raises(ToolError, match=rf"leads to http://{host}, without TLS.*{PROTO}"):
                acts[what]()
        assert plain.requests == []


@pytest.mark.parametrize("kind", ["publish", "status"])
def test_an_index_behind_tls_must_not_name_plain_http_urls(kind: str, tmp_path: Path) -> None:
    with upstream() as plain:
        host = f"127.0.0.1:{plain.port}"
        row = f'{{"name": "site", "version": "1.0.4", "digest": "{DIGEST[7:]}", "urls": ["http://{host}/a.tgz"]}}'
        index = f'return 200 \'{{"entries": {{"site": [{row}]}}}}\';'
        with (
            edge(tmp_path / "edge", host, index) as front,
            HttpClient(RetryPolicy(30), front.authority) as web,
        ):
            url, login = f"https://{front.host}/repository/charts", Login(*LOGIN)
            charts = open_repository(web, url, login)
            assert charts.versions() == ["1.0.4"]
            acts: dict[str, Callable[[], object]] = {
                "publish": lambda: HelmRepository(web, url, login, "VARIABLES", "site").wait_for(CHART, 5),
                "status": lambda: charts.fetch("1.0.4"),
            }
            with pytest.raises(ToolError, match=rf"leads to http://{host}, without TLS.*{PROTO}"):
                acts[kind]()
        assert plain.requests == []


def test_credentials_go_to_the_first_host_alone(tmp_path: Path) -> None:
    """Registries redirect blob requests to signed URLs of object storage."""
    with upstream() as target:
        target.respond(200, BLOB)
        storage = edge(tmp_path / "storage", f"127.0.0.1:{target.port}")
        with storage as there:
            settings = f"return 307 https://{there.host}/bucket/blob?signature=abc;"
            with edge(tmp_path / "edge", "127.0.0.1:9", settings) as front:
                both = tmp_path / "both.pem"
                both.write_bytes(there.authority.read_bytes() + front.authority.read_bytes())
                with HttpClient(RetryPolicy(30), both) as web:
                    response = web.request(
                        "GET", f"https://{front.host}/v2/x/blobs/{DIGEST}", login=Login(*LOGIN)
                    )
        assert response.body == BLOB
        (request,) = target.requests
        assert request.path.startswith("/bucket/blob")
        assert "authorization" not in {name.lower() for name in request.headers}


HINTS = [
    (
        "client_max_body_size 1k;",
        r"413; a proxy in front of it takes no body of this size.*client_max_body_size 0",
    ),
    ("limit_except GET HEAD { deny all; }", r"403; NGINX in front of it refuses this itself"),
    (
        "if ($request_method = PATCH) { return 405; }",
        r"405; NGINX in front of it does not pass this method on",
    ),
    ("if ($request_method = POST) { return 404; }", r"404; NGINX in front of it has no such path"),
    (
        "if ($request_method = POST) { return 301 https://registry.example.org$request_uri; }",
        r"301; it redirects to https://registry\.example\.org; write that URL$",
    ),
    (
        "if ($request_method = POST) { return 308 http://$http_host$request_uri; }",
        rf"308; it redirects.*{PROTO}",
    ),
    ("if ($request_method = POST) { return 301 /other/; }", r"301; it redirects to another path of the same"),
]


@pytest.mark.parametrize(("settings", "expected"), HINTS, ids=[text[:3] for _, text in HINTS])
def test_an_upload_that_a_proxy_refuses_names_its_setting(
    settings: str, expected: str, behind: str, tmp_path: Path
) -> None:
    with edge(tmp_path / "edge", behind, f"{FORWARDED} {settings}") as front:
        web, there = client(front.host, front.authority, "refused/web")
        with web, pytest.raises(ToolError, match=expected) as raised:
            there.upload(DIGEST, BLOB)
    assert "VARIABLES" not in str(raised.value)  # the login is not at fault


def test_a_stopped_or_slow_server_is_distinguished_from_its_proxy(tmp_path: Path) -> None:
    with edge(tmp_path / "away", "127.0.0.1:9") as front:
        web, there = client(front.host, front.authority, "x")
        with web, pytest.raises(ToolError, match=r"502; NGINX in front of it does not reach the server"):
            there.manifest("1.0.4")
    with upstream() as slow:
        slow.respond(200, delay=3.0)
        with edge(tmp_path / "slow", f"127.0.0.1:{slow.port}", "proxy_read_timeout 200ms;") as front:
            web, there = client(front.host, front.authority, "x")
            with web, pytest.raises(ToolError, match=r"504; NGINX in front .*proxy_read_timeout"):
                there.manifest("1.0.4")


def test_http_to_a_tls_port_and_the_reverse_are_reported(tmp_path: Path) -> None:
    with edge(tmp_path / "tls", "127.0.0.1:9") as front, HttpClient(RetryPolicy(30)) as web:
        url = f"http://{front.host}/repository/charts"
        with pytest.raises(ToolError, match="400; this port expects TLS; write its URL with https://"):
            HelmRepository(web, url, Login(*LOGIN), "VARIABLES", "site").contains(CHART)
    with edge(tmp_path / "plain", "127.0.0.1:9", tls=False) as front:
        web, there = client(front.host, front.authority, "x", tries=6)
        with web, pytest.raises(ToolError, match="has no TLS at this port"):
            there.manifest("1.0.4")


def test_a_response_of_the_registry_itself_gets_no_hint(behind: str, tmp_path: Path) -> None:
    """A hint needs certainty."""
    with edge(tmp_path / "edge", behind) as front, HttpClient(RetryPolicy(30), front.authority) as web:
        wrong = Registry(web, f"{front.host}/x/web", Login("ci", "wrong"), "VARIABLES")
        with pytest.raises(ToolError, match=r"does not know this login \(401\); fix VARIABLES$"):
            wrong.manifest("1.0.4")
        response = web.request(
            "PUT", f"https://{front.host}/v2/x/web/manifests/a", body=b"{}", login=Login(*LOGIN)
        )
        assert (response.status, response.reason) == (400, "400")


def test_object_storage_does_not_redirect_to_plain_http(tmp_path: Path) -> None:
    """boto3 must not follow such a redirect, neither of PUT nor of GET."""
    with upstream() as plain:
        settings = f"return 307 http://127.0.0.1:{plain.port}$request_uri;"
        with edge(tmp_path / "edge", f"127.0.0.1:{plain.port}", settings) as front:
            location = BucketLocation(
                "archive bucket", f"https://{front.host}", "us-east-1", "a", "VARIABLES"
            )
            bucket = Bucket(location, Login("key", "secret"), RetryPolicy(30), front.authority)
            for act in (lambda: bucket.put("k", BLOB, {}), lambda: bucket.get("k"), lambda: bucket.list("")):
                with pytest.raises(ToolError, match=rf"307.*without TLS; .*{PROTO}"):
                    act()
        assert plain.requests == []


def test_object_storage_behind_a_proxy_with_a_limit(tmp_path: Path) -> None:
    with edge(tmp_path / "edge", "127.0.0.1:9", "client_max_body_size 1k;") as front:
        location = BucketLocation("archive bucket", f"https://{front.host}", "us-east-1", "a", "VARIABLES")
        bucket = Bucket(location, Login("key", "secret"), RetryPolicy(30), front.authority)
        with pytest.raises(ToolError, match=r"413.*client_max_body_size 0"):
            bucket.put("k", BLOB, {})


@pytest.mark.parametrize("kind", RECEIVER_KINDS)
def test_a_webhook_does_not_redirect_to_plain_http(kind: str, tmp_path: Path) -> None:
    with upstream() as plain:
        settings = f"return 308 http://127.0.0.1:{plain.port}$request_uri;"
        with edge(tmp_path / "edge", f"127.0.0.1:{plain.port}", settings) as front:
            hook = Receiver(f"https://{front.host}/hook/secret", "a token", kind)
            with HttpClient(RetryPolicy(30), front.authority) as web:
                error = webhook.notify_receiver(web, hook, CHART)
        assert plain.requests == []
    assert re.search(rf"308; it redirects to http://127\.0\.0\.1:\d+, without TLS; .*{PROTO}", error)
    assert "/hook" not in error


def test_git_does_not_redirect_to_plain_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default Git follows such a redirect with the credentials."""
    project = tmp_path / "site"
    write(project / "content/a.md", "a\n")
    git(project, "init", "-q", "-b", "main")
    commit_all(project, COMMITTED)
    with upstream() as plain:
        settings = f"return 301 http://127.0.0.1:{plain.port}$request_uri;"
        with edge(tmp_path / "edge", f"127.0.0.1:{plain.port}", settings) as front:
            git(project, "remote", "add", "origin", f"https://me:secret@{front.host}/site.git")
            monkeypatch.setenv("GIT_SSL_CAINFO", str(front.authority))
            old = git(project, "rev-parse", "HEAD").strip()
            with pytest.raises(ToolError, match='Protocol "http" not supported or disabled') as raised:
                commit_rollback(project, ["content"], {}, old, "Go back", "main")
        assert plain.requests == []
    assert "secret" not in str(raised.value)
