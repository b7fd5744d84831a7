"""Malformed bodies and cookies never cause a server error."""

from __future__ import annotations

import gzip
import json
import socket
from contextlib import ExitStack

import pytest

from tests.api.live_site import API, Site

PAGE = "/members/inside/"


MALFORMED_BODIES = {
    "17 KB": b'{"email": "' + b"a" * 17_000 + b'"}',
    "3 MB": b"[" + b"1," * 1_500_000 + b"1]",
    "a list": b"[1]",
    "a text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "no JSON": b"{",
    "bad UTF-8": b'{"email": "\xff\xfe", "password": "x"}',
    "deep lists": b"[" * 16_000,
    "deep objects": b'{"a":' * 3_200,
    "NUL": b'{"email": "a\\u0000b@example.org", "password": "\\u0000"}',
    "lone surrogate": b'{"email": "a@example.org", "password": "\\ud800"}',
    "numbers": b'{"email": 1, "password": 1e400}',
    "lists within": b'{"email": ["a"], "password": {"a": 1}}',
    "NaN": b'{"email": NaN, "password": NaN}',
    "huge number": b'{"email": ' + b"9" * 5000 + b"}",
    "large number": b'{"authenticators": [99999999999999999999], "email": 1, "id": -9223372036854775809}',
    "BOM": b'\xef\xbb\xbf{"email": "a", "password": "b"}',
    "UTF-16": '{"email": "a", "password": "b"}'.encode("utf-16"),
    "gzip": gzip.compress(b'{"email": "a", "password": "b"}'),
    "NUL between": b'{"email": "a",\x00 "password": "b"}',
    "same name twice": b'{"email": "a", "email": "b", "password": "c"}',
    "long password": json.dumps({"email": "a@example.org", "password": "p" * 9000}).encode(),
}


PATHS = ["auth/login", "auth/password/request", "auth/password/reset", "auth/email/verify",
         "auth/2fa/authenticate", "auth/webauthn/login", "auth/reauthenticate", "auth/signup"]  # fmt: skip


@pytest.mark.quick_cases(24)
@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", MALFORMED_BODIES)
def test_malformed_bodies_get_4xx_and_json(site: Site, path: str, what: str) -> None:
    """Through NGINX, and directly."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, site.ports[0]):
        response = one.send(
            "POST", f"{API}/{path}", raw=MALFORMED_BODIES[what], port=port, headers={"X-Real-IP": one.address}
        )
        # A password request responds 200 to any valid address.
        assert (response.status == 200 and path == "auth/password/request") or 400 <= response.status < 500
        if port:
            assert response.headers["content-type"] == "application/json"
            assert response.json["status"] == response.status


@pytest.mark.usefixtures("no_log_output")
def test_out_of_range_numbers_are_refused_as_authenticators(site: Site) -> None:
    """Django converts floats to primary keys: infinity fails, and 1e19 exceeds 64 bits."""
    one = site.member("numbers@example.org")
    path = f"{API}/account/authenticators/webauthn"
    for number in (
        "1e999",
        "-1e999",
        "1e300",
        "-1e300",
        "1e19",
        "-1e19",
        "9223372036854775808.0",
        "1e9",
        "1.5",
    ):
        for method, body in (
            ("DELETE", f'{{"authenticators": [{number}]}}'),
            ("PUT", f'{{"id": {number}, "name": "x"}}'),
        ):
            assert (method, number, one.send(method, path, raw=body.encode()).status) == (method, number, 400)


@pytest.mark.parametrize(
    "cookie",
    ["x", "'", "a" * 32, "A" * 4000, "\xff", "../../x", "a b", '"a"', "%00", "0" * 40, "a;b", "\u0661" * 4],
)
def test_the_gate_refuses_malformed_cookies(site: Site, cookie: str) -> None:
    """The gate queries a key from an untrusted cookie."""
    one = site.browser()
    raw = cookie.encode("utf-8", "surrogateescape").decode("latin-1")
    response = one.send("GET", PAGE, headers={"Cookie": f"{site.session}={raw}"})
    assert response.status in (400, 401)


def test_slow_bodies_do_not_block_other_requests(site: Site) -> None:
    """More slow bodies than all processes have threads: NGINX buffers a body before it proxies."""
    head = f"POST {API}/auth/login HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 100\r\nX-Forwarded-For: "
    site.member("patient@example.org")
    one = site.browser()
    one.send("GET", f"{API}/config")
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.web.port), timeout=20))
            for _ in range(40)
        ]
        for number, line in enumerate(lines):
            line.sendall(f"{head}198.51.{number}.7\r\n\r\n{{".encode())
        assert one.login("patient@example.org").status == 200
        assert one.send("GET", PAGE).status == 200
        lines[0].setblocking(False)
        with pytest.raises(BlockingIOError):  # still open: client_body_timeout is 10 s
            lines[0].recv(1)
