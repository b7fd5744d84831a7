"""The preview with its login: members, owner, keys and gate, on one machine and in one process."""

from __future__ import annotations

import base64
import hmac
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from pipelines.preview import nginx
from tests.api.mail import mails
from tests.api.running import PASSWORD, Browser, Site
from tests.preview import POST, Running, free_port, own_environment, preview_site, running, until
from tests.project import ROOT, write
from tests.tools import need
from tests.web.test_gate import DISGUISES

CANARY = "canary-5d07aa"
INSIDE = "/members/inside/"
API = "/_allauth/browser/v1"
SITE = {
    "content/members/inside.md": f"---\ntitle: {CANARY}\n---\n{CANARY} [list](../files/list.csv)\n",
    "content/files/list.csv": f"{CANARY},1\n",
}
LOADED = re.compile(r"^import time: .*\|\s+(django|allauth|api)\b", re.MULTILINE)
SCRIPT = '<script src="/_preview/reload.js"'


def pipelines(project: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pipelines`` on *project*, with *env* and nothing else of a login."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", str(project), *words],
        cwd=ROOT, env={**own_environment(), **env}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def invite(project: Path, email: str, *words: str, word: str = "user", port: int = 8000, **env: str) -> str:
    """Make a user; return the key of the mail that was printed."""
    done = pipelines(project, word, email, "--port", str(port), *words, **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = re.search(rf"^http://localhost:{port}/account/reset/new/#(\S+)$", done.stdout, re.M)
    assert found, done.stdout
    return found[1]


def browser(one: Running) -> Browser:
    """Return a browser that has never been there."""
    there: Any = one  # of a running site a browser wants the port alone
    return Browser(Site(there, None, {"LOGIN_SITE_URL": one.url}, []), "")  # type: ignore[arg-type]


def member(one: Running, email: str, word: str = "user") -> Browser:
    """Make a user and return a browser that is logged in."""
    key = invite(one.project, email, word=word, port=one.port)
    reader = browser(one)
    assert reader.call("POST", "auth/password/reset", {"key": key, "password": PASSWORD}).status == 401
    assert reader.login(email).status == 200
    return reader


def add_second_factor(reader: Browser) -> None:
    """Add TOTP (RFC 6238) and log in again with it."""
    assert reader.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status == 200
    secret = reader.call("GET", "account/authenticators/totp").json["meta"]["secret"]

    def code(steps: int) -> str:
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        digest = hmac.digest(key, struct.pack(">Q", int(time.time() // 30) + steps), "sha1")
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
        return f"{(number & 0x7FFFFFFF) % 10**6:06}"

    added = reader.call("POST", "account/authenticators/totp", {"code": code(0)})
    assert added.status == 200, added.body
    # The code was used: a login needs the next one, or a recovery code, which needs no waiting.
    spare = reader.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"][0]
    email = reader.call("GET", "auth/session").json["data"]["user"]["email"]
    reader.logout()
    assert reader.login(email).status == 401
    assert reader.call("POST", "auth/2fa/authenticate", {"code": spare}).status == 200


@dataclass(frozen=True)
class Mode:
    """One of the two ways to run it."""

    one: Running
    nginx: bool


def site_of(folder: Path) -> Path:
    """Return a project with a members' page and the configuration of NGINX."""
    project = preview_site(folder, SITE)
    shutil.copytree(ROOT / "images", project / "images")
    return project


@pytest.fixture(scope="module", params=["alone", "nginx"])
def mode(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mode]:
    """The same site twice: answered by the preview itself, and by the real NGINX before it."""
    words = ["--nginx"] if request.param == "nginx" else []
    if words:
        need("nginx")
    with running(site_of(tmp_path_factory.mktemp(request.param)), *words) as one:
        one.get("/")  # the tree is there
        yield Mode(one, bool(words))


# --- Who comes in ----------------------------------------------------------------------------


def test_a_member_reads_from_login_to_logout(mode: Mode) -> None:
    """The login stands in for the page, under its address; nothing is kept anywhere."""
    one = mode.one
    before = one.get(INSIDE)
    assert (before.status, "id=login" in before.text, CANARY in before.text) == (401, True, False)
    assert before.headers["cache-control"] == "private, no-store"
    reader = member(one, "ann@example.org")
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


def test_the_admin_is_for_the_owner_with_a_second_factor(mode: Mode) -> None:
    one = mode.one
    for path in ("/admin/", "/admin/login/", "/admin/static/admin/css/base.css"):
        answer = one.get(path)
        assert (answer.status, "id=login" in answer.text) == (401, True), path
    assert one.get("/admin/login/", "POST").status == 401
    owner = member(one, "olga@example.org", "admin")
    assert owner.send("GET", "/admin/").status == 403
    assert owner.send("GET", INSIDE).status == 200
    add_second_factor(owner)
    page = owner.send("GET", "/admin/")
    assert (page.status, b"Who may read" in page.body) == (200, True)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    sheet = owner.send("GET", "/admin/static/admin/css/base.css")
    assert (sheet.status, b"--primary" in sheet.body) == (200, True)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_spelling_leads_around_the_gate(mode: Mode, disguise: str) -> None:
    root = mode.one.project / "out/preview/gated"
    names = [file.relative_to(root / "members").as_posix() for file in root.rglob("*") if file.is_file()]
    assert "inside/index.html" in names
    for name in [*names, "inside/", ""]:
        for method in ("GET", "HEAD", "POST"):
            answer = mode.one.get(disguise.format(name), method, Range="bytes=0-900")
            assert CANARY.encode() not in answer.body
            assert answer.status in (301, 307, 400, 401, 404, 405), (disguise, name)


def test_no_stranger_finds_a_trace_of_the_members_pages(mode: Mode) -> None:
    public = mode.one.project / "out/preview/public"
    paths = ["/" + file.relative_to(public).as_posix() for file in public.rglob("*") if file.is_file()]
    assert len(paths) > 20
    found = {path: mode.one.get(path.replace("index.html", "")).body for path in paths}
    assert [path for path, body in found.items() if CANARY.encode() in body] == []


# path, method, status
ADDRESSES = [
    (f"{API}/config",               "GET",      200),
    (f"{API}/auth/session",         "GET",      401),
    (f"{API}/auth/session",         "OPTIONS",  405),
    (f"{API}/config",               "BREW",     405),
    (f"{API}/auth/login",           "POST",     403),  # no CSRF token
    ("/_allauth",                   "GET",      301),
    ("/accounts",                   "GET",      301),
    ("/admin",                      "GET",      301),
    ("/members",                    "GET",      301),
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


def test_what_it_takes_is_told(mode: Mode) -> None:
    assert mode.one.get(f"{API}/config", "BREW").headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert mode.one.get("/members/", "POST").headers["allow"] == "GET, HEAD"


def test_bodies_are_small(mode: Mode) -> None:
    reader = browser(mode.one)
    assert reader.call("POST", "auth/login", raw=b'"' + b"x" * 16382 + b'"').status == 400
    assert reader.call("POST", "auth/login", raw=b'"' + b"x" * 16383 + b'"').status == 413
    with socket.create_connection(("127.0.0.1", mode.one.port), timeout=10) as line:
        head = f"POST {API}/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head.encode() + b"4001\r\n" + b"x" * 0x4001 + b"\r\n0\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("host", ["127.0.0.1:{0}", "[::1]:{0}", "127.0.0.1"])
@pytest.mark.parametrize("path", [f"{API}/config", "/admin/", INSIDE, "/account/login/?a=b"])
def test_whoever_logs_in_is_sent_to_localhost(mode: Mode, host: str, path: str) -> None:
    """Passkeys refuse 127.0.0.1, and a cookie of one name is none of the other."""
    answer = mode.one.get(path, Host=host.format(mode.one.port))
    assert (answer.status, answer.headers["location"]) == (307, mode.one.url + path)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.0.10:8000"])
@pytest.mark.parametrize("path", ["/", f"{API}/config", "/admin/", INSIDE])
def test_names_of_others_are_refused(mode: Mode, host: str, path: str) -> None:
    assert mode.one.get(path, Host=host).status == 421


# --- What the author notices -----------------------------------------------------------------


def test_the_script_is_in_members_pages_and_in_the_login_that_stands_in(tmp_path: Path) -> None:
    """Also in the preview with a login, an edit of a members' page reloads it."""
    site = site_of(tmp_path)
    with running(site) as one:
        reader = member(one, "ann@example.org")
        page = reader.send("GET", INSIDE)
        assert page.body.decode().count(SCRIPT) == 1
        assert page.headers["x-preview-gated"] == "members"
        assert one.get(INSIDE).text.count(SCRIPT) == 1
        with one.events() as events:
            events.next()
            write(site / "content/members/inside.md", f"---\ntitle: {CANARY}\n---\nAnother text.\n")
            assert events.next()["number"] == 2
            assert b"Another text" in reader.send("GET", INSIDE).body
            status, seconds = one.end()
        assert status == 0
        assert seconds < 10
    assert "Traceback" not in one.said


def test_the_terminal_keeps_its_time_zone(tmp_path: Path) -> None:
    """Django gives its own time zone to the whole process, and the terminal tells when a build was."""
    site = site_of(tmp_path)
    with running(site, TZ="XXX-05:30") as one:
        assert one.get(INSIDE).status == 401
        write(site / "content/posts/one.md", POST.replace("first", "second"))
        until(lambda: one.said.count(" pages in ") == 2)
        first, second = [int(h) * 60 + int(m) for h, m in re.findall(r"^(\d\d):(\d\d):\d\d ", one.said, re.M)]
        assert (second - first) % 1440 < 5


def test_who_does_not_log_in_does_not_pay_for_it(tmp_path: Path) -> None:
    """Django is loaded when it is first asked for; starting and pages take what they took."""
    with running(site_of(tmp_path), PYTHONPROFILEIMPORTTIME="1") as one:
        assert (
            one.get("/").status == one.get("/posts/one/").status == one.get("/account/login/").status == 200
        )
        assert "| django" not in one.said.replace("|   ", "| ").replace("  ", " ")
        assert not (one.project / "var").exists()
        assert one.get(INSIDE).status == 401
        assert re.search(LOADED, one.said)


def test_a_site_without_login_has_none(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    settings = (site / "site.toml").read_text("utf-8")
    write(site / "site.toml", re.sub(r"login +=.*", "login = false", settings))
    shutil.rmtree(site / "content/members")
    with running(site, PYTHONPROFILEIMPORTTIME="1") as one:
        gone = (f"{API}/config", "/accounts/", "/admin/", "/admin", "/_gate", "/members/", "/account/login/")
        assert {path: one.get(path).status for path in gone} == dict.fromkeys(gone, 404)
        assert one.get("/", Host="127.0.0.1").status == 200
        assert not re.search(LOADED, one.said)
    assert not (site / "var").exists()
    done = pipelines(site, "user", "ann@example.org")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the site has no login; set login = true in site.toml\n",
    )


def test_it_ends_at_once_while_the_login_waits_for_somebody(tmp_path: Path) -> None:
    """A mail server that says nothing is waited for, by one request and not by Ctrl-C."""
    site = site_of(tmp_path)
    invite(site, "ann@example.org")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        with running(site, LOGIN_MAIL_HOST="127.0.0.1", LOGIN_MAIL_PORT=port) as one:
            reader = browser(one)
            reader.send("GET", f"{API}/config")

            def ask() -> None:
                with suppress(OSError, HTTPException):
                    reader.call("POST", "auth/password/request", {"email": "ann@example.org"})

            thread = threading.Thread(target=ask)
            thread.start()
            line, _ = silent.accept()
            with line:
                status, seconds = one.end()
                thread.join()
    print(f"signal to end: {seconds:.2f} s")
    assert status == 0
    assert seconds < 5
    assert "Traceback" not in one.said


# --- Keys, tables, environment ---------------------------------------------------------------


def test_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    invite(site, "ann@example.org")
    files = {file.name: file for file in (site / "var").iterdir()}
    assert stat.S_IMODE((site / "var").stat().st_mode) == 0o700
    names = {"login-secret-keys", "login-encryption-keys"}
    assert {stat.S_IMODE(files[name].stat().st_mode) for name in names} == {0o600}
    keys = {name: files[name].read_text() for name in names}
    assert len(set(keys.values())) == 2
    (site / "var").chmod(0o755)
    invite(site, "bob@example.org")
    assert {name: files[name].read_text() for name in names} == keys
    assert stat.S_IMODE((site / "var").stat().st_mode) == 0o700
    other = tmp_path / "other"
    other.mkdir()
    second = site_of(other)
    invite(second, "ann@example.org")
    assert (second / "var/login-secret-keys").read_text() != keys["login-secret-keys"]


def test_var_is_not_committed() -> None:
    assert "/var/" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_restart_logs_nobody_out(tmp_path: Path) -> None:
    site, port = site_of(tmp_path), free_port()
    with running(site, port=port) as one:
        reader = member(one, "ann@example.org")
        assert one.end()[0] == 0
    with running(site, port=port) as one:
        assert reader.send("GET", INSIDE).status == 200
        assert browser(one).login("ann@example.org").status == 200
        assert "tables" not in one.said


def test_several_may_begin_at_once(tmp_path: Path) -> None:
    """Keys and tables are made by one of them; the others wait."""
    site = site_of(tmp_path)
    done: list[subprocess.CompletedProcess[str]] = []
    threads = [
        threading.Thread(target=lambda name=name: done.append(pipelines(site, "user", f"{name}@example.org")))
        for name in ("ann", "bob", "eve")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 3


def test_what_the_environment_says_wins(tmp_path: Path) -> None:
    """To try another database, a mail server, keys of one's own."""
    site = site_of(tmp_path)
    with mails() as kept:
        done = pipelines(
            site, "admin", "olga@example.org", "--name", "Olga",
            LOGIN_SITE_URL="https://small.example", LOGIN_SITE_NAME="Another Name",
            LOGIN_MAIL_HOST="127.0.0.1", LOGIN_MAIL_PORT=str(kept.port), LOGIN_MAIL_TLS="none",
            LOGIN_SECRET_KEYS="0123456789" * 6, DATABASE_URL=f"sqlite:///{tmp_path}/elsewhere.sqlite3",
        )  # fmt: skip
        assert done.stdout == "made the owner olga@example.org; the mail to set a password was sent\n"
        mail = kept.to("olga@example.org")
    assert mail["Subject"] == "[Another Name] You are invited"
    assert "https://small.example/account/reset/new/#" in mail.get_content()
    assert (tmp_path / "elsewhere.sqlite3").exists()
    assert sorted(file.name for file in (site / "var").iterdir()) == ["login-encryption-keys", "login.lock"]


def test_a_project_may_lie_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "Grüße %41 #1 ?x"
    folder.mkdir()
    site = site_of(folder)
    invite(site, "ann@example.org")
    assert (site / "var/login.sqlite3").exists()


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["nonsense"], {}, "error: 'nonsense' is not a mail address; write it as name@example.org\n"),
        (["--", "-x@"], {}, "error: '-x@' is not a mail address; write it as name@example.org\n"),
        (
            ["ann@example.org"], {"LOGIN_MAIL_PRT": "1", "LOGIN_PROXY": "maybe"},
            "error: the environment does not fit the login:\n"
            "LOGIN_MAIL_PRT: unknown; did you mean LOGIN_MAIL_PORT?\nLOGIN_PROXY: write yes or no\n",
        ),
        (
            ["ann@example.org"], {"DATABASE_URL": "postgresql://me:geheim@127.0.0.1:1/x"},
            r"error: the database of the login: .*; look at DATABASE_URL, or at var/login\.sqlite3\n",
        ),
        (
            ["ann@example.org"], {"LOGIN_MAIL_HOST": "127.0.0.1", "LOGIN_MAIL_PORT": "1"},
            r"error: the mail was not sent \(ConnectionRefused.*\); mend LOGIN_MAIL_\* and invite .* again\n",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_a_line(tmp_path: Path, words: list[str], env: dict[str, str], said: str) -> None:
    done = pipelines(site_of(tmp_path), "user", *words, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == said or re.fullmatch(said, done.stderr), done.stderr
    assert "geheim" not in done.stderr


def test_a_login_that_does_not_run_opens_nothing_and_the_site_goes_on(tmp_path: Path) -> None:
    """The terminal is told once, each page says it, and it is tried anew."""
    site = site_of(tmp_path)
    with running(site, DATABASE_URL="postgresql://me:geheim@127.0.0.1:1/x") as one:
        for _ in range(2):
            for path in (INSIDE, f"{API}/config", "/admin/", "/accounts/"):
                answer = one.get(path)
                assert (answer.status, CANARY in answer.text) == (503, False)
            assert "The login API does not run: the database of the login" in one.get(INSIDE).text
        assert one.get("/").status == one.get("/account/login/").status == 200
        assert one.said.count("the login does not run: ") == 1
        assert "geheim" not in one.said


def test_a_database_that_breaks_shuts_the_gate(mode: Mode) -> None:
    """Last of all: an API that cannot answer is no yes."""
    one = mode.one
    reader = member(one, "eve@example.org")
    assert reader.send("GET", INSIDE).status == 200
    for file in (one.project / "var").glob("login.sqlite3*"):
        file.unlink()
    (one.project / "var/login.sqlite3").write_bytes(b"no database " * 1000)
    answer = reader.send("GET", INSIDE)
    assert (answer.status, CANARY.encode() in answer.body) == (503, False)
    assert reader.send("GET", "/admin/").status == 503
    assert reader.send("GET", "/").status == 200


# --- NGINX -----------------------------------------------------------------------------------


def test_nginx_follows_the_site_and_ends_with_the_preview(tmp_path: Path) -> None:
    need("nginx")
    site = site_of(tmp_path)
    with running(site, "--nginx") as one:
        assert "no live reload" in one.said
        assert SCRIPT not in one.get("/").text
        write(site / "content/posts/one.md", POST.replace("/old/", "/older/").replace("first", "second"))
        until(lambda: one.get("/older/").status == 301)
        until(lambda: "second version" in one.get("/posts/one/").text)
        settings = (site / "site.toml").read_text("utf-8")
        shutil.rmtree(site / "content/members")
        write(site / "site.toml", re.sub(r"login +=.*", "login = false", settings))
        until(lambda: one.get("/members/").status == 404)
        until(lambda: one.get("/admin/").status == 404)
        status, seconds = one.end()
        assert status == 0
        assert seconds < 10
        assert "Traceback" not in one.said
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", one.port), timeout=5)


def test_an_nginx_that_ends_is_an_error(tmp_path: Path) -> None:
    need("nginx")
    site = site_of(tmp_path)
    with (site / "images/web/nginx/server/site.conf").open("a") as stream:
        stream.write("nonsense on;\n")
    done = pipelines(site, "serve", "--nginx", "--port", str(free_port()))
    assert done.returncode == 1
    assert re.search(r'^error: NGINX has ended: .*unknown directive "nonsense"', done.stderr, re.M)


def test_without_nginx_the_way_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nginx, "MODULES", tmp_path)
    assert cli.main(["--project", str(preview_site(tmp_path)), "serve", "--nginx"]) == 1
    assert capsys.readouterr().err == (
        "error: NGINX and its brotli module are not installed; "
        "sudo apt-get install nginx-light libnginx-mod-http-brotli-static\n"
    )
