"""Requests for another host: 421 everywhere, and not a line in the log of the API."""

from __future__ import annotations

import pytest

from tests.api.running import API, Site

PATHS = ("/members/inside/", "/members/", "/admin/", f"{API}/config", "/accounts/x/", "/", "/nowhere")
FOREIGN = (
    "evil.example", "localhost.evil.example", "127.0.0.1", "x" * 300, "a_b", "[::1]",
    "evil.example:8000", "localhost@evil.example",
)  # fmt: skip


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("host", FOREIGN)
def test_another_host_is_misdirected(site: Site, host: str) -> None:
    """Through NGINX, which decides first, and at the API itself."""
    one = site.browser()
    for port in (None, *site.ports):
        for method in ("GET", "POST"):
            for path in (*PATHS, "/_gate", "/_gate/staff"):
                answer = one.send(method, path, headers={"Host": host}, port=port)
                assert (answer.status, host.encode() in answer.body) == (421, False), path


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET {path} HTTP/1.0\r\n\r\n", b"421"),
        ("GET {path} HTTP/1.0\r\nHost: evil.example\r\n\r\n", b"421"),
        ("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n", b"400"),
        ("GET {path} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", b"400"),
        ("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"400"),
        ("GET {path} HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", b"400"),
        ("GET http://evil.example{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"421"),
    ],
)
def test_a_request_without_the_host_of_the_site_reaches_nothing(
    site: Site, path: str, request_: str, status: bytes
) -> None:
    """By old protocols, without a Host, and with two of them."""
    answer = site.web.raw(request_.format(path=path).encode())
    assert answer.split(b" ")[1] == status


@pytest.mark.usefixtures("silent")
def test_the_host_of_the_site_is_answered_in_any_case_and_with_any_port(site: Site) -> None:
    """Browsers write it small; clients behind a proxy may not."""
    for host in ("localhost", "LOCALHOST", "localhost.", site.host, "localhost:1"):
        for path, status in (("/", 200), ("/members/inside/", 401), (f"{API}/config", 200)):
            assert site.browser().send("GET", path, headers={"Host": host}).status == status
