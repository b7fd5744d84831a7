"""Content types: bodies other than JSON get 415 below /_allauth/, without a log line."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest

from api.config.content_type_middleware import UNPARSABLE, asgi_middleware, normalize
from tests.api.live_site import API, Site
from tests.api.test_malformed_requests import MALFORMED_BODIES, PATHS

JSON = b'{"email": "a@example.org", "password": "b"}'
BODIES_ = [
    JSON,
    b"[" * 9000,
    MALFORMED_BODIES["lone surrogate"],
    MALFORMED_BODIES["huge number"],
    MALFORMED_BODIES["NUL"],
    b"a=b&c=%00",
]
GOOD = """
application/json
APPLICATION/JSON
application/json; charset=utf-8
application/json;charset=UTF8
application/json; charset="utf-8"
application/json ; charset=utf-8
application/json; a=b
""".split("\n")[1:-1]
# Some of them end in a traceback of Django's parser, before any middleware runs.
BAD = """
application/json; charset*=nope''%41
application/json; charset*=undefined''%41
application/json; charset*=idna''%41
application/json; x*0*=nope''%41
application/json; charset=hex
application/json; charset=undefined
application/json; charset=utf-16
application/json; charset=utf-8x
application/json; charset=utf-8; charset=hex
application/json; charset="utf-8
application/json; charset=ü
application/json;
application/json;;;=;
application/json, text/plain
application/json\\
application/x-www-form-urlencoded; charset=hex
;
x
""".split("\n")[1:-1]
OTHER = """
text/plain
text/json
application/vnd.api+json
application/json5
xapplication/json
multipart/form-data
multipart/form-data; boundary=x
application/x-www-form-urlencoded
application/octet-stream

""".split("\n")[1:-1]


def test_a_content_type_is_kept_or_replaced() -> None:
    assert [normalize(one) for one in (*GOOD, *OTHER)] == [*GOOD, *OTHER]
    assert [one for one in BAD if normalize(one) != UNPARSABLE] == []
    boundary = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"
    assert normalize(boundary) == boundary


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ([], []),
        ([b"application/json"], [b"application/json"]),
        ([b"application/json; charset=hex"], [UNPARSABLE.encode()]),
        ([b"application/json", b"text/plain"], [UNPARSABLE.encode()]),
    ],
)
def test_the_asgi_middleware_replaces_it_too(sent: list[bytes], seen: list[bytes]) -> None:
    """The preview runs Django as an ASGI application, with a list of headers."""
    found: list[list[bytes]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append([value for name, value in scope["headers"] if name == b"content-type"])

    headers = [(b"host", b"localhost"), *((b"content-type", value) for value in sent)]
    asyncio.run(asgi_middleware(application)({"type": "http", "headers": headers}, None, None))
    assert found == [seen]


@pytest.mark.quick_cases(3)
@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("kind", [*OTHER, *BAD])
def test_bodies_of_other_types_get_415(site: Site, kind: str) -> None:
    """Through NGINX and directly, for any content."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, *site.ports[:1]):
        for path in PATHS[:3]:
            for body in BODIES_:
                more = {"Content-Type": kind, "X-Real-IP": one.address}
                one.address = site.browser().address  # stay below NGINX's rate limits
                response = one.send("POST", f"{API}/{path}", raw=body, headers=more, port=port)
                assert (response.status, response.json["status"]) == (415, 415), (path, body[:20])


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("kind", GOOD)
def test_every_spelling_of_the_json_type_is_accepted(site: Site, kind: str) -> None:
    one = site.browser()
    response = one.call(
        "POST",
        "auth/password/request",
        {"email": f"{len(kind)}@nobody.example"},
        headers={"Content-Type": kind},
    )
    assert response.status == 200


@pytest.mark.quick_cases(20)
@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("kind", [*OTHER, *BAD, *GOOD])
@pytest.mark.parametrize(
    "path", [f"{API}/config", f"{API}/auth/session?a=%ff", "/accounts/x?a=b", "/admin/?a=b"]
)
def test_without_a_body_any_content_type_is_accepted(site: Site, kind: str, path: str) -> None:
    """Django decodes the query with the charset of the type."""
    one = site.browser()
    for port in (None, *site.ports[:1]):
        response = one.send("GET", path, headers={"Content-Type": kind, "X-Real-IP": one.address}, port=port)
        assert response.status in (200, 302, 401, 403, 404)
    one.call("GET", "config")
    gone = one.call("DELETE", "auth/session", headers={"Content-Type": kind})
    assert gone.status == 401  # a logout without a session


@pytest.mark.quick_cases(16)
@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("kind", [*OTHER, *BAD])
@pytest.mark.parametrize(
    "path", ["/accounts/x/", "/accounts/openid_connect/login/callback/", "/admin/", "/admin/login/"]
)
def test_forms_cause_no_server_error_on_other_paths(site: Site, kind: str, path: str) -> None:
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, *site.ports[:1]):
        for body in (
            *BODIES_,
            b"a=1&" * 300,
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--",
        ):
            more = {"Content-Type": kind, "X-Real-IP": one.address}
            one.address = site.browser().address
            response = one.send("POST", path, raw=body, headers=more, port=port)
            assert response.status in (302, 400, 401, 403, 404)


@pytest.mark.usefixtures("no_log_output")
def test_encoded_bodies_are_refused(site: Site) -> None:
    """NGINX removes Content-Encoding, so that the body is not JSON."""
    one = site.browser()
    for port, status in ((None, 400), (site.ports[0], 415)):
        more = {"Content-Encoding": "gzip", "X-Real-IP": one.address}
        one.send("GET", f"{API}/config")
        assert (
            one.send("POST", f"{API}/auth/login", raw=gzip.compress(JSON), headers=more, port=port).status
            == status
        )


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_chunked_bodies_need_nginx(site: Site, kind: str) -> None:
    """NGINX buffers the body and sends its length; the API requires Content-Length."""
    head = (
        f"POST {API}/auth/password/request HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\nOrigin: {site.url}\r\n"
    )
    one = site.browser()
    one.send("GET", f"{API}/config")
    token = one.jar[site.csrf]
    head += f"X-CSRFToken: {token}\r\nCookie: {site.csrf}={token}\r\nX-Real-IP: {one.address}\r\n\r\n"
    body = b'1a\r\n{"email": "a@example.org"}\r\n0\r\n\r\n'
    found = []
    for port in (site.web.port, site.ports[0]):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(head.encode() + body)
            found.append(int(line.recv(100).split()[1]))
    assert found == [200 if kind == "application/json" else 415, 411]


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize(
    "cookie",
    [
        '{0}="aaaaaaaa\\000"',
        '{0}="\\000\\000\\000\\000\\000\\000\\000\\000\\000"',
        '{0}="\\377\\355\\240\\200aaaaaa"',
        '{0}="aaaaaaaa\\073"',
        '{1}="a\\000"',
        'messages="\\000"',
        "messages=W10:1:abc",
        "{0}=" + "a" * 7000,
        "{0}=\xed\xa0\x80aaaaaaaaaa",
        "{0}=aaaaaaaa; {0}=bbbbbbbb",
        "=;=;{0}",
    ],
)
@pytest.mark.parametrize(
    "path", [f"{API}/auth/session", f"{API}/config", "/members/inside/", "/admin/", "/accounts/x"]
)
def test_malformed_cookies_cause_no_server_error(site: Site, cookie: str, path: str) -> None:
    """PostgreSQL refuses NUL in a text, and a quoted cookie may contain one."""
    one = site.browser()
    value = cookie.format(site.session, site.csrf)
    for port in (None, *site.ports[:1]):
        response = one.send("GET", path, headers={"Cookie": value, "X-Real-IP": one.address}, port=port)
        assert response.status in (200, 302, 401, 403, 404, 410)


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize(
    "path",
    [
        f"{API}/auth/session?a=%00",
        f"{API}/auth/email/verify?key=%00",
        f"{API}/%ff%fe",
        f"{API}/%ed%a0%80",
        f"{API}/config?" + "a=1&" * 900,
        f"{API}/auth/login?next=%00",
        f"{API}/auth/provider/redirect",
        "/_allauth/app/v1/config",
        "/accounts/%ff",
        "/accounts/" + "a" * 7000,
        "/admin/%ff",
    ],
    ids=lambda path: path[:40].encode("unicode_escape").decode(),
)
def test_malformed_paths_and_queries_cause_no_server_error(site: Site, path: str) -> None:
    one = site.browser()
    for port in (None, *site.ports[:1]):
        response = one.send("GET", path, headers={"X-Real-IP": one.address}, port=port)
        assert 200 <= response.status < 500


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize(
    "name",
    [
        *(
            "Accept",
            "Accept-Language",
            "Content-Type",
            "Cookie",
            "If-Modified-Since",
            "If-None-Match",
            "Origin",
        ),
        *("Referer", "User-Agent", "X-CSRFToken", "X-Requested-With", "X-Password-Reset-Key"),
        "X-Email-Verification-Key",
    ],
)
def test_nginx_refuses_control_characters_in_headers(site: Site, name: str) -> None:
    """gunicorn would log a warning for each, and a gated page would be 503."""
    for value in ("a\x01b", "a\x0bb", "a\x1fb", "a\x7fb"):
        for path in (f"{API}/config", "/members/inside/", "/admin/"):
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n{name}: {value}\r\n\r\n"
            )
            assert site.web.raw(request.encode()).startswith(b"HTTP/1.1 400 ")
