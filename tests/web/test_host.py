"""site_host: requests for another host get 421 before anything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream
from tests.web.conftest import Start
from tests.web.server import WebServer

PATHS = (
    "/",
    "/version.json",
    "/members/inside/",
    "/admin/",
    "/_allauth/x",
    "/nowhere",
    "/assets/x.12345678.css",
)


@pytest.fixture(scope="module")
def named(start: Start, _upstream: Upstream) -> Iterator[WebServer]:
    """A server with site_host."""
    with start(api=f"127.0.0.1:{_upstream.port}", site_host="small.example") as one:
        yield one


@pytest.mark.parametrize("host", ["evil.example", "small.example.evil", "xsmall.example", "10.244.7.11:8080"])
def test_another_host_gets_421_before_the_api_is_requested(
    named: WebServer, api: Upstream, host: str
) -> None:
    for path in PATHS:
        response = named.get(path, headers={"Host": host})
        assert (response.status, "x-content-type-options" in response.headers) == (421, True), path
        assert response.headers.get("cache-control", "") in ("no-cache", "no-store", "private, no-store")
        assert "421 Misdirected Request" in response.text
    assert api.requests == []


def test_no_host_is_another_host(named: WebServer, api: Upstream) -> None:
    """HTTP/1.0 may leave it out."""
    for path in PATHS:
        assert named.raw(f"GET {path} HTTP/1.0\r\n\r\n".encode()).startswith(b"HTTP/1.1 421 ")
        assert named.raw(f"GET {path} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")
    assert api.requests == []


@pytest.mark.parametrize("host", ["small.example", "SMALL.example", "small.example.", "small.example:8443"])
def test_the_host_of_the_site_is_accepted(named: WebServer, api: Upstream, host: str) -> None:
    for path in ("/", "/members/inside/"):
        assert named.get(path, headers={"Host": host}).status == 200


def test_probes_use_the_address_of_a_pod(named: WebServer) -> None:
    """The kubelet uses the pod's address, on the health port."""
    for path in ("/livez", "/readyz"):
        assert named.get(path, headers={"Host": "10.244.7.11:8081"}, port=named.health).status == 200


def test_peers_send_the_host_of_the_site(named: WebServer, start: Start) -> None:
    """Otherwise every peer fetch would get 421."""
    missing = "/assets/gone.12345678.css"
    with start(peers=f"127.0.0.1:{named.port}", site_host="small.example") as other:
        assert other.get(missing).status == 404
        named.logged(missing)
    assert named.logged(missing)["status"] == 404


def test_without_site_host_every_host_is_accepted(default_web: WebServer) -> None:
    """The image has no default host name."""
    assert default_web.get("/", headers={"Host": "whatever.example"}).status == 200
