"""The access log: one line of JSON a request, without personal data."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.fakes.upstream import Upstream
from tests.web import server
from tests.web.conftest import Start
from tests.web.server import WebServer


def test_a_log_line_describes_the_request(web: WebServer) -> None:
    response = web.get(
        "/posts/one/?a=b",
        headers={"User-Agent": 'A "browser"\\', "Referer": "https://small.example/x?key=hunter2#y"},
    )
    line = web.logged("/posts/one/?a=b")
    assert response.status == line["status"] == 200
    assert line["bytes"] > len(response.body)
    assert (line["method"], line["zone"], line["referrer"]) == ("GET", "page", "https://small.example/x")
    assert line["agent"] == 'A "browser"\\'
    assert 0 <= line["seconds"] < 10
    assert line["time"].endswith("+00:00")
    assert set(line) == {
        "time", "address", "method", "path", "status", "bytes", "seconds", "zone", "referrer", "agent",
        "upstream_status", "upstream_seconds",
    }  # fmt: skip


def test_every_line_is_json_whatever_is_sent(start: Start) -> None:
    """Bytes that are not UTF-8 would break parsers of the log."""
    fields = b"Host: x\r\nUser-Agent: \x80\r\nReferer: \xc3\r\nConnection: close"
    with start() as web:
        web.raw(b"GET /?\xff\xfe HTTP/1.1\r\n" + fields + b"\r\n\r\n")
        line = web.logged("(not ASCII)")
    assert (line["agent"], line["referrer"], line["status"]) == ("(not ASCII)", "(not ASCII)", 200)


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("203.0.113.77",                 "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6",         "2001:db8:1::"),
        ("2001:db8:1::6",                "2001:db8:1::"),
        ("2001:db8::6",                  "2001:db8::"),
        ("2001:db8:0:1:2:3:4:5",         "2001:db8:0::"),
        ("2001::1:2:3:4",                "2001::"),
        ("::ffff:203.0.113.77",          "::"),
        ("fe80::1",                      "fe80::"),
    ],
)  # fmt: skip
def test_logged_addresses_are_truncated_to_their_network(web: WebServer, address: str, logged: str) -> None:
    """By 8 bits of IPv4, 80 of IPv6, as the privacy page promises."""
    path = "/?" + address.replace(":", ".")
    web.get(path, headers={"X-Forwarded-For": address})
    assert web.logged(path)["address"] == logged
    assert address not in web.stderr_text


def test_a_cluster_may_log_full_addresses(start: Start) -> None:
    with start(whole_addresses="yes") as web:
        web.get("/", headers={"X-Forwarded-For": "203.0.113.77"})
        assert web.logged("/")["address"] == "203.0.113.77"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/_allauth/browser/v1/auth/x?key=hunter2",    "/_allauth/browser/v1/auth/x"),
        ("/%5fallauth/y?key=hunter2",                  "/%5fallauth/y"),
        ("/accounts/z?code=hunter2&state=hunter2",      "/accounts/z"),
        ("/admin/w?x=hunter2",                         "/admin/w"),
        ("/members/v?x=hunter2",                       "/members/v"),
        ("/account/login/?key=hunter2",                "/account/login/"),
        ("/account/none/?key=hunter2",                 "/account/none/"),
        ("/account?key=hunter2",                       "/account"),
        ("//account/x?key=hunter2",                    "//account/x"),
        ("/%61ccount/x?key=hunter2",                   "/%61ccount/x"),
    ],
)  # fmt: skip
def test_queries_of_the_login_are_in_no_log(web: WebServer, api: Upstream, path: str, logged: str) -> None:
    """They hold keys and codes; the next request repeats them as Referer."""
    web.get(path, headers={"Referer": f"https://small.example{path}"})
    assert web.logged(logged)["path"] == logged
    assert "hunter2" not in str(web.log)
    assert "hunter2" not in web.stderr_text


def test_errors_log_no_personal_data(start: Start) -> None:
    """NGINX's error messages contain addresses and queries; the access log has the status."""
    with start(api="127.0.0.1:1") as web:
        web.get("/_allauth/x?key=hunter2", headers={"X-Forwarded-For": "203.0.113.77"})
        web.get("/members/", headers={"X-Forwarded-For": "203.0.113.77"})
        for _ in range(60):
            web.get("/accounts/x?key=hunter2", headers={"X-Forwarded-For": "203.0.113.77"})
        line = web.logged("/_allauth/x")
        assert (line["status"], line["upstream_status"]) == (503, "502")
        assert [secret for secret in ("203.0.113.77", "hunter2") if secret in web.stderr_text] == []


def test_health_checks_are_not_logged(default_web: WebServer) -> None:
    for path in ("/livez?unseen", "/readyz?unseen", "/stub_status?unseen"):
        assert default_web.get(path, port=default_web.health).status == 200
    default_web.get("/humans.txt?last")
    default_web.logged("/humans.txt?last")
    assert [line for line in default_web.log if "unseen" in line["path"]] == []


def test_the_log_is_flushed_at_exit(start: Start) -> None:
    """Lines are buffered for a second: a stopping pod must write them."""
    with start() as web:
        for number in range(300):
            web.get(f"/?{number}")
        assert web.quit() == 0
        assert {line["path"] for line in web.log} == {f"/?{number}" for number in range(300)}


@pytest.mark.slow
def test_log_lines_are_atomic_on_a_pipe(project: Path, tmp_path: Path) -> None:
    """As in a pod. A pipe writes up to 4 KB atomically; longer writes of two workers would mix."""
    os.mkfifo(tmp_path / "stdout")
    lines: list[bytes] = []

    def read() -> None:
        with (tmp_path / "stdout").open("rb", buffering=0) as pipe:
            while part := pipe.read(2048):
                lines.append(part)
                time.sleep(0.001)  # a reader who is slower than the readers of the site

    reader = threading.Thread(target=read)
    reader.start()
    agent = {"User-Agent": "x" * 600}
    with server.run_process(tmp_path, project) as web:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda number: web.get(f"/?{number}", headers=agent), range(2000)))
        assert web.quit() == 0
    reader.join()
    found = [json.loads(line) for line in b"".join(lines).splitlines()]
    assert {line["path"] for line in found} == {f"/?{number}" for number in range(2000)}


def test_a_server_without_free_connections_logs_no_personal_data(project: Path, tmp_path: Path) -> None:
    """At level alert NGINX would log address and path of each request that it cannot serve."""
    config = project / "images/web/nginx/nginx.conf"
    small = tmp_path / "site"
    shutil.copytree(project, small, symlinks=True)
    text = config.read_text("utf-8").replace("worker_connections 4096;", "worker_connections 20;")
    (small / "images/web/nginx/nginx.conf").write_text(text.replace("processes auto", "processes 1"))
    with server.run_process(tmp_path, small, server.cluster_conf(api="127.0.0.1:1")) as web:
        lines = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(16)]
        for at in range(12):
            with suppress(OSError, HTTPException):
                web.get("/_allauth/x?key=hunter2", headers={"X-Forwarded-For": f"203.0.113.{at}"})
        for line in lines:
            line.close()
    assert "hunter2" not in web.stderr_text
    assert "203.0.113." not in web.stderr_text
