"""The running preview: status, headers, ranges, hosts and log."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from pipelines.preview.headers import SECURITY_HEADERS
from tests.support import loopback_addresses
from tests.support.previews import DevServer, has_ipv6, preview_site, run_dev_server, wait_until


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A preview of the small project; tests only read it."""
    with run_dev_server(preview_site(tmp_path_factory.mktemp("preview"))) as one:
        yield one


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/",                            200, "text/html; charset=utf-8"),
        ("/posts/one/",                  200, "text/html; charset=utf-8"),
        ("/posts/draft/",                200, "text/html; charset=utf-8"),
        ("/posts/later/",                200, "text/html; charset=utf-8"),
        ("/account/login/",              200, "text/html; charset=utf-8"),
        ("/feed.atom",                   200, "application/atom+xml; charset=utf-8"),
        ("/sitemap.xml",                 200, "application/xml; charset=utf-8"),
        ("/robots.txt",                  200, "text/plain; charset=utf-8"),
        ("/.well-known/security.txt",    200, "text/plain; charset=utf-8"),
        ("/humans.txt",                  200, "text/plain; charset=utf-8"),
        ("/files/facts.csv",             200, "text/csv; charset=utf-8"),
        ("/members/inside/",             401, "text/html; charset=utf-8"),
        ("/nowhere/",                    404, "text/html; charset=utf-8"),
        ("/404.html",                    404, "text/html; charset=utf-8"),
        ("/503.html",                    404, "text/html; charset=utf-8"),
        ("/members/nowhere/",            401, "text/html; charset=utf-8"),
        ("/posts/one/index.html.gz",     404, "text/html; charset=utf-8"),
        ("/admin/",                      401, "text/html; charset=utf-8"),
        ("/accounts/oidc/x/callback/",   404, "application/json"),
        ("/_allauth/browser/v1/config",  200, "application/json"),
        ("/_gate",                       404, "text/html; charset=utf-8"),
        ("/%2e%2e/site.toml",            400, "text/plain; charset=utf-8"),
        ("/..%2f..%2fsite.toml",         400, "text/plain; charset=utf-8"),
        ("/humans.txt%00.html",          400, "text/plain; charset=utf-8"),
        ("/_preview/reload.js",          200, "text/javascript; charset=utf-8"),
        ("/_preview/overlay.css",        200, "text/css; charset=utf-8"),
        ("/_preview/serve.py",           404, "text/plain; charset=utf-8"),
    ],
)  # fmt: skip
def test_each_address_has_its_status_and_type(preview: DevServer, path: str, status: int, kind: str) -> None:
    response = preview.get(path)
    assert (response.status, response.headers["content-type"]) == (status, kind)
    assert {name: response.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/posts/one",            "/posts/one/"),
        ("/posts/one?a=b",        "/posts/one/?a=b"),
        ("/posts/one/index.html", "/posts/one/"),
        ("//posts//one",          "/posts/one/"),
        ("//small.example/..",    None),
        ("/old/",                 "/posts/one/"),
        ("/old",                  "/posts/one/"),
    ],
)  # fmt: skip
def test_redirects_stay_on_the_site_and_are_not_cached(
    preview: DevServer, path: str, location: str | None
) -> None:
    """Browsers cache a 301 for years; an author may change an alias at any time."""
    response = preview.get(path)
    if location is None:
        assert response.status == 400
        return
    assert (response.status, response.headers["location"]) == (301, location)
    assert response.headers["cache-control"] == "no-store"


def test_pages_revalidate_and_hashed_names_never(preview: DevServer) -> None:
    page = preview.get("/posts/one/")
    assert page.headers["cache-control"] == "no-cache"
    again = preview.get("/posts/one/", If_None_Match=f'W/"x", {page.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    style = re.search(r"/assets/site\.[0-9a-f]{8}\.css", page.text)
    assert style
    sheet = preview.get(style[0])
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert preview.get(style[0], If_None_Match=sheet.headers["etag"]).status == 304


def test_head_has_the_headers_of_get_and_no_body(preview: DevServer) -> None:
    for path in ("/posts/one/", "/feed.atom", "/nowhere/", "/_preview/events"):
        head, get = preview.get(path, "HEAD"), None if path.endswith("events") else preview.get(path)
        assert head.body == b""
        if get:
            same = ("content-type", "content-length", "etag", "cache-control", "x-preview-version")
            assert (head.status, [head.headers.get(name) for name in same]) == (
                get.status,
                [get.headers.get(name) for name in same],
            )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/_preview/events"])
def test_pages_can_only_be_read(preview: DevServer, method: str, path: str) -> None:
    response = preview.get(path, method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("range_", "status", "body", "content_range"), loopback_addresses.RANGES)
def test_a_range_of_a_file_is_sent_as_by_nginx(
    preview: DevServer, range_: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """Without it a video cannot be rewound (RFC 9110, 14)."""
    for method in ("GET", "HEAD"):
        response = preview.get("/files/facts.csv", method, Range=range_)
        assert (response.status, response.headers.get("content-range")) == (status, content_range)
        if body is not None:
            assert response.body == (body if method == "GET" else b"")
        assert response.headers["cache-control"] == "no-cache"
        assert "last-modified" not in response.headers
    other = preview.get("/files/facts.csv", Range=range_, If_Range='"another"')
    assert (other.status, other.body) == (200, b"a,b\n1,2\n")


def test_a_range_is_sent_of_the_version_that_the_browser_has(preview: DevServer) -> None:
    etag = preview.get("/files/facts.csv").headers["etag"]
    for condition, status in ((etag, 206), (f"W/{etag}", 200), ("Fri, 01 Jan 2100 00:00:00 GMT", 200)):
        response = preview.get("/files/facts.csv", Range="bytes=0-2", If_Range=condition)
        assert response.status == status, condition
    assert preview.get("/files/facts.csv", Range="bytes=0-2", If_None_Match=etag).status == 304


def test_several_ranges_are_sent_as_multipart(preview: DevServer) -> None:
    response = preview.get("/files/facts.csv", Range="bytes=0-1,4-")
    assert response.status == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert loopback_addresses.ranges_of(response.body) == [("bytes 0-1/8", b"a,"), ("bytes 4-7/8", b"1,2\n")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000",      200),
        ("LOCALHOST",           200),
        ("127.0.0.1:8000",      200),
        ("[::1]:8000",          200),
        ("evil.example",        421),
        ("evil.example:8000",   421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("192.168.0.10:8000",   421),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/_preview/events", "/_allauth/browser/v1/config"])
def test_foreign_host_headers_are_refused(preview: DevServer, host: str, status: int, path: str) -> None:
    """A foreign page may point its own name at this address and read responses (DNS rebinding)."""
    response = preview.get(path, "HEAD", Host=host)
    assert (response.status == 421) == (status == 421)


def test_the_script_is_in_what_is_sent_and_not_in_the_tree(preview: DevServer) -> None:
    tag = '<script src="/_preview/reload.js"'
    for path in ("/", "/posts/one/", "/members/inside/", "/nowhere/", "/admin/"):
        assert preview.get(path).text.count(tag) == 1
    for file in (preview.project / "out/preview").rglob("*"):
        assert file.is_dir() or b"_preview" not in file.read_bytes()


def test_it_listens_on_both_loopback_addresses_alone(preview: DevServer) -> None:
    """Passkeys require the name localhost, which a browser may resolve to either address."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        if family == socket.AF_INET or has_ipv6():
            with socket.socket(family) as one:
                one.connect((address, preview.port))
    with socket.socket() as one, pytest.raises(OSError, match="refused"):
        one.connect(("127.0.0.2", preview.port))


@pytest.mark.slow
def test_the_log_starts_with_the_url_and_the_drafts(preview: DevServer) -> None:
    preview.get("/")
    wait_until(lambda: len(preview.log.splitlines()) >= 3)
    first, built, drafts = preview.log.splitlines()[:3]
    assert first == f"http://localhost:{preview.port}/  (Ctrl-C stops it)"
    assert re.fullmatch(r"\d\d:\d\d:\d\d  \d+ pages in \d+\.\d\d s", built)
    assert drafts == "drafts and posts not due: /posts/draft/ (draft), /posts/later/ (scheduled)"
