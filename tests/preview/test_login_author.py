"""The preview with its login, as its author notices it: reload, time, start, end, NGINX."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.preview import nginx
from tests.api.live_site import API
from tests.support.preview_login import (
    CANARY,
    INSIDE,
    LOADED,
    SCRIPT,
    create_user,
    logged_in_browser,
    new_browser,
    project_with_login,
    run_pipelines,
)
from tests.support.previews import POST, free_port, preview_site, run_dev_server, wait_until
from tests.support.project import write
from tests.support.tools import need


@pytest.mark.slow
def test_the_script_is_in_members_pages_and_in_the_login_page(tmp_path: Path) -> None:
    """Also in the preview with a login, an edit of a members' page reloads it."""
    site = project_with_login(tmp_path)
    with run_dev_server(site) as one:
        reader = logged_in_browser(one, "ann@example.org")
        page = reader.send("GET", INSIDE)
        assert page.body.decode().count(SCRIPT) == 1
        assert page.headers["x-preview-gated"] == "members"
        assert one.get(INSIDE).text.count(SCRIPT) == 1
        with one.events() as events:
            events.next()
            write(site / "content/members/inside.md", f"---\ntitle: {CANARY}\n---\nAnother text.\n")
            assert events.next()["number"] == 2
            assert b"Another text" in reader.send("GET", INSIDE).body
            status, seconds = one.stop()
        assert status == 0
        assert seconds < 10
    assert "Traceback" not in one.log


@pytest.mark.slow
def test_log_lines_have_the_local_time_zone(tmp_path: Path) -> None:
    """Django gives its own time zone to the whole process, and the terminal tells when a build was."""
    site = project_with_login(tmp_path)
    with run_dev_server(site, TZ="XXX-05:30") as one:
        assert one.get(INSIDE).status == 401
        write(site / "content/posts/one.md", POST.replace("first", "second"))
        wait_until(lambda: one.log.count(" pages in ") == 2)
        first, second = [int(h) * 60 + int(m) for h, m in re.findall(r"^(\d\d):(\d\d):\d\d ", one.log, re.M)]
        assert (second - first) % 1440 < 5


@pytest.mark.slow
def test_django_is_loaded_on_the_first_login_request(tmp_path: Path) -> None:
    """Django is loaded when it is first asked for; starting and pages take what they took."""
    with run_dev_server(project_with_login(tmp_path), PYTHONPROFILEIMPORTTIME="1") as one:
        assert (
            one.get("/").status == one.get("/posts/one/").status == one.get("/account/login/").status == 200
        )
        assert "| django" not in one.log.replace("|   ", "| ").replace("  ", " ")
        assert not (one.project / "var").exists()
        assert one.get(INSIDE).status == 401
        assert re.search(LOADED, one.log)


@pytest.mark.slow
def test_a_site_without_login_has_no_login_paths(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    settings = (site / "site.toml").read_text("utf-8")
    write(site / "site.toml", re.sub(r"login +=.*", "login = false", settings))
    shutil.rmtree(site / "content/members")
    with run_dev_server(site, PYTHONPROFILEIMPORTTIME="1") as one:
        gone = (f"{API}/config", "/accounts/", "/admin/", "/admin", "/_gate", "/members/", "/account/login/")
        assert {path: one.get(path).status for path in gone} == dict.fromkeys(gone, 404)
        assert one.get("/", Host="127.0.0.1").status == 200
        assert not re.search(LOADED, one.log)
    assert not (site / "var").exists()
    done = run_pipelines(site, "user", "ann@example.org")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the site has no login; set login = true in site.toml\n",
    )


@pytest.mark.slow
def test_it_stops_at_once_while_the_login_waits(tmp_path: Path) -> None:
    """A mail server that sends nothing is awaited, by one request and not by Ctrl-C."""
    site = project_with_login(tmp_path)
    create_user(site, "ann@example.org")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        with run_dev_server(site, LOGIN_MAIL_HOST="127.0.0.1", LOGIN_MAIL_PORT=port) as one:
            reader = new_browser(one)
            reader.send("GET", f"{API}/config")

            def request() -> None:
                with suppress(OSError, HTTPException):
                    reader.call("POST", "auth/password/request", {"email": "ann@example.org"})

            thread = threading.Thread(target=request)
            thread.start()
            line, _ = silent.accept()
            with line:
                status, seconds = one.stop()
                thread.join()
    print(f"signal to end: {seconds:.2f} s")
    assert status == 0
    assert seconds < 5
    assert "Traceback" not in one.log


@pytest.mark.slow
def test_nginx_reloads_with_the_site_and_stops_with_the_preview(tmp_path: Path) -> None:
    need("nginx")
    site = project_with_login(tmp_path)
    with run_dev_server(site, "--nginx") as one:
        assert "without live reload" in one.log
        assert SCRIPT not in one.get("/").text
        write(site / "content/posts/one.md", POST.replace("/old/", "/older/").replace("first", "second"))
        wait_until(lambda: one.get("/older/").status == 301)
        wait_until(lambda: "second version" in one.get("/posts/one/").text)
        settings = (site / "site.toml").read_text("utf-8")
        shutil.rmtree(site / "content/members")
        write(site / "site.toml", re.sub(r"login +=.*", "login = false", settings))
        wait_until(lambda: one.get("/members/").status == 404)
        wait_until(lambda: one.get("/admin/").status == 404)
        status, seconds = one.stop()
        assert status == 0
        assert seconds < 10
        assert "Traceback" not in one.log
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", one.port), timeout=5)


@pytest.mark.slow
def test_an_exit_of_nginx_is_an_error(tmp_path: Path) -> None:
    need("nginx")
    site = project_with_login(tmp_path)
    with (site / "images/web/nginx/server/site.conf").open("a") as stream:
        stream.write("nonsense on;\n")
    done = run_pipelines(site, "serve", "--nginx", "--port", str(free_port()))
    assert done.returncode == 1
    assert re.search(r'^error: NGINX has exited: .*unknown directive "nonsense"', done.stderr, re.M)


def test_without_nginx_the_error_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nginx, "MODULES", tmp_path)
    assert cli.main(["--project", str(preview_site(tmp_path)), "serve", "--nginx"]) == 1
    assert capsys.readouterr().err == (
        "error: NGINX and its brotli module are not installed; "
        "sudo apt-get install nginx-light libnginx-mod-http-brotli-static\n"
    )
