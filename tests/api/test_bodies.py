"""Bodies and cookies that nobody sends by accident: never a fault of the server."""

from __future__ import annotations

import gzip
import json
import socket
from contextlib import ExitStack

import pytest

from tests.api.running import API, Site

PAGE = "/members/inside/"


BODIES = {
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


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", BODIES)
def test_no_body_breaks_the_api(site: Site, path: str, what: str) -> None:
    """Through NGINX, and to the API itself: never a 5xx, always JSON."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, site.ports[0]):
        answer = one.send(
            "POST", f"{API}/{path}", raw=BODIES[what], port=port, headers={"X-Real-IP": one.address}
        )
        # A mail is asked for whatever else the body holds: 200 tells nothing.
        assert (answer.status == 200 and path == "auth/password/request") or 400 <= answer.status < 500
        if port:
            assert answer.headers["content-type"] == "application/json"
            assert answer.json["status"] == answer.status


@pytest.mark.usefixtures("silent")
def test_no_number_breaks_the_authenticators_of_a_member(site: Site) -> None:
    """Django makes an id of a number with an exponent: infinity has none, and 1e19 fits no row."""
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
def test_no_cookie_breaks_the_gate(site: Site, cookie: str) -> None:
    """The gate looks a key up that a stranger has written."""
    one = site.browser()
    raw = cookie.encode("utf-8", "surrogateescape").decode("latin-1")
    answer = one.send("GET", PAGE, headers={"Cookie": f"{site.session}={raw}"})
    assert answer.status in (400, 401)


def test_slow_bodies_hold_up_nobody(site: Site) -> None:
    """More of them than all processes have threads: NGINX waits for the end of a body, the API does not."""
    head = f"POST {API}/auth/login HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 100\r\nX-Forwarded-For: "
    site.member("patient@example.org")
    one = site.browser()
    one.send("GET", f"{API}/config")
    with ExitStack() as held:
        lines = [
            held.enter_context(socket.create_connection(("127.0.0.1", site.web.port), timeout=20))
            for _ in range(40)
        ]
        for number, line in enumerate(lines):
            line.sendall(f"{head}198.51.{number}.7\r\n\r\n{{".encode())
        assert one.login("patient@example.org").status == 200
        assert one.send("GET", PAGE).status == 200
        lines[0].setblocking(False)
        with pytest.raises(BlockingIOError):  # all of them are held still: client_body_timeout is 10 s
            lines[0].recv(1)
