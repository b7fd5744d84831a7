"""Links to other hosts are tried once each, politely, and fail nothing.

Every server is this test's own, on loopback: no test asks anybody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.commands.summaries import external_report
from pipelines.site.check.external import ExternalReport, check_external_links, external_links
from pipelines.tools.http import user_agent
from pipelines.tools.link_probe import LinkProbe, UnreachableError
from tests.support.previews import free_port, preview_site
from tests.support.project import write

SITE = "https://small.example"


class Server(ThreadingHTTPServer):
    """Respond by path: /404 with 404, /to/x with a redirect to /x, /slow late; record requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, str]] = []  # method, path, User-Agent
        self.lock, self.concurrent, self.max_concurrent = threading.Lock(), 0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        with self.server.lock:
            self.server.requests.append((self.command, self.path, self.headers["User-Agent"]))
            self.server.concurrent += 1
            self.server.max_concurrent = max(self.server.max_concurrent, self.server.concurrent)
        try:
            self.respond()
        finally:
            with self.server.lock:
                self.server.concurrent -= 1

    do_GET = do_HEAD  # noqa: N815  # the name is the method of HTTP

    def respond(self) -> None:
        kind, _, rest = self.path[1:].partition("/")
        if kind == "to":
            self.send_response(301)
            self.send_header("Location", rest if "://" in rest.partition("/to/")[0] else f"/{rest}")
        elif kind == "round":  # 1 leads to 2, and 2 to 1
            self.send_response(301)
            self.send_header("Location", f"/round/{3 - int(rest)}")
        elif kind == "endless":
            self.send_response(302)
            self.send_header("Location", f"/endless/{rest}x")
        elif kind == "getonly":
            self.send_response(int(rest) if self.command == "HEAD" else 200)
        elif kind == "slow":
            time.sleep(1.5)
            self.send_response(200)
        elif kind == "wait":
            time.sleep(0.05)
            self.send_response(200)
        else:
            self.send_response(int(kind) if kind.isdigit() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")  # no test goes through a proxy of the machine's owner
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def tree(folder: Path, **pages: list[str]) -> Path:
    """Make a built site whose page /name/ links to each URL of a list."""
    for name, links in pages.items():
        anchors = "".join(f'<a href="{link}">x</a>' for link in links)
        write(folder / "public" / name / "index.html", f"<!doctype html><title>x</title>{anchors}")
    return folder


def test_every_external_link_is_found_once(tmp_path: Path) -> None:
    site = tree(
        tmp_path,
        a=["https://one.example/x#top", "https://one.example/x", "/b/", "#x", "mailto:a@b.example",
           "https://small.example/a/", "//two.example/y", "javascript:void 0", "HTTPS://three.example/",
           "http://[broken"],
        b=["https://one.example/x", "b.html", "ftp://four.example/"],
    )  # fmt: skip
    write(site / "gated/members/index.html", '<a href="https://secret.example/">x</a>')
    assert external_links(site / "public", SITE) == {
        "http://[broken": ("/a/",),
        "https://one.example/x": ("/a/", "/b/"),
        "https://three.example/": ("/a/",),
        "https://two.example/y": ("/a/",),
    }


@pytest.mark.parametrize(
    ("path", "reason", "requests"),
    [
        ("/200",            "",                        ["HEAD /200"]),
        ("/204",            "",                        ["HEAD /204"]),
        ("/to/200",         "",                        ["HEAD /to/200", "HEAD /200"]),
        ("/to/404",         "404 Not Found",           ["HEAD /to/404", "HEAD /404"]),
        ("/404",            "404 Not Found",           ["HEAD /404"]),
        ("/410",            "410 Gone",                ["HEAD /410"]),
        ("/503",            "503 Service Unavailable", ["HEAD /503"]),
        ("/799",            "799",                     ["HEAD /799"]),
        ("/getonly/405",    "",                        ["HEAD /getonly/405", "GET /getonly/405"]),
        ("/getonly/501",    "",                        ["HEAD /getonly/501", "GET /getonly/501"]),
        ("/405",            "405 Method Not Allowed",  ["HEAD /405", "GET /405"]),
        ("/slow",           "no response within 0.5 s",  ["HEAD /slow"]),
        ("/to/to/200",      "",                        ["HEAD /to/to/200", "HEAD /to/200", "HEAD /200"]),
    ],
)  # fmt: skip
def test_a_response_is_a_page_or_a_reason(
    tmp_path: Path, server: Server, path: str, reason: str, requests: list[str]
) -> None:
    agent = user_agent("Small Site", SITE)
    site = tree(tmp_path, a=[server.url + path])
    report = check_external_links(site, SITE, agent=agent, timeout=0.5)
    assert report.checked == 1
    assert [one.reason for one in report.failed] == ([reason] if reason else [])
    assert [f"{method} {path}" for method, path, _ in server.requests] == requests
    assert {agent for *_, agent in server.requests} == {f"small-site-pipeline (+{SITE})"}


def test_redirects_are_limited(server: Server) -> None:
    with LinkProbe("test", 5) as probe:
        with pytest.raises(UnreachableError, match="redirects in a circle"):
            probe.status(f"{server.url}/round/1")
        assert len(server.requests) == 2
        with pytest.raises(UnreachableError, match="redirects more than 10 times"):
            probe.status(f"{server.url}/endless/")
        assert len(server.requests) == 12


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:{closed}/", "no connection: "),
        ("http://[broken",             "is not a URL: "),
        ("http://127.0.0.1:port/",     "is not a URL: "),
        ("http://127.0.0.1:{open}/to/ftp://127.0.0.1/", "is not a URL: "),
    ],
)  # fmt: skip
def test_a_request_without_a_response_is_a_reason(
    tmp_path: Path, server: Server, url: str, reason: str
) -> None:
    url = url.format(closed=free_port(), open=server.server_port)
    (failed,) = check_external_links(tree(tmp_path, a=[url]), SITE).failed
    assert (failed.url, failed.pages) == (url, ("/a/",))
    assert failed.reason.startswith(reason)


def test_a_host_gets_one_request_at_a_time(tmp_path: Path, server: Server) -> None:
    """A hundred links to one host must not look like an attack."""
    ways = [f"{server.url}/wait/{n}" for n in range(10)]
    ways += [f"http://localhost:{server.server_port}/to/{server.url}/wait/by-way-{n}" for n in range(3)]
    report = check_external_links(tree(tmp_path, a=ways), SITE)
    assert (report.checked, report.failed) == (13, ())
    assert server.max_concurrent <= 2  # one as 127.0.0.1, one as localhost
    assert len(server.requests) == len(set(server.requests)) == 16


def test_the_table_lists_reason_url_and_pages(tmp_path: Path, server: Server) -> None:
    site = tree(tmp_path, a=[f"{server.url}/404", f"{server.url}/200"], b=[f"{server.url}/404"])
    report = check_external_links(site, SITE)
    assert external_report(report) == (
        "2 links to other hosts: 1 without a page\n"
        f"  404 Not Found  {server.url}/404\n"
        "                 on /a/, /b/\n"
    )
    assert external_report(ExternalReport(1, ())) == "1 link to other hosts: all answer\n"


def test_progress_is_reported(tmp_path: Path, server: Server) -> None:
    class Counting:
        total, done = 0, 0

        def phase(self, name: str, total: int) -> None:
            self.total = total

        def advance(self, pieces: int) -> None:
            self.done += pieces

    counting = Counting()
    check_external_links(tree(tmp_path, a=[f"{server.url}/{n}" for n in (200, 404)]), SITE, progress=counting)
    assert (counting.total, counting.done) == (2, 2)


def test_a_broken_external_link_is_not_an_error(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another server must not block a release."""
    about = f"---\ntitle: About\n---\n[Gone]({server.url}/410) and [there]({server.url}/200).\n"
    site = preview_site(tmp_path, {"content/pages/about.md": about})
    assert cli.main(["--project", str(site), "check", "--external", "--as-of", "2026-06-01"]) == 0
    output = capsys.readouterr().out
    assert f"410 Gone  {server.url}/410\n" in output
    assert "on /about/\n" in output
