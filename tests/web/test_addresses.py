"""Paths, media types, ETags and ranges of the web image."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import brotli
import pytest

from pipelines.preview.headers import _TYPES
from pipelines.site.output.compression import COMPRESSIBLE
from tests.support.loopback_addresses import (
    RANGES,
    REDIRECTS,
    REFUSED_METHODS,
    RESPONSES,
    WITHOUT_API,
    ranges_of,
)
from tests.support.previews import preview_site
from tests.support.project import ROOT, build_site, write
from tests.web import server
from tests.web.conftest import Start, build_web_project
from tests.web.server import NGINX, WebServer


@pytest.mark.parametrize(("path", "status", "kind"), [*RESPONSES, *WITHOUT_API])
def test_each_address_has_its_status_and_type(
    default_web: WebServer, path: str, status: int, kind: str
) -> None:
    response = default_web.get(path)
    assert (response.status, response.headers["content-type"]) == (status, kind)


@pytest.mark.parametrize(("path", "location"), REDIRECTS)
def test_a_page_has_one_address(default_web: WebServer, path: str, location: str) -> None:
    response = default_web.get(path)
    assert (response.status, response.headers["location"]) == (301, location)
    assert response.headers["cache-control"] == "no-cache"  # browsers keep a bare 301 for good


@pytest.mark.parametrize("method", REFUSED_METHODS)
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/old", "/members/", "/feed.atom"])
def test_pages_can_only_be_read(default_web: WebServer, method: str, path: str) -> None:
    response = default_web.get(path, method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


def test_head_has_the_headers_of_get_and_no_body(default_web: WebServer) -> None:
    for path in ("/posts/one/", "/feed.atom", "/nowhere/", "/old", "/members/", "/version.json"):
        head, get = default_web.get(path, "HEAD"), default_web.get(path)
        own = {"date"}
        assert head.body == b""
        assert {n: v for n, v in head.headers.items() if n not in own} == {
            n: v for n, v in get.headers.items() if n not in own
        }


def test_every_type_is_that_of_the_preview() -> None:
    """The development server has the same table."""
    table: dict[str, str] = {}
    for quoted, plain, endings in re.findall(
        r'^    (?:"([^"]+)"|(\S+)) +([a-z0-9 ]+);', (NGINX / "http/types.conf").read_text("utf-8"), re.M
    ):
        table |= dict.fromkeys(endings.split(), quoted or plain)
    assert table == _TYPES


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("br",                    "br"),
        ("gzip",                  "gzip"),
        ("gzip, deflate, br",     "br"),
        ("gzip;q=1.0, br;q=0",    "gzip"),
        ("identity",              None),
        ("deflate, zstd",         None),
        ("",                      None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/posts/long/", "/feed.atom", "/nowhere/"])
def test_precompressed_files_are_sent_where_accepted(
    default_web: WebServer, path: str, accept: str, coding: str | None
) -> None:
    plain, packed = default_web.get(path), default_web.get(path, headers={"Accept-Encoding": accept})
    assert (packed.status, packed.headers.get("content-encoding")) == (plain.status, coding)
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert unpack(packed.body) == plain.body
    assert packed.headers["content-type"] == plain.headers["content-type"]


def test_precompressed_files_are_sent_through_proxies(default_web: WebServer) -> None:
    """By default NGINX does not compress for requests with Via."""
    response = default_web.get("/posts/long/", headers={"Accept-Encoding": "gzip", "Via": "1.1 x"})
    assert response.headers["content-encoding"] == "gzip"


def test_precompressed_files_are_not_served_by_name(default_web: WebServer, project: Path) -> None:
    root = project / "out/site/public"
    twins = sorted(path for path in root.rglob("*") if path.suffix in (".gz", ".br"))
    assert twins
    found = {default_web.get(f"/{quote(path.relative_to(root).as_posix())}").status for path in twins}
    assert found == {404}


def test_every_compressed_suffix_is_in_the_nginx_map() -> None:
    """The list of the build and the map of NGINX must agree."""
    (pattern,) = re.findall(r'"~\*(\\\.\(.*?\(gz\|br\)\$)"', (NGINX / "http/files.conf").read_text("utf-8"))
    assert [end for end in COMPRESSIBLE if not re.search(pattern, f"/x{end}.gz")] == []
    assert not re.search(pattern, "/x.png.gz")


@pytest.mark.parametrize("accept", ["identity", "gzip", "br"])
@pytest.mark.parametrize("path", ["/posts/long/", "/feed.atom", "/robots.txt"])
def test_an_unchanged_file_is_not_sent_again(default_web: WebServer, path: str, accept: str) -> None:
    coding = {"Accept-Encoding": accept}
    first = default_web.get(path, headers=coding)
    assert "last-modified" not in first.headers
    again = default_web.get(path, headers={**coding, "If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert {name: again.headers[name] for name in ("etag", "cache-control")} == {
        name: first.headers[name] for name in ("etag", "cache-control")
    }
    # If-Modified-Since must not hide a change: mtimes are derived from the content.
    dated = default_web.get(path, headers={**coding, "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert dated.status == 200


def test_an_edit_of_equal_length_is_seen_and_nothing_else_is(tmp_path: Path) -> None:
    """NGINX derives ETags from mtime and size, and the image's mtimes from the content."""
    releases = []
    for word in ("one ", "two "):
        folder = tmp_path / word.strip()
        folder.mkdir()
        site = build_web_project(
            folder, {"content/pages/edited.md": f"---\ntitle: A page\n---\n{word * 400}\n"}
        )
        releases.append((folder, site))
    variants = [(path, accept) for path in ("/edited/", "/about/") for accept in ("identity", "gzip", "br")]
    with server.run_process(*releases[0]) as web:
        before = {key: web.get(key[0], headers={"Accept-Encoding": key[1]}) for key in variants}
    with server.run_process(*releases[1]) as web:
        for (path, accept), old in before.items():
            request_headers = {"Accept-Encoding": accept, "If-None-Match": old.headers["etag"]}
            assert web.get(path, headers=request_headers).status == (200 if path == "/edited/" else 304), (
                path,
                accept,
            )
        now = web.get("/edited/")
        assert len(now.body) == len(before["/edited/", "identity"].body)


@pytest.mark.parametrize(("range_", "status", "body", "content_range"), RANGES)
def test_a_range_of_a_file_is_sent_as_by_the_preview(
    default_web: WebServer, range_: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    for method in ("GET", "HEAD"):
        response = default_web.get("/files/facts.csv", method, headers={"Range": range_})
        assert (response.status, response.headers.get("content-range")) == (status, content_range)
        if body is not None:
            assert response.body == (body if method == "GET" else b"")
    other = default_web.get("/files/facts.csv", headers={"Range": range_, "If-Range": '"another"'})
    assert (other.status, other.body) == (200, b"a,b\n1,2\n")


def test_a_range_is_sent_of_the_version_that_the_reader_has(default_web: WebServer) -> None:
    etag = default_web.get("/files/facts.csv").headers["etag"]
    for condition, status in ((etag, 206), (f"W/{etag}", 200), ("Fri, 01 Jan 2100 00:00:00 GMT", 200)):
        headers = {"Range": "bytes=0-2", "If-Range": condition}
        assert default_web.get("/files/facts.csv", headers=headers).status == status, condition
    assert (
        default_web.get("/files/facts.csv", headers={"Range": "bytes=0-2", "If-None-Match": etag}).status
        == 304
    )


def test_several_ranges_are_sent_as_multipart(default_web: WebServer) -> None:
    response = default_web.get("/files/facts.csv", headers={"Range": "bytes=0-1,4-"})
    assert response.status == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert ranges_of(response.body) == [("bytes 0-1/8", b"a,"), ("bytes 4-7/8", b"1,2\n")]


def test_an_alias_may_be_long_and_many(tmp_path: Path) -> None:
    """NGINX does not start if its hash tables are too small for a key."""
    aliases = [f"/old-{number}-{'x' * 230}/{'y' * 200}/" for number in range(3000)]
    pages: dict[str, str] = {}
    for number in range(30):
        rows = "".join(f"\n  - {alias}" for alias in aliases[number::30])
        pages[f"content/pages/moved-{number}.md"] = (
            f"---\ntitle: Moved {number}\naliases:{rows}\n---\nText.\n"
        )
    with server.run_process(tmp_path, build_web_project(tmp_path, pages)) as web:
        assert web.get(aliases[-1]).headers["location"] == "/moved-29/"


def test_a_site_without_login_has_no_trace_of_it(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    settings = (site / "site.toml").read_text("utf-8")
    write(site / "site.toml", re.sub(r"login +=.*", "login = false", settings))
    shutil.rmtree(site / "content/members")
    shutil.copytree(ROOT / "images", site / "images")
    build_site(site)
    with server.run_process(tmp_path, site) as web:
        assert not (tmp_path / "root/etc/nginx/login").exists()
        assert web.get("/").status == 200
        gone = ("/_allauth/browser/v1/config", "/accounts/", "/admin/", "/admin", "/_gate", "/_gate/staff",
                "/members/", "/members", "/account/login/")  # fmt: skip
        assert {path: web.get(path).status for path in gone} == dict.fromkeys(gone, 404)


def test_version_json_is_a_mounted_file_that_is_not_cached(default_web: WebServer) -> None:
    response = default_web.get("/version.json")
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers
    assert b'"version": null' in response.body


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/livez",       200, "live\n"),
        ("/readyz",      200, "ready\n"),
        ("/stub_status", 200, "Active connections"),
        ("/",            404, "/livez"),
        ("/index.html",  404, "/livez"),
    ],
)  # fmt: skip
def test_probes_have_a_port_of_their_own(default_web: WebServer, path: str, status: int, text: str) -> None:
    response = default_web.get(path, port=default_web.health)
    assert response.status == status
    assert response.text.startswith(text)
    if path.startswith(("/livez", "/readyz", "/stub")):
        assert default_web.get(path).status == 404


def test_if_version_selects_a_version(start: Start) -> None:
    """Probes see the status only, and must distinguish an old pod from a new one."""
    with start(version="1.4.12") as web:
        versions = ["1.4.12", "1.4.1", "1.4.123", "1x4.12", ""]
        found = [web.get("/version.json", headers={"If-Version": one}).status for one in versions]
        assert found == [200, 412, 412, 412, 200]
        assert web.get("/", headers={"If-Version": "1.4.1"}).status == 200  # the condition is of that file


def test_a_pod_without_a_version_matches_no_version(default_web: WebServer) -> None:
    assert default_web.get("/version.json", headers={"If-Version": "1.4.12"}).status == 412
