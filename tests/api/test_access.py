"""Access control: the admin, internal paths, and the gate while the API is down."""

from __future__ import annotations

import gzip
import itertools
import re

import pytest

from tests.api.conftest import SSI_FILES
from tests.api.live_site import API, Site
from tests.support.project import ROOT
from tests.web.conftest import CANARY

PAGE = "/members/inside/"
GATED_PATHS = (PAGE, "/members/", f"{PAGE}index.html.gz", "/admin/", f"{API}/auth/session")
REQUEST_HEADERS: tuple[dict[str, str], ...] = ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=0-"})


def test_the_admin_requires_staff_and_a_second_factor(site: Site) -> None:
    """Its own login is disabled, also behind NGINX."""
    anonymous, member = site.browser(), site.member("plain@example.org")
    owner = site.member("boss@example.org", owner=True)
    for path in ("/admin/", "/admin/login/", "/admin/accounts/user/", "/admin/static/admin/css/base.css"):
        assert anonymous.send("GET", path).status == 401
        assert member.send("GET", path).status == 403
        assert owner.send("GET", path).status == 403
    for one in (anonymous, member, owner):  # past NGINX: the API refuses, too
        for port in site.ports:
            assert one.send("GET", "/admin/", port=port).status in (302, 403)
            login = one.send("GET", "/admin/login/", port=port)
            assert (login.status, b"password" in login.body) == (403, False)


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff", "/livez", "/readyz", "/metrics"])
def test_internal_paths_are_404_for_readers(site: Site, path: str) -> None:
    assert site.browser().send("GET", path).status == 404


def test_gated_paths_are_503_while_the_api_is_down(site: Site) -> None:
    """An inherited error page for 502 would serve the page to everybody."""
    one, anonymous = site.member("inside@example.org"), site.browser()
    try:
        assert [process.stop() for process in site.processes] == [0] * 3
        for reader, path, headers in itertools.product((one, anonymous), GATED_PATHS, REQUEST_HEADERS):
            response = reader.send("GET", path, headers=headers)
            assert (response.status, response.headers["content-type"]) == (503, "text/html; charset=utf-8"), (
                path
            )
            packed = response.headers.get("content-encoding") == "gzip"
            assert CANARY.encode() not in (gzip.decompress(response.body) if packed else response.body)
        assert one.send("GET", "/").status == 200
    finally:
        for process in site.processes:
            process.start()
        for process in site.processes:
            process.wait()
    assert [one.send("GET", PAGE).status for _ in range(3)] == [200] * 3  # the session is still valid
    assert [anonymous.send("GET", PAGE).status for _ in range(3)] == [401] * 3


@pytest.mark.parametrize("name", SSI_FILES)
def test_server_side_includes_are_not_processed(site: Site, name: str) -> None:
    """A file that `ssi` includes would bypass the gate."""
    response = site.browser().send("GET", f"/{name}")
    assert (response.status, b"include" in response.body, CANARY.encode() in response.body) == (
        200,
        True,
        False,
    )


def test_no_nginx_directive_bypasses_the_gate() -> None:
    """These directives bypass it only for some requests, so none may be configured."""
    forbidden = re.compile(r"^\s*(ssi|satisfy|proxy_cache|proxy_store|fastcgi_pass|autoindex|alias)\b", re.M)
    files = [*(ROOT / "images" / "web" / "nginx").rglob("*.conf")]
    assert len(files) > 10
    assert [file.name for file in files if forbidden.search(file.read_text("utf-8"))] == []
