"""The preview with its login: who comes in, alone and with NGINX before it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.api.live_site import API
from tests.support.preview_login import (
    CANARY,
    INSIDE,
    add_second_factor,
    logged_in_browser,
    new_browser,
    project_with_login,
)
from tests.support.previews import DevServer, Response, run_dev_server
from tests.support.tools import need
from tests.web.test_gate import DISGUISES, SPELLINGS


@dataclass(frozen=True)
class Mode:
    """One of the two ways to run it."""

    one: DevServer
    nginx: bool


@pytest.fixture(scope="module", params=["alone", pytest.param("nginx", marks=pytest.mark.slow)])
def mode(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mode]:
    """The same site twice: served by the preview itself, and by the real NGINX before it."""
    words = ["--nginx"] if request.param == "nginx" else []
    if words:
        need("nginx")
    with run_dev_server(project_with_login(tmp_path_factory.mktemp(request.param)), *words) as one:
        one.get("/")  # the tree is there
        yield Mode(one, bool(words))


@pytest.mark.quick_cases(1)
def test_a_member_reads_from_login_to_logout(mode: Mode) -> None:
    """The login stands in for the page, under its address; nothing is kept anywhere."""
    one = mode.one
    before = one.get(INSIDE)
    assert (before.status, "id=login" in before.text, CANARY in before.text) == (401, True, False)
    assert before.headers["cache-control"] == "private, no-store"
    reader = logged_in_browser(one, "ann@example.org")
    assert reader.flags["sessionid"].count("HttpOnly") == 1
    inside = reader.send("GET", INSIDE)
    assert (inside.status, CANARY.encode() in inside.body) == (200, True)
    assert (inside.headers["cache-control"], inside.headers["vary"]) == ("private, no-store", "Cookie")
    assert "etag" not in inside.headers or mode.nginx
    assert reader.send("GET", "/members/nowhere/").status == 404
    assert reader.send("GET", "/members/inside").headers["location"] == INSIDE
    assert reader.send("GET", "/admin/").status == 403
    session = reader.jar["sessionid"]
    assert reader.logout().status == 401
    again = one.get(INSIDE, Cookie=f"sessionid={session}")
    assert (again.status, CANARY in again.text) == (401, False)


@pytest.mark.slow
def test_the_admin_is_for_the_owner_with_a_second_factor(mode: Mode) -> None:
    one = mode.one
    for path in ("/admin/", "/admin/login/", "/admin/static/admin/css/base.css"):
        response = one.get(path)
        assert (response.status, "id=login" in response.text) == (401, True), path
    assert one.get("/admin/login/", "POST").status == 401
    owner = logged_in_browser(one, "olga@example.org", "admin")
    assert owner.send("GET", "/admin/").status == 403
    assert owner.send("GET", INSIDE).status == 200
    add_second_factor(owner)
    page = owner.send("GET", "/admin/")
    assert (page.status, b"Who may read" in page.body) == (200, True)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    sheet = owner.send("GET", "/admin/static/admin/css/base.css")
    assert (sheet.status, b"--primary" in sheet.body) == (200, True)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_encoding_of_a_path_bypasses_the_gate(mode: Mode, disguise: str) -> None:
    root = mode.one.project / "out/preview/gated"
    names = [file.relative_to(root / "members").as_posix() for file in root.rglob("*") if file.is_file()]
    assert "inside/index.html" in names
    for name in [*names, "inside/", ""]:
        for method in ("GET", "HEAD", "POST"):
            response = mode.one.get(disguise.format(name), method, Range="bytes=0-900")
            assert CANARY.encode() not in response.body
            assert response.status in (301, 307, 400, 401, 404, 405), (disguise, name)


def get_after_rate_limit(one: DevServer, path: str) -> Response:
    """Return the response of *one* once the rate limit of one reader allows it."""
    for _ in range(100):
        response = one.get(path)
        if response.status != 429:
            break
        time.sleep(0.05)
    return response


@pytest.mark.quick_cases(1)
def test_an_anonymous_reader_cannot_probe_names_by_any_encoding(mode: Mode) -> None:
    """The preview refuses dots wherever they stand (400); everything else is the login, byte for byte."""
    wanted = ["inside/", "inside", "oldname/", "OLDNAME", "nowhere/", ""]
    paths = [spelling.format(one) for spelling in SPELLINGS for one in wanted] + ["/members", "/MEMBERS"]
    dotted = [path for path in paths if "/." in path or "%2e" in path]
    for group, status in ((dotted, 401 if mode.nginx else 400), ([*{*paths} - {*dotted}], 401)):
        responses = [get_after_rate_limit(mode.one, path) for path in group]
        assert {response.status for response in responses} == {status}
        seen = {
            (tuple(sorted(item for item in response.headers.items() if item[0] != "date")), response.body)
            for response in responses
        }
        assert len(seen) == 1
    reader = logged_in_browser(mode.one, "otto@example.org")
    assert reader.send("GET", "/members/oldname").headers["location"] == INSIDE
    assert reader.send("GET", "/MEMBERS/inside/").status == 404


def test_public_files_hold_nothing_of_members_pages(mode: Mode) -> None:
    public = mode.one.project / "out/preview/public"
    paths = ["/" + file.relative_to(public).as_posix() for file in public.rglob("*") if file.is_file()]
    assert len(paths) > 20
    found = {path: mode.one.get(path.replace("index.html", "")).body for path in paths}
    assert [path for path, body in found.items() if CANARY.encode() in body] == []


ADDRESSES = [
    (f"{API}/config",               "GET",      200),
    (f"{API}/auth/session",         "GET",      401),
    (f"{API}/auth/session",         "OPTIONS",  405),
    (f"{API}/config",               "BREW",     405),
    (f"{API}/auth/login",           "POST",     403),  # no CSRF token
    ("/_allauth",                   "GET",      301),
    ("/accounts",                   "GET",      301),
    ("/admin",                      "GET",      301),
    ("/members",                    "GET",      401),
    ("/MEMBERS/nowhere/",           "GET",      401),
    ("/accounts/login/",            "GET",      404),
    ("/_gate",                      "GET",      404),
    ("/_gate/staff",                "GET",      404),
    ("/livez",                      "GET",      404),
    ("/readyz",                     "GET",      404),
    ("/metrics",                    "GET",      404),
    ("/stub_status",                "GET",      404),
    ("/_allauth//browser/v1/config", "GET",     400),
    ("//_allauth/browser/v1/config", "GET",     400),
    ("/%61dmin/",                   "GET",      400),
    ("/_allauth/..%2fmetrics",      "GET",      400),
    ("/_allauth/%2e%2e/metrics",    "GET",      400),
    ("/admin/..%5c_allauth/",       "GET",      400),
    ("/admin/%252e/",               "GET",      400),
    ("/members/",                   "POST",     405),
    ("/admin/x/",                   "POST",     401),
]  # fmt: skip


@pytest.mark.parametrize(("path", "method", "status"), ADDRESSES)
def test_the_api_is_reached_as_through_nginx(mode: Mode, path: str, method: str, status: int) -> None:
    """Where the path leads out of the API, NGINX sees that nothing is there; the preview refuses dots."""
    assert mode.one.get(path, method).status in (status, 404 if "metrics" in path else status)


def test_a_refused_method_names_the_allowed_ones(mode: Mode) -> None:
    assert mode.one.get(f"{API}/config", "BREW").headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert mode.one.get("/members/", "POST").headers["allow"] == "GET, HEAD"


def test_large_bodies_are_refused(mode: Mode) -> None:
    reader = new_browser(mode.one)
    assert reader.call("POST", "auth/login", raw=b'"' + b"x" * 16382 + b'"').status == 400
    assert reader.call("POST", "auth/login", raw=b'"' + b"x" * 16383 + b'"').status == 413
    with socket.create_connection(("127.0.0.1", mode.one.port), timeout=10) as line:
        head = f"POST {API}/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head.encode() + b"4001\r\n" + b"x" * 0x4001 + b"\r\n0\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("host", ["127.0.0.1:{0}", "[::1]:{0}", "127.0.0.1"])
@pytest.mark.parametrize("path", [f"{API}/config", "/admin/", INSIDE, "/account/login/?a=b"])
def test_a_login_path_redirects_to_localhost(mode: Mode, host: str, path: str) -> None:
    """Passkeys refuse 127.0.0.1, and browsers do not share cookies between the two names."""
    response = mode.one.get(path, Host=host.format(mode.one.port))
    assert (response.status, response.headers["location"]) == (307, mode.one.url + path)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.0.10:8000"])
@pytest.mark.parametrize("path", ["/", f"{API}/config", "/admin/", INSIDE])
def test_foreign_host_names_are_refused(mode: Mode, host: str, path: str) -> None:
    assert mode.one.get(path, Host=host).status == 421


@pytest.mark.slow
def test_a_failing_database_denies_access(mode: Mode) -> None:
    """The last test of this file: an API that does not respond denies access."""
    one = mode.one
    reader = logged_in_browser(one, "eve@example.org")
    assert reader.send("GET", INSIDE).status == 200
    for file in (one.project / "var").glob("login.sqlite3*"):
        file.unlink(missing_ok=True)
    (one.project / "var/login.sqlite3").write_bytes(b"no database " * 1000)
    response = reader.send("GET", INSIDE)
    assert (response.status, CANARY.encode() in response.body) == (503, False)
    assert reader.send("GET", "/admin/").status == 503
    assert reader.send("GET", "/").status == 200
