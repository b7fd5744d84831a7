"""Requests for another host get 421, without a log line."""

from __future__ import annotations

import pytest

from tests.api.live_site import API, Site

PATHS = ("/members/inside/", "/members/", "/admin/", f"{API}/config", "/accounts/x/", "/", "/nowhere")
FOREIGN = (
    "evil.example", "localhost.evil.example", "127.0.0.1", "x" * 300, "a_b", "[::1]",
    "evil.example:8000", "localhost@evil.example",
)  # fmt: skip


@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("host", FOREIGN)
def test_another_host_gets_421(site: Site, host: str) -> None:
    """From NGINX, and from the API directly."""
    one = site.browser()
    for port in (None, *site.ports):
        for method in ("GET", "POST"):
            for path in (*PATHS, "/_gate", "/_gate/staff"):
                response = one.send(method, path, headers={"Host": host}, port=port)
                assert (response.status, host.encode() in response.body) == (421, False), path


@pytest.mark.usefixtures("no_log_output")
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
def test_a_request_without_the_sites_host_is_refused(
    site: Site, path: str, request_: str, status: bytes
) -> None:
    """HTTP/1.0, no Host, an empty Host, or two of them."""
    response = site.web.raw(request_.format(path=path).encode())
    assert response.split(b" ")[1] == status


@pytest.mark.usefixtures("no_log_output")
def test_the_sites_host_is_accepted_in_any_case_and_with_any_port(site: Site) -> None:
    """Clients behind a proxy may not normalize it like browsers."""
    for host in ("localhost", "LOCALHOST", "localhost.", site.host, "localhost:1"):
        for path, status in (("/", 200), ("/members/inside/", 401), (f"{API}/config", 200)):
            assert site.browser().send("GET", path, headers={"Host": host}).status == status
