"""The gate: no byte of members' pages is served without a 204 of the API."""

from __future__ import annotations

import gzip
import socket
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import brotli
import pytest

from tests.fakes.upstream import Upstream, upstream
from tests.support.dropped_connections import dropping_server
from tests.support.previews import free_port
from tests.web.conftest import CANARY, Start, gated_paths
from tests.web.server import Response, WebServer

PAGE = "/members/inside/"


def contains_gated(response: Response) -> bool:
    """Return whether *response* contains gated content, in any encoding."""
    body = response.body
    coding = response.headers.get("content-encoding") if body else None
    if coding == "br":
        body = brotli.decompress(body)
    elif coding == "gzip" or body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return CANARY.encode() in body or CANARY in str(response.headers)


def test_204_opens_the_gate_and_every_request_checks_it(web: WebServer, api: Upstream) -> None:
    response = web.get(PAGE, headers={"Cookie": "sessionid=abc", "X-Forwarded-For": "203.0.113.9"})
    assert response.status == 200
    assert contains_gated(response)
    (request,) = api.requests
    assert (request.method, request.path, request.body) == ("GET", "/_gate", b"")
    assert request.headers == {
        "connection": "close",
        "cookie": "sessionid=abc",
        "host": "small.example",
        "x-forwarded-proto": "http",
        "x-original-uri": PAGE,
        "x-real-ip": "203.0.113.9",
    }
    api.respond(401)
    assert web.get(PAGE).status == 401


@pytest.mark.parametrize(
    ("gate_status", "status", "page"),
    [
        (200, 503, None),                                # auth_request accepts any 2xx
        (201, 503, None),
        (206, 503, None),
        (401, 401, 'id=login'),                          # the login page
        (403, 403, None),
        (301, 503, None),                                # by default a redirect becomes 500
        (302, 503, None),
        (304, 503, None),                                # by default so does 304
        (400, 503, None),
        (404, 503, None),
        (429, 503, None),
        (500, 503, None),
        (502, 503, None),
        (503, 503, None),
        (504, 503, None),
    ],
)  # fmt: skip
def test_any_status_but_204_keeps_the_gate_closed(
    web: WebServer, api: Upstream, gate_status: int, status: int, page: str | None
) -> None:
    api.respond(gate_status, Location="/members/inside/", ETag='"x"', Set_Cookie="a=b")
    response = web.get(PAGE)
    assert response.status == status
    assert not contains_gated(response)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "location" not in response.headers
    if page:
        assert page in response.text


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 500])
@pytest.mark.parametrize("target", ["/", "/members/inside/", "/_gate", "@missing"])
def test_a_redirect_of_the_api_does_not_bypass_the_gate(
    web: WebServer, api: Upstream, status: int, target: str
) -> None:
    """By default NGINX follows X-Accel-Redirect in the subrequest, and accepts the 200 of its target."""
    api.respond(status, X_Accel_Redirect=target)
    for path in (PAGE, "/admin/x"):
        api.requests.clear()
        response = web.get(path)
        assert not contains_gated(response) or (status, path) == (204, PAGE)
        assert len(api.requests) <= 1 or status == 204


def test_a_conditional_request_does_not_bypass_the_gate(web: WebServer, api: Upstream) -> None:
    """The ETag of a page that was open before grants nothing."""
    etag = web.get(PAGE).headers.get("etag", '"x"')
    api.respond(401)
    assert web.get(PAGE, headers={"If-None-Match": etag}).status == 401
    api.respond(500)
    assert web.get(PAGE, headers={"If-None-Match": "*", "Range": "bytes=0-10"}).status == 503


def test_a_slow_api_is_a_closed_gate(web: WebServer, api: Upstream) -> None:
    api.respond(204, delay=4)
    start = time.monotonic()
    response = web.get(PAGE)
    assert (response.status, contains_gated(response)) == (503, False)
    assert 1.5 < time.monotonic() - start < 4


def test_an_api_that_does_not_respond_is_a_closed_gate(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with start(api=f"127.0.0.1:{port}") as web:
            response = web.get(PAGE)  # the kernel accepts it, and nothing responds
    assert (response.status, contains_gated(response)) == (503, False)


def test_a_lost_syn_does_not_close_the_gate(start: Start) -> None:
    """Linux sends it again after a second."""
    port = free_port()
    with dropping_server("127.0.0.1", port) as server, start(api=f"127.0.0.1:{port}") as web:

        def accept() -> None:
            time.sleep(0.5)
            server.settimeout(10)
            while True:
                client, _ = server.accept()
                with client, suppress(TimeoutError):
                    client.settimeout(0.2)
                    if client.recv(65536):
                        client.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                        return

        thread = Thread(target=accept)
        thread.start()
        begun = time.monotonic()
        assert web.get(PAGE).status == 200
        assert time.monotonic() - begun > 0.9  # the first SYN was lost
        thread.join()


@pytest.mark.parametrize("api", ["", "127.0.0.1:1", "no-such-host:8000"])
def test_without_an_api_the_site_works_and_the_gate_is_closed(start: Start, api: str) -> None:
    """Not configured, down, or an unknown host: NGINX starts nevertheless."""
    with start(api=api) as web:
        assert web.get("/").status == 200
        for path in (PAGE, "/members/", "/admin/", "/_allauth/browser/v1/config", "/accounts/x/"):
            response = web.get(path)
            assert (response.status, contains_gated(response)) == (503, False), path
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert response.headers["retry-after"] == "10"


def test_an_api_that_comes_and_goes(start: Start) -> None:
    """NGINX needs no restart, in any order of starts."""
    port = free_port()
    with start(api=f"127.0.0.1:{port}") as web:
        assert web.get(PAGE).status == 503
        for _ in range(2):
            with upstream(port):
                assert web.get(PAGE).status == 200
            assert web.get(PAGE).status == 503


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND", "TRACE"])
@pytest.mark.parametrize(
    "accept", [{}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=0-"}]
)
def test_no_gated_file_is_public_by_any_method(
    web: WebServer, api: Upstream, project: Path, status: int, method: str, accept: dict[str, str]
) -> None:
    api.respond(status)
    for path in gated_paths(project):
        response = web.get(path, method, headers=accept)
        assert response.status in (401, 403, 405, 503), (path, response.status)
        assert not contains_gated(response)


DISGUISES = [
    "/%6dembers/{0}", "//members//{0}", "/./members/{0}", "/x/../members/{0}", "/members/./{0}",
    "/members/x/../{0}", "/%2fmembers/{0}", "/members%2f{0}", "/members/%2e/{0}", "/assets/../members/{0}",
    "/assets/%2e%2e/members/{0}", "/_gate/../members/{0}", "/members;/{0}", "/Members/{0}", "/MEMBERS/{0}",
    "/members\\{0}", "/members/{0}?x=1", "/members/{0}%00", "/members/{0}%20", "/members/{0}/.",
    "/members/{0};x",
    "/gated/members/{0}", "/../gated/members/{0}", "/%2e%2e/gated/members/{0}", "/srv/gated/members/{0}",
    "/..%2fgated%2fmembers%2f{0}", "/public/../gated/members/{0}", "/404.html/../members/{0}",
    "/_allauth/../members/{0}", "/admin/../members/{0}", "/posts/..//members/{0}", "/members/{0}#x",
]  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_spelling_bypasses_the_gate(web: WebServer, api: Upstream, project: Path, disguise: str) -> None:
    api.respond(403)
    for path in gated_paths(project):
        response = web.get(disguise.format(path.removeprefix("/members/")))
        assert response.status in (301, 400, 403, 404), response.status
        assert not contains_gated(response)
    api.respond(204)  # no page without a request to the gate
    for path in gated_paths(project):
        api.requests.clear()
        if contains_gated(web.get(disguise.format(path.removeprefix("/members/")))):
            assert [request.path for request in api.requests] == ["/_gate"]


SPELLINGS = [
    "/members/{0}", "/MEMBERS/{0}", "/Members/{0}", "/mEmBeRs/{0}", "/%6dembers/{0}", "/%4dEMBERS/{0}",
    "//members/{0}", "//MEMBERS//{0}", "/x/../members/{0}", "/members/./{0}", "/members/x/../{0}",
    "/members%2f{0}", "/MEMBERS%2F{0}", "/members/{0}?a=b", "/members/{0}%20", "/members/x/%2e%2e/{0}",
]  # fmt: skip
WANTED = ["inside/", "inside", "inside/index.html", "INSIDE/", "oldname/", "oldname", "OLDNAME/", "%6fldname",
          "nowhere/", "nowhere", "", "assets/none.12345678.svg", "files/list.csv"]  # fmt: skip


@pytest.mark.parametrize(("gate_status", "status"), [(401, 401), (403, 403), (500, 503)])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_closed_gate_reveals_no_page_name_by_any_spelling(
    web: WebServer, api: Upstream, gate_status: int, status: int, method: str
) -> None:
    """Regression: /MEMBERS/oldname/ gave 301 with the new name, since keys of maps ignore case."""
    api.respond(gate_status)
    paths = [spelling.format(one) for spelling in SPELLINGS for one in WANTED] + ["/members", "/MEMBERS"]
    responses = {path: web.get(path, method) for path in paths}
    seen = {
        (
            response.status,
            tuple(sorted(item for item in response.headers.items() if item[0] != "date")),
            response.body,
        )
        for response in responses.values()
    }
    assert {response.status for response in responses.values()} == {405 if method == "POST" else status}
    assert len(seen) == 1


def test_old_addresses_work_behind_the_gate_alone(web: WebServer, api: Upstream, project: Path) -> None:
    for path in ("/members/oldname/", "/members/oldname", "/MEMBERS/OLDNAME/"):
        response = web.get(path)
        assert (response.status, response.headers["location"]) == (301, "/members/inside/")
    assert web.get("/MEMBERS/inside/").status == 404  # a file has one spelling
    lines = (project / "out/site/aliases.map").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith('"/members')] == []
    assert '"members /members/oldname/" "/members/inside/";' in lines


def test_old_protocols_meet_the_same_gate(web: WebServer, api: Upstream) -> None:
    api.respond(401)
    page, end = b"GET /members/inside/ HTTP/1.1\r\n", b"Host: x\r\nConnection: close\r\n\r\n"
    front = b"GET / HTTP/1.1\r\nHost: x\r\n"
    for request in (
        b"GET /members/inside/ HTTP/1.0\r\n\r\n",
        b"GET /members/inside/\r\n",
        b"GET http://small.example/members/inside/ HTTP/1.1\r\n" + end,
        page + b"Host: y\r\n" + end,
        front + b"Content-Length: 40\r\n\r\n" + page + end,
        front + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + page + end,
        front + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + page + end,
    ):
        assert CANARY.encode() not in web.raw(request)


def test_members_pages_have_the_addresses_of_other_pages_once_inside(web: WebServer, api: Upstream) -> None:
    assert web.get("/members").headers["location"] == "/members/"
    assert web.get("/members/inside").headers["location"] == "/members/inside/"
    assert web.get("/members/inside/index.html").headers["location"] == "/members/inside/"
    assert web.get("/members/nowhere").status == 404
    packed = web.get(PAGE, headers={"Accept-Encoding": "br"})
    assert (packed.headers["content-encoding"], contains_gated(packed)) == ("br", True)
    api.respond(401)  # before that, what is there and what is not look the same
    responses = {
        path: web.get(path) for path in ("/members/inside", "/members/nowhere", "/members/inside/index.html")
    }
    assert {response.status for response in responses.values()} == {401}
    assert len({response.body for response in responses.values()}) == 1


def test_the_admin_is_behind_a_gate_of_its_own(web: WebServer, api: Upstream) -> None:
    """The login of the Django admin has neither rate limits nor a second factor: it must be unreachable."""
    api.respond(200, b"the admin")
    api.pages["/_gate/staff"] = (401, b"")
    response = web.get("/admin/login/")
    assert response.status == 401
    assert "id=login" in response.text
    assert [request.path for request in api.requests] == ["/_gate/staff"]
    api.pages["/_gate/staff"] = (403, b"")
    assert web.get("/admin/").status == 403
    api.pages["/_gate/staff"] = (200, b"")  # a yes is 204 and nothing else
    assert web.get("/admin/").status == 503
    assert [request.path for request in api.requests] == ["/_gate/staff"] * 3
    api.pages["/_gate/staff"] = (204, b"")
    assert web.get("/admin/").body == b"the admin"
    posted = web.get("/admin/x/", "POST", body=b"a=b")
    assert posted.status == 200
    assert [(request.method, request.path, request.body) for request in api.requests[-2:]] == [
        ("GET", "/_gate/staff", b""),
        ("POST", "/admin/x/", b"a=b"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/auth/user/1/../../../../_allauth/x/change/",
        "/admin/x/%2e%2e/%2e%2e/_allauth/x",
        "/admin/..%2f_allauth/x",
        "/admin//../../_allauth/x",
        "/_allauth/..%2fadmin/",
        "/_allauth/%2e%2e/admin/",
        "/x/../admin/",
        "//admin/",
        "/%61dmin/",
        "/_allauth/..\\admin",
        "/_allauth/..%5cadmin",
        "/_allauth/./admin/",
        "/_allauth//admin/",
        "/_allauth/..;/admin/",
        "/accounts/%2e./admin/",
        "/metrics/../_allauth/x",
        "/_allauth/../metrics",
        "/_allauth/../readyz",
        "/admin/%252e%252e/",
    ],
)  # fmt: skip
def test_suspicious_paths_do_not_reach_the_api(web: WebServer, api: Upstream, path: str) -> None:
    """NGINX selects a location by the normalized path and passes on the raw one."""
    api.respond(200, b"reached")
    assert web.get(path).status in (400, 404)
    assert [request.path for request in api.requests if not request.path.startswith("/_gate")] == []
