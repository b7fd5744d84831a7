"""What is closed: the admin, paths of the cluster, and the gate when nobody answers."""

from __future__ import annotations

import gzip
import itertools
import re

import pytest

from tests.api.conftest import TRAPS
from tests.api.running import API, Site
from tests.support.project import ROOT
from tests.web.conftest import CANARY

PAGE = "/members/inside/"
SHUT = (PAGE, "/members/", f"{PAGE}index.html.gz", "/admin/", f"{API}/auth/session")
PACKED: tuple[dict[str, str], ...] = ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=0-"})


def test_the_admin_wants_staff_and_a_second_factor(site: Site) -> None:
    """Its own login is not there, at NGINX or behind it."""
    stranger, member = site.browser(), site.member("plain@example.org")
    owner = site.member("boss@example.org", owner=True)
    for path in ("/admin/", "/admin/login/", "/admin/accounts/user/", "/admin/static/admin/css/base.css"):
        assert stranger.send("GET", path).status == 401
        assert member.send("GET", path).status == 403
        assert owner.send("GET", path).status == 403
    for one in (stranger, member, owner):  # past NGINX: the API refuses by itself
        for port in site.ports:
            assert one.send("GET", "/admin/", port=port).status in (302, 403)
            login = one.send("GET", "/admin/login/", port=port)
            assert (login.status, b"password" in login.body) == (403, False)


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff", "/livez", "/readyz", "/metrics"])
def test_what_is_not_for_readers_is_not_there_for_them(site: Site, path: str) -> None:
    assert site.browser().send("GET", path).status == 404


def test_with_every_process_down_the_gate_is_shut_and_opens_again(site: Site) -> None:
    """The first trap of the gate: a page for 502 that is inherited would let everybody in."""
    one, stranger = site.member("inside@example.org"), site.browser()
    try:
        assert [process.stop() for process in site.processes] == [0] * 3
        for reader, path, headers in itertools.product((one, stranger), SHUT, PACKED):
            answer = reader.send("GET", path, headers=headers)
            assert (answer.status, answer.headers["content-type"]) == (503, "text/html; charset=utf-8"), path
            packed = answer.headers.get("content-encoding") == "gzip"
            assert CANARY.encode() not in (gzip.decompress(answer.body) if packed else answer.body)
        assert one.send("GET", "/").status == 200
    finally:
        for process in site.processes:
            process.start()
        for process in site.processes:
            process.wait()
    assert [one.send("GET", PAGE).status for _ in range(3)] == [200] * 3  # nobody was logged out
    assert [stranger.send("GET", PAGE).status for _ in range(3)] == [401] * 3


@pytest.mark.parametrize("name", TRAPS)
def test_no_page_includes_a_members_page(site: Site, name: str) -> None:
    """The second trap: what `ssi` includes does not pass the gate."""
    answer = site.browser().send("GET", f"/{name}")
    assert (answer.status, b"include" in answer.body, CANARY.encode() in answer.body) == (200, True, False)


def test_no_line_of_the_configuration_passes_the_gate_by() -> None:
    """Traps that show under some requests alone: these words may stand nowhere."""
    forbidden = re.compile(r"^\s*(ssi|satisfy|proxy_cache|proxy_store|fastcgi_pass|autoindex|alias)\b", re.M)
    files = [*(ROOT / "images" / "web" / "nginx").rglob("*.conf")]
    assert len(files) > 10
    assert [file.name for file in files if forbidden.search(file.read_text("utf-8"))] == []
