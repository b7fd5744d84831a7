"""Bodies of another type than JSON: 415 below /_allauth/, and not a line in the log of the API."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest

from api.config.content_type_middleware import UNPARSABLE, asgi_middleware, normalize
from tests.api.running import API, Site
from tests.api.test_bodies import BODIES, PATHS

JSON = b'{"email": "a@example.org", "password": "b"}'
BODIES_ = [JSON, b"[" * 9000, BODIES["lone surrogate"], BODIES["huge number"], BODIES["NUL"], b"a=b&c=%00"]
GOOD = """
application/json
APPLICATION/JSON
application/json; charset=utf-8
application/json;charset=UTF8
application/json; charset="utf-8"
application/json ; charset=utf-8
application/json; a=b
""".split("\n")[1:-1]
# Django's own parser ends in a traceback at some of them, before any middleware runs.
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


def test_a_content_type_is_passed_on_or_replaced_as_a_whole() -> None:
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
def test_the_preview_replaces_it_too(sent: list[bytes], seen: list[bytes]) -> None:
    """There Django is an ASGI application, with headers as a list."""
    found: list[list[bytes]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append([value for name, value in scope["headers"] if name == b"content-type"])

    headers = [(b"host", b"localhost"), *((b"content-type", value) for value in sent)]
    asyncio.run(asgi_middleware(application)({"type": "http", "headers": headers}, None, None))
    assert found == [seen]


@pytest.mark.quick_cases(3)
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("kind", [*OTHER, *BAD])
def test_a_body_of_another_type_is_not_read(site: Site, kind: str) -> None:
    """Through NGINX and at the API itself, whatever is in it."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, *site.ports[:1]):
        for path in PATHS[:3]:
            for body in BODIES_:
                more = {"Content-Type": kind, "X-Real-IP": one.address}
                one.address = site.browser().address  # the limits of NGINX are not what is tried here
                answer = one.send("POST", f"{API}/{path}", raw=body, headers=more, port=port)
                assert (answer.status, answer.json["status"]) == (415, 415), (path, body[:20])


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("kind", GOOD)
def test_json_is_read_in_every_spelling_of_its_type(site: Site, kind: str) -> None:
    one = site.browser()
    answer = one.call(
        "POST",
        "auth/password/request",
        {"email": f"{len(kind)}@nobody.example"},
        headers={"Content-Type": kind},
    )
    assert answer.status == 200


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("kind", [*OTHER, *BAD, *GOOD])
@pytest.mark.parametrize(
    "path", [f"{API}/config", f"{API}/auth/session?a=%ff", "/accounts/x?a=b", "/admin/?a=b"]
)
def test_without_a_body_the_type_does_not_matter(site: Site, kind: str, path: str) -> None:
    """Django decodes the query by the charset of the type."""
    one = site.browser()
    for port in (None, *site.ports[:1]):
        answer = one.send("GET", path, headers={"Content-Type": kind, "X-Real-IP": one.address}, port=port)
        assert answer.status in (200, 302, 401, 403, 404)
    one.call("GET", "config")
    gone = one.call("DELETE", "auth/session", headers={"Content-Type": kind})
    assert gone.status == 401  # a logout of nobody


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("kind", [*OTHER, *BAD])
@pytest.mark.parametrize(
    "path", ["/accounts/x/", "/accounts/openid_connect/login/callback/", "/admin/", "/admin/login/"]
)
def test_forms_break_no_other_path(site: Site, kind: str, path: str) -> None:
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
            answer = one.send("POST", path, raw=body, headers=more, port=port)
            assert answer.status in (302, 400, 401, 403, 404)


@pytest.mark.usefixtures("silent")
def test_encoded_bodies_are_refused(site: Site) -> None:
    """NGINX passes no Content-Encoding on, so that the body is not JSON."""
    one = site.browser()
    for port, status in ((None, 400), (site.ports[0], 415)):
        more = {"Content-Encoding": "gzip", "X-Real-IP": one.address}
        one.send("GET", f"{API}/config")
        assert (
            one.send("POST", f"{API}/auth/login", raw=gzip.compress(JSON), headers=more, port=port).status
            == status
        )


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_chunked_bodies_are_read_whole_or_refused(site: Site, kind: str) -> None:
    """NGINX reads one and passes on its length; the API itself wants a length."""
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


@pytest.mark.usefixtures("silent")
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
def test_no_cookie_breaks_any_path(site: Site, cookie: str, path: str) -> None:
    """PostgreSQL refuses NUL in a text, and a quoted cookie may hold one."""
    one = site.browser()
    value = cookie.format(site.session, site.csrf)
    for port in (None, *site.ports[:1]):
        answer = one.send("GET", path, headers={"Cookie": value, "X-Real-IP": one.address}, port=port)
        assert answer.status in (200, 302, 401, 403, 404, 410)


@pytest.mark.usefixtures("silent")
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
def test_no_path_and_no_query_breaks_the_api(site: Site, path: str) -> None:
    one = site.browser()
    for port in (None, *site.ports[:1]):
        answer = one.send("GET", path, headers={"X-Real-IP": one.address}, port=port)
        assert 200 <= answer.status < 500


@pytest.mark.usefixtures("silent")
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
def test_control_characters_reach_nothing(site: Site, name: str) -> None:
    """gunicorn would refuse each with a line in its log, and a gated page would say 503."""
    for value in ("a\x01b", "a\x0bb", "a\x1fb", "a\x7fb"):
        for path in (f"{API}/config", "/members/inside/", "/admin/"):
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n{name}: {value}\r\n\r\n"
            )
            assert site.web.raw(request.encode()).startswith(b"HTTP/1.1 400 ")
