"""What reaches the login API, what it looks like there, and how much of it one reader may send."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter

import pytest

from tests.fakes.upstream import Upstream
from tests.web.conftest import Start
from tests.web.server import TRUSTED, Web

LOGIN = "/_allauth/browser/v1/auth/login"


def test_the_api_gets_the_request_as_it_was_and_the_reader_as_he_is(web: Web, api: Upstream) -> None:
    api.answers(200, b'{"status": 200}', Content_Type="application/json", Set_Cookie="sessionid=x; Secure")
    answer = web.get(
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
    assert (answer.status, answer.body) == (200, b'{"status": 200}')
    assert answer.headers["set-cookie"] == "sessionid=x; Secure"
    (asked,) = api.asked
    assert (asked.method, asked.path, asked.body) == ("POST", LOGIN + "?a=%2F&b", b'{"email": "a"}')
    assert asked.headers == {
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
    ("trust", "told", "seen"),
    [
        (TRUSTED,                                "203.0.113.9",                       "203.0.113.9"),
        (TRUSTED,                                "10.0.0.1, 203.0.113.9",             "203.0.113.9"),
        (TRUSTED,                                "203.0.113.9, 10.0.0.7",             "10.0.0.7"),
        (TRUSTED + "set_real_ip_from 10.0.0.0/8;", "203.0.113.9, 10.0.0.7",           "203.0.113.9"),
        (TRUSTED + "set_real_ip_from 10.0.0.0/8;", "6.6.6.6, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        (TRUSTED,                                "2001:db8::9",                       "2001:db8::9"),
        (TRUSTED,                                "nonsense",                          "127.0.0.1"),
        ("",                                     "203.0.113.9",                       "127.0.0.1"),
    ],
)  # fmt: skip
def test_the_reader_is_the_last_one_whom_no_proxy_vouches_for(
    start: Start, api: Upstream, trust: str, told: str, seen: str
) -> None:
    """Whatever a reader writes into the header stands before what the proxies write."""
    with start(extra=trust, api=f"127.0.0.1:{api.port}") as web:
        web.get("/_allauth/x", headers={"X-Forwarded-For": told})
    assert [asked.headers["x-real-ip"] for asked in api.asked] == [seen]
    assert "x-forwarded-for" not in api.asked[0].headers


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 429, 500, 503])
def test_the_api_speaks_for_itself(web: Web, api: Upstream, status: int) -> None:
    """allauth says with 401 and 500 what a script must read: no page stands in for it."""
    api.answers(status, b'{"x": 1}', Content_Type="application/json")
    answer = web.get("/_allauth/x")
    assert (answer.status, answer.body) == (status, b'{"x": 1}')
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff", "/livez", "/readyz", "/metrics"])
def test_other_paths_of_the_api_are_not_reachable(web: Web, api: Upstream, path: str) -> None:
    assert web.get(path).status == 404
    assert api.asked == []


@pytest.mark.parametrize("path", ["/_allauth/x", "/accounts/x", "/admin/x"])
def test_bodies_are_small(web: Web, api: Upstream, path: str) -> None:
    assert web.get(path, "POST", body=b"x" * 16384).status == 204
    api.asked.clear()
    for size in (16385, 17 * 1024, 3 * 1024 * 1024):
        request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
        assert web.raw(request).startswith(b"HTTP/1.1 413 ")
    chunk = b"4001\r\n" + b"x" * 0x4001 + b"\r\n0\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert web.raw(head + chunk).startswith(b"HTTP/1.1 413 ")
    assert [asked for asked in api.asked if asked.path == path] == []


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PROPFIND", "BREW", "get"])
def test_strange_methods_do_not_reach_the_api(web: Web, api: Upstream, method: str) -> None:
    assert web.get("/_allauth/x", method).status in (400, 405)
    assert api.asked == []


@pytest.mark.parametrize("path", ["/_allauth/x", "/accounts/x"])
def test_guessing_is_slow_for_one_reader_and_for_nobody_else(web: Web, api: Upstream, path: str) -> None:
    """5 a second and a burst of 20, before the API has to look."""
    here = {"X-Forwarded-For": f"203.0.113.{ord(path[2])}"}
    found = Counter(web.get(path, "POST", headers=here).status for _ in range(60))
    assert found.keys() == {204, 429}
    assert 20 <= found[204] <= 40
    assert len(api.asked) == found[204]
    refused = next(a for a in (web.get(path, headers=here) for _ in range(60)) if a.status == 429)
    assert refused.headers["retry-after"] == "5"
    assert web.get(path, headers={"X-Forwarded-For": "203.0.113.200"}).status == 204
    assert web.get("/", headers=here).status == 200


def test_readers_behind_an_edge_that_writes_all_addresses_as_ipv6_are_told_apart(
    web: Web, api: Upstream
) -> None:
    one = [web.get("/_allauth/x", headers={"X-Forwarded-For": "::ffff:203.0.113.7"}) for _ in range(60)]
    assert 429 in {answer.status for answer in one}
    assert web.get("/_allauth/x", headers={"X-Forwarded-For": "::ffff:203.0.113.8"}).status == 204


@pytest.mark.parametrize("written", ["2001:db8:1:2:{0}::1", "2001:db8:7::{0}:2:3"])
def test_one_reader_of_ipv6_has_one_limit(web: Web, api: Upstream, written: str) -> None:
    """He may take any address of a /64."""
    found = Counter(
        web.get("/_allauth/x", headers={"X-Forwarded-For": written.format(format(number + 1, "x"))}).status
        for number in range(60)
    )
    assert 20 <= found[204] <= 40


def test_connections_of_one_reader_to_the_api_are_few(web: Web, api: Upstream) -> None:
    """A slow API must not be filled by one reader: 50 members' pages at once."""
    api.answers(204, delay=2)
    found: Counter[int] = Counter()

    def ask() -> None:
        found[web.get("/members/", headers={"X-Forwarded-For": "203.0.113.77"}).status] += 1

    threads = [threading.Thread(target=ask) for _ in range(80)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found[429] >= 25
    assert found[200] + found[503] <= 55


def test_a_slow_header_or_body_is_not_waited_for(web: Web, api: Upstream) -> None:
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
            answer = line.recv(1000)
        except ConnectionResetError:
            answer = b""
        assert answer[:13] in (b"", b"HTTP/1.1 408 ")
        assert 8 < time.monotonic() - begin < 15
        line.close()
    assert api.asked == []
