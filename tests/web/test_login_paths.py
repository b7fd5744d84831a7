"""Requests to the login API: paths, headers and rate limits."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.upstream import Upstream
from tests.support.previews import wait_until
from tests.support.project import ROOT
from tests.web.conftest import Start
from tests.web.server import TRUSTED, WebServer

LOGIN = "/_allauth/browser/v1/auth/login"


def test_the_api_gets_the_request_and_the_client_address(web: WebServer, api: Upstream) -> None:
    api.respond(200, b'{"status": 200}', Content_Type="application/json", Set_Cookie="sessionid=x; Secure")
    response = web.get(
        LOGIN + "?a=%2F&b",
        "POST",
        headers={
            "Host": "small.example:8443",
            "Content-Type": "application/json",
            "Cookie": "csrftoken=1",
            "X-CSRFToken": "1",
            "Origin": "https://small.example:8443",
            "Accept-Encoding": "br",
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example",
            "X-Real-IP": "1.2.3.4",
            "X-Original-URI": "/",
            "Forwarded": "for=1.2.3.4;host=evil.example",
            "Connection": "X-CSRFToken",
        },
        body=b'{"email": "a"}',
    )
    assert (response.status, response.body) == (200, b'{"status": 200}')
    assert response.headers["set-cookie"] == "sessionid=x; Secure"
    (request,) = api.requests
    assert (request.method, request.path, request.body) == ("POST", LOGIN + "?a=%2F&b", b'{"email": "a"}')
    assert request.headers == {
        "connection": "close",
        "content-length": "14",
        "content-type": "application/json",
        "cookie": "csrftoken=1",
        "host": "small.example:8443",
        "origin": "https://small.example:8443",
        "x-csrftoken": "1",
        "x-forwarded-proto": "https",
        "x-real-ip": "203.0.113.9",
    }


@pytest.mark.parametrize(
    ("trust", "forwarded_for", "client"),
    [
        (TRUSTED,                                "203.0.113.9",                       "203.0.113.9"),
        (TRUSTED,                                "10.0.0.1, 203.0.113.9",             "203.0.113.9"),
        (TRUSTED,                                "203.0.113.9, 10.0.0.7",             "10.0.0.7"),
        (TRUSTED + "set_real_ip_from 10.0.0.0/8;", "203.0.113.9, 10.0.0.7",           "203.0.113.9"),
        (TRUSTED + "set_real_ip_from 10.0.0.0/8;", "6.6.6.6, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        (TRUSTED,                                "2001:db8::9",                       "2001:db8::9"),
        (TRUSTED,                                "nonsense",                          "127.0.0.1"),
        (TRUSTED,                                "::ffff:203.0.113.9",                "203.0.113.9"),
        ("",                                     "203.0.113.9",                       "127.0.0.1"),
    ],
)  # fmt: skip
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxy(
    start: Start, api: Upstream, trust: str, forwarded_for: str, client: str
) -> None:
    """Entries of the client stand before those of the proxies."""
    with start(extra=trust, api=f"127.0.0.1:{api.port}") as web:
        web.get("/_allauth/x", headers={"X-Forwarded-For": forwarded_for})
    assert [request.headers["x-real-ip"] for request in api.requests] == [client]
    assert "x-forwarded-for" not in api.requests[0].headers


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 429, 500, 503])
def test_errors_of_the_api_are_passed_on_unchanged(web: WebServer, api: Upstream, status: int) -> None:
    """Scripts parse allauth's 401 and 500: no error page replaces them."""
    api.respond(status, b'{"x": 1}', Content_Type="application/json")
    response = web.get("/_allauth/x")
    assert (response.status, response.body) == (status, b'{"x": 1}')
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff", "/livez", "/readyz", "/metrics"])
def test_other_paths_of_the_api_are_not_reachable(web: WebServer, api: Upstream, path: str) -> None:
    assert web.get(path).status == 404
    assert api.requests == []


@pytest.mark.parametrize("path", ["/_allauth/x", "/accounts/x", "/admin/x"])
def test_bodies_are_small(web: WebServer, api: Upstream, path: str) -> None:
    assert web.get(path, "POST", body=b"x" * 16384).status == 204
    api.requests.clear()
    for size in (16385, 17 * 1024, 3 * 1024 * 1024):
        request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
        assert web.raw(request).startswith(b"HTTP/1.1 413 ")
    chunk = b"4001\r\n" + b"x" * 0x4001 + b"\r\n0\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert web.raw(head + chunk).startswith(b"HTTP/1.1 413 ")
    assert [request for request in api.requests if request.path == path] == []


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PROPFIND", "BREW", "get"])
def test_unknown_methods_do_not_reach_the_api(web: WebServer, api: Upstream, method: str) -> None:
    assert web.get("/_allauth/x", method).status in (400, 405)
    assert api.requests == []


GUESSES = [
    LOGIN, "/_allauth/browser/v1/auth/%6cogin", "/_allauth/browser/v1/auth/signup",
    "/_allauth/browser/v1/auth/webauthn/login", "/_allauth/browser/v1/auth/2fa/authenticate",
    "/_allauth/browser/v1/auth/password/request", "/_allauth/browser/v1/auth/password/reset",
]  # fmt: skip


def at(address: str) -> dict[str, str]:
    """Return the headers of a reader at *address*, as the edge writes them."""
    return {"X-Forwarded-For": address}


def network(number: int) -> str:
    """Return an IPv4 address of the network *number*."""
    return f"10.{number // 250}.{number % 250}.9"


@pytest.mark.parametrize("path", GUESSES)
def test_login_attempts_of_one_network_are_rate_limited(start: Start, api: Upstream, path: str) -> None:
    """One a second and a burst of 20 for an IPv4 /24, before the API."""
    with start(api=f"127.0.0.1:{api.port}") as web:
        responses = [web.get(path, "POST", headers=at(f"203.0.113.{number}")) for number in range(60)]
        found = Counter(response.status for response in responses)
        assert found.keys() == {204, 429}
        assert 20 <= found[204] <= 30  # NGINX spreads what passes over all: this takes some seconds
        assert len(api.requests) == found[204]
        refused = next(response for response in responses if response.status == 429)
        assert refused.headers["retry-after"] == "5"
        assert refused.headers["content-type"] == "application/json"
        assert json.loads(refused.body)["errors"][0]["code"] == "rate_limited"
        # allauth checks a password that comes by any method but GET.
        for method in ("PUT", "PATCH", "DELETE", "HEAD"):
            assert web.get(path, method, headers=at("203.0.113.1")).status == 429
        assert web.get(path, "POST", headers=at("203.0.114.1")).status == 204
        for free in (LOGIN.replace("login", "session"), "/", "/members/"):
            assert web.get(free, headers=at("203.0.113.1")).status in (200, 204)
        assert web.get(LOGIN.replace("login", "session"), "DELETE", headers=at("203.0.113.1")).status == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "auth/webauthn/login"), ("POST", "auth/reauthenticate"), ("POST", "account/password/change")],
)
def test_sessions_and_password_hashes_are_rate_limited(
    start: Start, api: Upstream, method: str, path: str
) -> None:
    """A request for a challenge without a cookie starts a session; members' passwords are hashed, too."""
    with start(api=f"127.0.0.1:{api.port}") as web:
        found = Counter(
            web.get(f"/_allauth/browser/v1/{path}", method, headers=at(f"203.0.113.{number}")).status
            for number in range(60)
        )
        assert found.keys() == {204, 429}
        assert 20 <= found[204] <= 30


@pytest.mark.parametrize("path", ["/_allauth/x", "/accounts/x"])
def test_a_network_of_many_readers_has_a_limit(start: Start, path: str) -> None:
    """A /48 holds 65,536 of them: 200 requests a second, 400 at once. Without an API nothing slows it."""
    with (
        start(api="127.0.0.1:9") as web,
        socket.create_connection(("127.0.0.1", web.port), timeout=30) as line,
    ):
        begun = time.monotonic()
        for number in range(900):  # pipelined (RFC 9112, 9.3.2)
            end = "close" if number == 899 else "keep-alive"
            line.sendall(
                f"GET {path} HTTP/1.1\r\nHost: small.example\r\nConnection: {end}\r\n"
                f"X-Forwarded-For: 2001:db8:7:{number:x}::1\r\n\r\n".encode()
            )
        responses = b"".join(iter(lambda: line.recv(1 << 16), b""))
        lasted = time.monotonic() - begun
        found = Counter(re.findall(rb"HTTP/1\.1 (\d+) ", responses))
        assert found.keys() == {b"503", b"429"}
        assert 400 <= found[b"503"] <= 402 + 200 * lasted
        assert web.get(path, headers=at("2001:db8:8::1")).status == 503


@pytest.mark.parametrize("name", ["api.conf", "gate.conf"])
def test_every_location_of_the_api_limits_the_network(name: str) -> None:
    """NGINX closes the connection if the gate does not respond, so the test above cannot send these."""
    text = (ROOT / "images/web/nginx/login/server" / name).read_text("utf-8")
    limited = [block for block in re.split(r"^location ", text, flags=re.M) if "limit_conn" in block]
    assert limited
    assert [block for block in limited if not re.search(r"limit_req +zone=network ", block)] == []


@pytest.mark.parametrize(
    ("one", "of_it", "other"),
    [
        ("203.0.113.7",               "203.0.113.250",             "203.0.112.7"),
        ("::ffff:203.0.113.7",        "203.0.113.9",               "::ffff:203.0.112.7"),
        ("2001:db8:1:2::1",           "2001:db8:1:ffff:1:2:3:4",   "2001:db8:2:2::1"),
        ("2001:db8:0:2::1",           "2001:db8::1",               "2001:db8:1::1"),
        ("2001:0:0:1::1",             "2001::2:0:0:0:1",           "2001:0:1:1::1"),
        ("2001:db8::1:0:0:1",         "2001:db8::1",               "2001:db8:8000::1"),
        ("2001:0:1::1",               "2001:0:1:2:3:4:5:6",        "2001:0:2::1"),
        ("::1:2",                     "::2",                       "1::2"),
    ],
)  # fmt: skip
def test_a_network_has_one_limit_however_its_addresses_are_written(
    start: Start, api: Upstream, one: str, of_it: str, other: str
) -> None:
    """In its text, "::" stands for zeros in any place: what counts is the first 48 bits, or 24 of IPv4."""
    with start(api=f"127.0.0.1:{api.port}") as web:
        while web.get(LOGIN, "POST", headers=at(one)).status == 204:
            pass
        assert web.get(LOGIN, "POST", headers=at(of_it)).status == 429
        assert web.get(LOGIN, "POST", headers=at(other)).status == 204


def test_login_attempts_in_total_queue_and_are_then_refused(start: Start, api: Upstream) -> None:
    """10 a second, while 64 wait; from 200 networks at once. Nothing else is touched by it."""
    with start(api=f"127.0.0.1:{api.port}") as web, ThreadPoolExecutor(200) as pool:
        begun = time.monotonic()
        sent = [pool.submit(web.get, LOGIN, "POST", headers=at(network(number))) for number in range(200)]
        wait_until(lambda: sum(one.done() for one in sent) > 100)  # those that are refused
        others = [
            web.get(path, method, headers=at(network(number))).status
            for number in range(20)
            for path, method in (
                ("/_allauth/browser/v1/auth/session", "GET"),
                ("/_allauth/browser/v1/auth/session", "DELETE"),
                ("/_allauth/browser/v1/config", "GET"),
                ("/_allauth/browser/v1/auth/reauthenticate", "POST"),
                ("/members/", "GET"),
            )
        ]
        found = Counter(one.result().status for one in sent)
        lasted = time.monotonic() - begun
    assert Counter(others) == {204: 80, 200: 20}
    assert found.keys() == {204, 429}
    assert 64 <= found[204] <= 65 + 10 * lasted
    assert lasted > 5


@pytest.mark.parametrize("path", ["/_allauth/x", "/accounts/x"])
def test_other_login_requests_are_limited_by_reader(start: Start, api: Upstream, path: str) -> None:
    """20 a second and a burst of 40; a neighbour of the same network is another reader."""
    with start(api=f"127.0.0.1:{api.port}") as web, ThreadPoolExecutor(4) as pool:
        found = Counter(
            one.status for one in pool.map(lambda _: web.get(path, headers=at("203.0.113.7")), range(200))
        )
        assert found.keys() == {204, 429}
        assert found[204] >= 40
        assert web.get(path, headers=at("203.0.113.8")).status == 204


@pytest.mark.parametrize(
    ("one", "of_it", "other"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7",         "::ffff:203.0.113.8"),
        ("2001:db8:1:2::1",    "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::1"),
        ("2001:db8:7::1",      "2001:db8:7:0:1::",    "2001:db8:7:1::1"),
        ("2001:db8::1",        "2001:db8::1:0:0:1",   "2001:db8:0:1::1"),
    ],
)  # fmt: skip
def test_a_reader_of_ipv6_has_one_limit_for_a_64(
    start: Start, api: Upstream, one: str, of_it: str, other: str
) -> None:
    """A reader may take any address of a /64; also where an edge writes IPv4 as IPv6."""
    with start(api=f"127.0.0.1:{api.port}") as web, ThreadPoolExecutor(4) as pool:
        flood = [pool.submit(web.get, "/_allauth/x", headers=at(one)) for _ in range(400)]
        wait_until(lambda: any(sent.done() and sent.result().status == 429 for sent in flood))
        assert 429 in {web.get("/_allauth/x", headers=at(of_it)).status for _ in range(3)}
        for sent in flood:
            sent.cancel()
        assert web.get("/_allauth/x", headers=at(other)).status == 204


def test_connections_of_one_reader_to_the_api_are_few(web: WebServer, api: Upstream) -> None:
    """One reader must not occupy a slow API: 50 members' pages at once."""
    api.respond(204, delay=2)
    found: Counter[int] = Counter()

    def request() -> None:
        found[web.get("/members/", headers={"X-Forwarded-For": "203.0.113.77"}).status] += 1

    threads = [threading.Thread(target=request) for _ in range(80)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found[429] >= 25
    assert found[200] + found[503] <= 55


def test_a_slow_header_or_body_times_out(web: WebServer, api: Upstream) -> None:
    """10 seconds each (client_header_timeout, client_body_timeout), both at once to save time."""
    requests = {
        "header": b"GET / HTTP/1.1\r\nHost: x\r\nX-",
        "body": b"POST /_allauth/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
    }
    lines = {name: socket.create_connection(("127.0.0.1", web.port), timeout=20) for name in requests}
    begin = time.monotonic()
    for name, line in lines.items():
        line.sendall(requests[name])
    for line in lines.values():
        try:
            response = line.recv(1000)
        except ConnectionResetError:
            response = b""
        assert response[:13] in (b"", b"HTTP/1.1 408 ")
        assert 8 < time.monotonic() - begin < 15
        line.close()
    assert api.requests == []
