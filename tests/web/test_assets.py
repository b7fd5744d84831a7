"""Peer fetch: pods of two releases serve each other's hashed assets; the bucket is the fallback."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.upstream import Upstream, upstream
from tests.support.previews import free_port
from tests.support.project import build_site
from tests.support.registry import certificate
from tests.web import server
from tests.web.conftest import CANARY, Start, build_web_project
from tests.web.server import WebServer

FOREVER = "public, max-age=31536000, immutable"
GONE = "/assets/gone.0123abcd.css"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next release: another stylesheet, another members' picture."""
    folder = tmp_path_factory.mktemp("other")
    site = build_web_project(folder)
    style = next((site / "theme/css").glob("*.css"))
    style.write_text(style.read_text("utf-8") + "\n.another-release{color:red}\n", "utf-8")
    picture = site / "content/images/secret.svg"
    picture.write_text(picture.read_text("utf-8").replace("M0 0", "M1 1"), "utf-8")
    build_site(site)
    return site


def assets(site: Path, tree: str) -> set[str]:
    """Return the addresses of the hashed files of *tree*, without their twins."""
    root = site / "out/site" / tree
    return {
        "/" + file.relative_to(root).as_posix()
        for file in root.rglob("assets/*")
        if file.suffix not in (".gz", ".br")
    }


@pytest.fixture(scope="module")
def pods(
    start: Start, other: Path, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream
) -> Iterator[tuple[WebServer, WebServer]]:
    """An old pod and a new one, each with the other as its peer."""
    folder, new = tmp_path_factory.mktemp("new"), free_port()
    with start(api=f"127.0.0.1:{_upstream.port}", peers=f"127.0.0.1:{new}") as old:
        text = server.cluster_conf(api=f"127.0.0.1:{_upstream.port}", peers=f"127.0.0.1:{old.port}")
        with server.run_process(folder, other, text, port=new) as one:
            yield old, one


def test_pods_of_two_releases_serve_each_others_assets(
    pods: tuple[WebServer, WebServer], project: Path, other: Path, api: Upstream
) -> None:
    """During a rollout every page finds its assets on any pod."""
    before, after = assets(project, "public"), assets(other, "public")
    assert before - after
    assert after - before
    for pod, having, lacking in ((pods[0], project, after - before), (pods[1], other, before - after)):
        for path in sorted(lacking):
            owner = other if having is project else project
            data = (owner / "out/site/public" / path[1:]).read_bytes()
            response = pod.get(path)
            assert (response.status, response.body) == (200, data)
            assert response.headers["cache-control"] == FOREVER
            there = pods[1 if pod is pods[0] else 0].get(path)  # the same response, each header once
            assert {name: value for name, value in response.headers.items() if name != "date"} == {
                name: value for name, value in there.headers.items() if name != "date"
            }
            packed = pod.get(path, headers={"Accept-Encoding": "br"})
            assert packed.status == 200
            assert pod.get(path, "HEAD").body == b""
    assert api.requests == []


def test_peers_check_their_own_gate_for_members_assets(
    pods: tuple[WebServer, WebServer], project: Path, other: Path, api: Upstream
) -> None:
    (path,) = {p for p in assets(other, "gated") - assets(project, "gated") if p.endswith(".svg")}
    cookie = {"Cookie": "sessionid=abc"}
    response = pods[0].get(path, headers=cookie)
    assert (response.status, CANARY in response.text) == (200, True)
    assert response.headers["cache-control"] == "private, no-store"
    assert [request.headers["cookie"] for request in api.requests] == ["sessionid=abc"] * 2
    for status in (401, 403, 500):
        api.respond(status)
        for pod in pods:
            refused = pod.get(path, headers=cookie)
            assert refused.status in (401, 403, 503)
            assert CANARY not in refused.text
    api.respond(403)
    assert pods[0].get(path, headers={**cookie, "X-Asset-Hop": "1"}).status == 403


def test_an_asset_that_no_pod_has_is_not_found(pods: tuple[WebServer, WebServer]) -> None:
    """One hop: a peer does not forward a peer fetch."""
    response = pods[0].get(GONE)
    assert response.status == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    line = pods[1].logged(GONE)
    assert (line["status"], line["upstream_status"]) == (404, "")
    assert [line["path"] for line in pods[1].log].count(GONE) == 1


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    "path",
    ["/assets/plain.css", "/assets/x.0123abcd.css/y", "/assets/%0d%0ax.0123abcd.css", "/assets/", "/assets",
     "/assets/..%2fx.0123abcd.css", "/assets/x.0123ABCD.css", "/x.0123abcd.css", "/assets/a%20b.0123abcd.css",
     "/assets/a%3fb.0123abcd.css", "/posts/assets/x.0123abcd.css"],
)  # fmt: skip
def test_only_hashed_names_are_fetched_from_peers(start: Start, api: Upstream, path: str) -> None:
    api.respond(200, b"from a peer")
    with start(peers=f"127.0.0.1:{api.port}", bucket=f"http://127.0.0.1:{api.port}/b") as web:
        assert web.get(path).status in (400, 404)
    assert api.requests == []


def test_a_peer_fetch_sends_nothing_about_the_reader(start: Start, api: Upstream) -> None:
    api.respond(200, b"a{}", Content_Type="text/css", Cache_Control="no-store", Set_Cookie="x=y")
    with start(peers=f"127.0.0.1:{api.port}") as web:
        sent = {"Cookie": "sessionid=abc", "Authorization": "Basic eA==", "Accept-Encoding": "br"}
        response = web.get(GONE + "?x=1", headers=sent)
    assert (response.status, response.body, response.headers["cache-control"]) == (200, b"a{}", FOREVER)
    assert "set-cookie" not in response.headers
    assert [(request.method, request.path) for request in api.requests] == [("GET", GONE)]
    assert api.requests[0].headers == {
        "accept-encoding": "br", "connection": "close", "host": "small.example", "x-asset-hop": "1",
    }  # fmt: skip


@pytest.mark.parametrize("hop", ["1", "0", "", ",x,", "a,b"])
def test_a_request_from_a_peer_starts_no_peer_fetch(start: Start, api: Upstream, hop: str) -> None:
    """No value of the header causes a loop."""
    api.respond(200, b"from a peer")
    with start(peers=f"127.0.0.1:{api.port}", bucket=f"http://127.0.0.1:{api.port}/b") as web:
        assert web.get(GONE, headers={"X-Asset-Hop": hop}).status == (200 if hop == "" else 404)
    assert len(api.requests) == (1 if hop == "" else 0)


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize(
    ("peer", "bucket", "status", "upstreams"),
    [
        (200, None, 200, ["peer"]),
        (200, 200,  200, ["peer"]),
        (404, 200,  200, ["peer", "bucket"]),
        (None, 200, 200, ["bucket"]),
        (500, 200,  200, ["peer", "bucket"]),
        (503, 404,  404, ["peer", "bucket"]),
        (404, 403,  404, ["peer", "bucket"]),  # S3 sends 403 for a missing key
        (404, 404,  404, ["peer", "bucket"]),
        (404, 500,  404, ["peer", "bucket"]),
        (404, None, 404, ["peer"]),
        (None, None, 404, []),
        (0,   200,  200, ["bucket"]),          # nobody listens
        (0,   0,    404, []),
        (301, 200,  200, ["peer", "bucket"]),  # a redirect is no file, nor is it followed
        (None, 307, 404, ["bucket"]),
    ],
)  # fmt: skip
def test_peers_come_first_then_the_bucket(
    start: Start, api: Upstream, peer: int | None, bucket: int | None, status: int, upstreams: list[str]
) -> None:
    api.respond(404)
    api.pages[GONE] = (peer or 404, b"of a peer")
    api.pages["/b" + GONE] = (bucket or 404, b"of the bucket")
    values = {}
    if peer is not None:
        values["peers"] = f"127.0.0.1:{api.port if peer else 1}"
    if bucket is not None:
        values["bucket"] = f"http://127.0.0.1:{api.port if bucket else 1}/b"
    with start(**values) as web:
        response = web.get(GONE)
    assert ["bucket" if one.path.startswith("/b/") else "peer" for one in api.requests] == upstreams
    assert response.status == status
    if status == 200:
        assert response.body == (b"of a peer" if peer == 200 else b"of the bucket")
        assert response.headers["cache-control"] == FOREVER
    else:
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"


def test_a_bucket_fetch_sends_nothing_about_the_reader(start: Start, api: Upstream) -> None:
    api.respond(200, b"a{}", Content_Type="text/css", x_amz_request_id="1", x_amz_id_2="2", Server="AmazonS3")
    with start(bucket=f"http://127.0.0.1:{api.port}/site/assets-bucket") as web:
        response = web.get(GONE, headers={"Cookie": "sessionid=abc", "Referer": "https://x/"})
    assert response.status == 200
    assert [request.path for request in api.requests] == ["/site/assets-bucket" + GONE]
    assert api.requests[0].headers == {
        "accept-encoding": "identity", "connection": "close", "host": f"127.0.0.1:{api.port}",
        "x-asset-hop": "1",
    }  # fmt: skip
    assert not [name for name in response.headers if name.startswith("x-amz")]


def test_a_bucket_with_an_untrusted_certificate_is_not_used(
    start: Start, tmp_path: Path, api: Upstream
) -> None:
    """Without verified TLS, a man in the middle could inject scripts."""
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with upstream(tls=context) as untrusted:
        untrusted.respond(200, b"evil")
        with start(bucket=f"https://127.0.0.1:{untrusted.port}/b") as web:
            response = web.get(GONE)
    assert (response.status, untrusted.requests) == (404, [])


@pytest.mark.parametrize("named", ["of the bucket", "another"])
def test_a_bucket_may_have_a_certificate_of_a_private_authority(
    start: Start, tmp_path: Path, named: str
) -> None:
    """Only the authority that bucket-ca.conf names is trusted for the bucket."""
    for folder in ("of the bucket", "another"):
        (tmp_path / folder).mkdir()
        certificate(tmp_path / folder, "DNS:s3.small.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = tmp_path / "of the bucket"
    context.load_cert_chain(own / "certificate.pem", own / "key.pem")
    more = {
        "cluster/bucket-ca.conf": "proxy_ssl_trusted_certificate cluster/bucket-ca.pem;\n",
        "cluster/bucket-ca.pem": (tmp_path / named / "certificate.pem").read_text(),
    }
    with upstream(tls=context) as bucket:
        bucket.respond(200, b"of the bucket")
        name = f"upstream s3.small.example {{ server 127.0.0.1:{bucket.port}; }}\n"
        with start(server.TRUSTED + name, more=more, bucket="https://s3.small.example/b") as web:
            response = web.get(GONE)
    if named == "another":
        assert (response.status, bucket.requests) == (404, [])
    else:
        assert (response.status, response.body) == (200, b"of the bucket")
        assert [(one.path, one.headers["host"]) for one in bucket.requests] == [
            ("/b" + GONE, "s3.small.example")
        ]


def test_every_peer_is_tried_until_one_has_the_asset(start: Start, api: Upstream) -> None:
    """A headless Service has one address for each pod."""
    api.respond(404)
    with ExitStack() as stack:
        pods = [stack.enter_context(upstream()) for _ in range(6)]
        for pod in pods:
            pod.respond(404)
        pods[4].respond(200, b"a{}")
        group = " ".join(f"server 127.0.0.1:{pod.port};" for pod in pods)
        with start(f"{server.TRUSTED}upstream peers {{ {group} }}\n", peers="peers") as web:
            assert [web.get(GONE).status for _ in range(12)] == [200] * 12


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize("status", [201, 204, 206, 300, 402, 406, 409, 416, 418, 423, 451, 501, 505, 511])
def test_only_an_asset_is_cached_as_immutable(start: Start, api: Upstream, status: int) -> None:
    """Anything else must not be cached for a year."""
    api.respond(status, b"<Error/>", Content_Type="application/xml")
    with start(bucket=f"http://127.0.0.1:{api.port}/b") as web:
        response = web.get(GONE)
    assert response.headers["cache-control"] == "no-cache"
    if status >= 300:
        assert (response.status, b"<Error/>" in response.body) == (404, False)


@pytest.mark.parametrize("where", ["peers", "bucket"])
def test_x_accel_redirect_of_an_upstream_is_ignored(start: Start, api: Upstream, where: str) -> None:
    """X-Accel-Redirect names a path of this server: that of a members' page, say."""
    api.respond(200, b"a{}", X_Accel_Redirect="/members/inside/")
    address = f"127.0.0.1:{api.port}"
    with start(**{where: address if where == "peers" else f"http://{address}/b"}) as web:
        assert web.get(GONE).body == b"a{}"


def test_a_bucket_that_resolves_to_this_site_causes_no_loop(start: Start) -> None:
    """For example a CDN in front of both: each turn would double the load."""
    port = free_port()
    with start(port=port, bucket=f"http://127.0.0.1:{port}") as web:
        assert web.get(GONE).status == 404
        web.logged(GONE)
        assert [line["path"] for line in web.log].count(GONE) == 2


def test_peer_fetches_of_one_reader_are_rate_limited(start: Start, api: Upstream) -> None:
    """Each miss is a request to every peer, and one to a bucket that bills by request."""
    api.respond(404)
    with start(bucket=f"http://127.0.0.1:{api.port}/b") as web:
        one = {"X-Forwarded-For": "203.0.113.5"}
        found = Counter(web.get(f"/assets/x.{at:08x}.css", headers=one).status for at in range(300))
        assert set(found) == {404, 429}
        assert len(api.requests) == found[404] < 200
        assert web.get("/assets/x.0123abcd.css").status == 404
