"""Hostile requests: no server error, no file outside the tree, no gated content."""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.upstream import Upstream
from tests.support.previews import wait_until
from tests.web.conftest import CANARY, gated_paths
from tests.web.server import WebServer

OUTSIDE = b"root:x:0:0"  # /etc/passwd, of this machine and of the image
SEED, REQUESTS = 20_261_123, 10_000


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd", "/..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%252f..%252fetc/passwd",
        "/....//....//etc/passwd", "/assets/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd",
        "/%c0%ae%c0%ae/etc/passwd",
        "/..\\..\\etc\\passwd", "/%2e%2e%5cetc%5cpasswd", "//etc/passwd", "/etc/passwd", "/.%00./etc/passwd",
        "/posts/..;/..;/etc/passwd", "/etc/nginx/nginx.conf", "/nginx.conf", "/site-digest",
        "/srv/site-digest",
        "/../site-digest", "/assets../site-digest", "/assets..%2fsite-digest", "/members../site-digest",
        "/version.json/../../site-digest", "/proc/self/environ", "/%2e%2e%2f%2e%2e%2fproc/self/environ",
        "/aliases.map", "/.git/HEAD", "/.env", "file:///etc/passwd", "/%ff%fe", "/%", "/%zz", "/\x7f",
    ],
)  # fmt: skip
def test_nothing_outside_the_tree_is_served(web: WebServer, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1")
    response = web.raw(request)
    assert response[9:12] in (b"400", b"404"), response[:60]
    assert OUTSIDE not in response
    assert b"worker_processes" not in response


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /" + b"a" * 7900 + b" HTTP/1.1",  b"404"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1",  b"414"),
        (b"GET / HTTP/9.9",                      b"505"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: odd", b"501"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000, b"400"),
        (b"GET /a%00b HTTP/1.1",                 b"400"),
        (b"GET /a\x00b HTTP/1.1",                b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01",    b"400"),
        (b"PRI * HTTP/2.0",                      b"400"),
        (b"OPTIONS * HTTP/1.1",                  b"400"),
    ],
)  # fmt: skip
def test_an_invalid_request_is_refused(web: WebServer, request_line: bytes, status: bytes) -> None:
    response = web.raw(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert response[9:12] == status, response[:60]
    assert b"nginx/" not in response  # no version


@pytest.mark.slow
def test_ten_thousand_mutated_requests_break_nothing(web: WebServer, api: Upstream, project: Path) -> None:
    """Random and mutated requests with a fixed seed: no 500, 502, 504, no gated content.

    505 and 501 are correct for an unknown version or transfer coding.
    """
    api.respond(401)
    rng = random.Random(SEED)
    known = ["/", "/posts/one/", "/feed.atom", "/old", "/_allauth/x", "/admin/", "/assets/x.0123abcd.css",
             "/_gate", "/version.json", "/404.html", *gated_paths(project)]  # fmt: skip
    requests = [_odd(rng, known) for _ in range(REQUESTS)]
    found: Counter[bytes] = Counter()
    with ThreadPoolExecutor(8) as pool:
        for request, response in zip(requests, pool.map(lambda one: _send(web, one), requests), strict=True):
            assert CANARY.encode() not in response, request
            assert OUTSIDE not in response, request
            for status in (response[at + 9 : at + 12] for at in _starts(response)):
                found[status] += 1
                assert status not in (b"500", b"502", b"504"), request
    # The client has closed its half: NGINX does not always wait for the gate's response.
    assert {b"200", b"400", b"404", b"405"} <= found.keys()
    assert web.process.poll() is None
    assert web.get("/").status == 200
    assert {web.get(path).status for path in gated_paths(project) if path.endswith(".html")} == {401}
    assert "alert" not in web.stderr_text


METHODS = ["GET"] * 6 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "\x00", "GETT"]
PIECES = (
    *(b"/", b"..", b"%2e", b"%2f", b"//", b"?", b"#", b"%00", b"%", b";", b"\\", b"%5c", b"%ff", b"./", b"*"),
    *(b"index.html", b".gz", b".br"),
)
VERSIONS = ["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.12", ""]
HOSTS = ("x", "small.example", "", "a:b:c", "..", "[::1]", "x" * 300)
HEADERS = (
    *("Range: bytes=0-1,2-3", "Range: bytes=-", "Range: bytes=9-1", "If-None-Match: *", "If-Match: *"),
    *("If-Modified-Since: x", "Accept-Encoding: br;q=x", "Accept-Encoding: gzip,br", "Content-Length: 3"),
    *("Transfer-Encoding: chunked", "Content-Length: x", "X-Forwarded-For: ,,,", "X-Forwarded-For: ::1"),
    *("X-Forwarded-Proto: https", "X-Asset-Hop: 1", "Cookie: " + "a" * 4000, "Upgrade: h2c"),
    *("Expect: 100-continue", "Connection: upgrade", "Referer: \x80\xff", "X-Original-URI: /"),
    *(":authority: x", "A" * 500, " folded: x"),
)
BODIES = (b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n")


def _odd(rng: random.Random, known: list[str]) -> bytes:
    """Return a request that is nearly, or not at all, what it should be."""
    path = bytearray(rng.choice(known), "utf-8")
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(path) + 1)
        piece = rng.choice((*PIECES, bytes([rng.randrange(256)])))
        path[at : at + rng.choice((0, 0, 1, 3))] = piece
    reader = f"X-Forwarded-For: 198.19.{rng.randrange(256)}.{rng.randrange(256)}"
    lines = [f"Host: {rng.choice(HOSTS)}", reader, *rng.sample(HEADERS, rng.choice((0, 0, 1, 2, 4)))]
    head = f"{rng.choice(METHODS)} ".encode() + bytes(path) + f" {rng.choice(VERSIONS)}\r\n".encode()
    fields = "\r\n".join(lines).encode("latin-1")
    data = bytearray(head + fields + b"\r\nConnection: close\r\n\r\n" + rng.choice(BODIES))
    if rng.random() < 0.1:
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _send(web: WebServer, data: bytes) -> bytes:
    parts: list[bytes] = []
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as line:
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)  # no more is coming: nobody need wait for the rest
            while part := line.recv(65536):
                parts.append(part)
        except OSError:
            pass
    return b"".join(parts)


def _starts(response: bytes) -> list[int]:
    at, found = 0, []
    while (at := response.find(b"HTTP/1.1 ", at)) >= 0:
        found.append(at)
        at += 9
    return found


def test_readers_are_served_while_slow_ones_hold_two_hundred_connections(
    web: WebServer, project: Path
) -> None:
    """Half of them never end their header, half never read the response."""
    biggest = max((project / "out/site/public").rglob("*.html"), key=lambda file: file.stat().st_size)
    page = "/" + biggest.relative_to(project / "out/site/public").as_posix().removesuffix("index.html")
    held = []
    try:
        for number in range(200):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", web.port))
            whole = f"GET {page} HTTP/1.1\r\nHost: x\r\n\r\n" * 20
            line.sendall(whole.encode() if number % 2 else b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            held.append(line)
        wait_until(lambda: web.active_connections >= 200)
        times = []
        for _ in range(50):
            begin = time.monotonic()
            assert web.get("/").status == 200
            times.append(time.monotonic() - begin)
        assert sorted(times)[25] < 0.5
    finally:
        for line in held:
            line.close()
