"""The preview answers as NGINX will, and to nobody but this machine."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.core import config
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError
from pipelines.preview import error_page, urls
from pipelines.preview.app import App
from pipelines.preview.build_state import BuildState, GoodBuild, StateBroadcaster
from pipelines.preview.headers import SECURITY_HEADERS, content_type
from pipelines.preview.login_api import LoginApi
from pipelines.site.output import machine_files
from tests.support import loopback_addresses
from tests.support.previews import DevServer, has_ipv6, preview_site, run_dev_server, site_result, wait_until
from tests.support.project import write

# --- Addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/tech/",                 "/tech/"),
        (b"/%74ech/",               "/tech/"),
        (b"/gr%C3%BCn/",            "/grün/"),
        (b"//tech///x",             "/tech/x"),
        (b"/a%2Fb",                 "/a/b"),
        (b"/a..b/",                 "/a..b/"),
        (b"/%252e%252e/",           "/%2e%2e/"),
        (b"/../x",                  None),
        (b"/a/%2e%2e/x",            None),
        (b"/%2e%2e%2fx",            None),
        (b"/a/./x",                 None),
        (b"/..%5cx",                None),
        (b"/a%00.html",             None),
        (b"/a%0d%0ab",              None),
        (b"/%ff",                   None),
        (b"/%zz",                   None),
        (b"http://localhost/",      None),
        (b"",                       None),
    ],
)  # fmt: skip
def test_a_path_is_decoded_once_and_never_leaves_the_tree(raw: bytes, path: str | None) -> None:
    assert urls.decode_path(raw) == path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A finished tree, as far as addresses go."""
    public = ("index.html", "tech/index.html", "feed.atom", "404.html", "files/facts.csv")
    gated = ("members/index.html", "members/x/index.html")
    for name in [f"public/{name}" for name in public] + [f"gated/{name}" for name in gated]:
        write(tmp_path / "tree" / name, name)
    write(tmp_path / "secret.txt", "secret")
    (tmp_path / "tree/public/link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "tree/public/linked").symlink_to(tmp_path / "tree/gated/members")
    (tmp_path / "tree/public/circle").symlink_to("circle")
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("path", "meaning"),
    [
        ("/",                      "public/index.html"),
        ("/tech/",                 "public/tech/index.html"),
        ("/tech",                  "-> /tech/"),
        ("/tech/index.html",       "-> /tech/"),
        ("/index.html",            "-> /"),
        ("/feed.atom",             "public/feed.atom"),
        ("/feed.atom/",            None),
        ("/files/",                None),  # a folder is not listed
        ("/files",                 None),
        ("/members/",              "gated/members/index.html"),
        ("/members",               "-> /members/"),
        ("/members/x",             "-> /members/x/"),
        ("/members/was",           "-> /members/x/"),
        ("/MEMBERS/WAS",           "-> /members/x/"),
        ("/MEMBERS/x/",            None),
        ("/404.html",              None),  # it is shown, and has no address
        ("/old/",                  "-> /tech/"),
        ("/OLD/",                  "-> /tech/"),  # a map of NGINX does not mind the case
        ("/link.txt",              None),
        ("/linked/",               None),
        ("/linked/x/",             None),
        ("/circle",                None),
        ("/tech/index.html/x",     None),
        ("/" + "x" * 300,          None),
    ],
)  # fmt: skip
def test_a_path_resolves_as_under_nginx(tree: Path, path: str, meaning: str | None) -> None:
    """A page has one address; a link out of the tree leads nowhere."""
    found = urls.resolve_path(tree, {"/old/": "/tech/", "members /members/was": "/members/x/"}, path)
    if isinstance(found, urls.Redirect):
        assert meaning == f"-> {found.location}"
    else:
        assert (found.file.relative_to(tree).as_posix() if found else None) == meaning


def test_the_map_of_aliases_is_read_as_the_build_wrote_it(tmp_path: Path) -> None:
    aliases = {'/a"b\\c/': "/x/", "/Alt/": "/grün/", "/p$q": "/y/", "/members/Was": "/members/x/"}
    write(tmp_path / "aliases.map", machine_files.nginx_alias_map(aliases, login=True))
    assert urls.read_aliases(tmp_path / "aliases.map") == {
        '/a"b\\c/': "/x/",
        "/alt/": "/gr%C3%BCn/",
        "/p$q": "/y/",
        "members /members/was": "/members/x/",
    }


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A preview of the site that the web image is tested with."""
    with run_dev_server(preview_site(tmp_path_factory.mktemp("same"), loopback_addresses.MORE)) as one:
        yield one


@pytest.mark.parametrize(("path", "status", "kind"), loopback_addresses.RESPONSES)
def test_a_path_has_the_response_of_the_web_image(same: DevServer, path: str, status: int, kind: str) -> None:
    response = same.get(path)
    assert (response.status, response.headers["content-type"]) == (status, kind)


@pytest.mark.parametrize(("path", "location"), loopback_addresses.REDIRECTS)
def test_a_path_redirects_as_in_the_web_image(same: DevServer, path: str, location: str) -> None:
    response = same.get(path)
    assert (response.status, response.headers["location"]) == (301, location)


# --- A preview that runs ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A preview of the small project; tests only look at it."""
    with run_dev_server(preview_site(tmp_path_factory.mktemp("shown"))) as one:
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
def test_each_address_has_its_status_and_type(shown: DevServer, path: str, status: int, kind: str) -> None:
    response = shown.get(path)
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
    shown: DevServer, path: str, location: str | None
) -> None:
    """Browsers keep a 301 for years, and an author changes an alias in a minute."""
    response = shown.get(path)
    if location is None:
        assert response.status == 400
        return
    assert (response.status, response.headers["location"]) == (301, location)
    assert response.headers["cache-control"] == "no-store"


def test_pages_revalidate_and_hashed_names_never(shown: DevServer) -> None:
    page = shown.get("/posts/one/")
    assert page.headers["cache-control"] == "no-cache"
    again = shown.get("/posts/one/", If_None_Match=f'W/"x", {page.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    style = re.search(r"/assets/site\.[0-9a-f]{8}\.css", page.text)
    assert style
    sheet = shown.get(style[0])
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert shown.get(style[0], If_None_Match=sheet.headers["etag"]).status == 304


def test_head_has_the_headers_of_get_and_no_body(shown: DevServer) -> None:
    for path in ("/posts/one/", "/feed.atom", "/nowhere/", "/_preview/events"):
        head, get = shown.get(path, "HEAD"), None if path.endswith("events") else shown.get(path)
        assert head.body == b""
        if get:
            same = ("content-type", "content-length", "etag", "cache-control", "x-preview-version")
            assert (head.status, [head.headers.get(name) for name in same]) == (
                get.status,
                [get.headers.get(name) for name in same],
            )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/_preview/events"])
def test_pages_can_only_be_read(shown: DevServer, method: str, path: str) -> None:
    response = shown.get(path, method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("range_", "status", "body", "content_range"), loopback_addresses.RANGES)
def test_a_range_of_a_file_is_sent_as_by_nginx(
    shown: DevServer, range_: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """Without it a video cannot be rewound (RFC 9110, 14)."""
    for method in ("GET", "HEAD"):
        response = shown.get("/files/facts.csv", method, Range=range_)
        assert (response.status, response.headers.get("content-range")) == (status, content_range)
        if body is not None:
            assert response.body == (body if method == "GET" else b"")
        assert response.headers["cache-control"] == "no-cache"
        assert "last-modified" not in response.headers
    other = shown.get("/files/facts.csv", Range=range_, If_Range='"another"')
    assert (other.status, other.body) == (200, b"a,b\n1,2\n")


def test_a_range_is_sent_of_the_version_that_the_browser_has(shown: DevServer) -> None:
    etag = shown.get("/files/facts.csv").headers["etag"]
    for condition, status in ((etag, 206), (f"W/{etag}", 200), ("Fri, 01 Jan 2100 00:00:00 GMT", 200)):
        response = shown.get("/files/facts.csv", Range="bytes=0-2", If_Range=condition)
        assert response.status == status, condition
    assert shown.get("/files/facts.csv", Range="bytes=0-2", If_None_Match=etag).status == 304


def test_several_ranges_are_sent_as_multipart(shown: DevServer) -> None:
    response = shown.get("/files/facts.csv", Range="bytes=0-1,4-")
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
def test_foreign_host_headers_are_refused(shown: DevServer, host: str, status: int, path: str) -> None:
    """A stranger's page may give its own name our address and read along (DNS rebinding)."""
    response = shown.get(path, "HEAD", Host=host)
    assert (response.status == 421) == (status == 421)


def test_the_script_is_in_what_is_sent_and_not_in_the_tree(shown: DevServer) -> None:
    tag = '<script src="/_preview/reload.js"'
    for path in ("/", "/posts/one/", "/members/inside/", "/nowhere/", "/admin/"):
        assert shown.get(path).text.count(tag) == 1
    for file in (shown.project / "out/preview").rglob("*"):
        assert file.is_dir() or b"_preview" not in file.read_bytes()


def test_it_listens_on_both_loopback_addresses_alone(shown: DevServer) -> None:
    """Passkeys want the name localhost, and a browser may take it for either."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        if family == socket.AF_INET or has_ipv6():
            with socket.socket(family) as one:
                one.connect((address, shown.port))
    with socket.socket() as one, pytest.raises(OSError, match="refused"):
        one.connect(("127.0.0.2", shown.port))


def test_the_log_starts_with_the_url_and_the_drafts(shown: DevServer) -> None:
    shown.get("/")
    wait_until(lambda: len(shown.log.splitlines()) >= 3)
    first, built, drafts = shown.log.splitlines()[:3]
    assert first == f"http://localhost:{shown.port}/  (Ctrl-C stops it)"
    assert re.fullmatch(r"\d\d:\d\d:\d\d  \d+ pages in \d+\.\d\d s", built)
    assert drafts == "drafts and posts not due: /posts/draft/ (draft), /posts/later/ (scheduled)"


# --- The application by itself ---------------------------------------------------------------


def ask(app: App, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(one())


Broadcasts = Callable[..., StateBroadcaster]


@pytest.fixture
def broadcaster(tmp_path: Path) -> Broadcasts:
    site = config.load_config(preview_site(tmp_path))

    def make(**changes: object) -> StateBroadcaster:
        one = StateBroadcaster()
        one.publish(BuildState(1, GoodBuild(site_result(), replace(site, **changes), {})))  # type: ignore[arg-type]
        return one

    return make


class FailingLogin(LoginApi):
    """A login that cannot be loaded."""

    def __init__(self) -> None:
        super().__init__(Path("none"), 8000, {}, lambda line: None)

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Fail."""
        raise PipelineError("the database sleeps; wake it")


@pytest.mark.parametrize("path", ["/_allauth/browser/v1/config", "/accounts/x/", "/admin/", "/members/x/"])
def test_a_failing_login_is_503_and_denies_access(tmp_path: Path, broadcaster: Broadcasts, path: str) -> None:
    write(tmp_path / "public/503.html", "<body>down</body>")
    write(tmp_path / "gated/members/x/index.html", "secret")
    response = ask(App(tmp_path, broadcaster(login=True), FailingLogin()), path)
    assert response.status_code == 503
    assert "The login API does not run: the database sleeps; wake it" in response.text
    assert "secret" not in response.text
    assert ask(App(tmp_path, broadcaster(login=False), FailingLogin()), path).status_code == 404


class LoginWithStatus(FailingLogin):
    """A login that answers everything with one status, and remembers what it was told."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status, self.received = status, list[tuple[str, dict[bytes, bytes]]]()

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Return what answers."""

        async def one(scope: Scope, receive: Receive, send: Send) -> None:
            self.received.append((scope["path"], dict(scope["headers"])))
            await Response(status_code=self.status)(scope, receive, send)

        return one


@pytest.mark.parametrize(
    ("gate_status", "status"),
    [(204, 200), (200, 503), (301, 503), (304, 503), (401, 401), (403, 403), (404, 503), (500, 503)],
)
def test_only_204_allows_access(
    tmp_path: Path, broadcaster: Broadcasts, gate_status: int, status: int
) -> None:
    write(tmp_path / "gated/members/x/index.html", "secret")
    login = LoginWithStatus(gate_status)
    response = ask(App(tmp_path, broadcaster(login=True), login), "/members/x/")
    assert (response.status_code, "secret" in response.text) == (status, status == 200)
    assert [path for path, _ in login.received] == ["/_gate"]


def test_forwarded_headers_cannot_be_forged(tmp_path: Path, broadcaster: Broadcasts) -> None:
    login = LoginWithStatus(204)
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "1.2.3.4",
        "Remote-User": "me",
        "Forwarded": "x",
    }
    ask(App(tmp_path, broadcaster(login=True), login), "/admin/", headers={**forged, "Cookie": "a=b"})
    (gate, gate_headers), (path, headers) = login.received
    assert (gate, path) == ("/_gate/staff", "/admin/")
    assert gate_headers == {b"host": b"localhost", b"cookie": b"a=b"}
    assert headers[b"x-real-ip"] == b"127.0.0.1"
    assert {name.lower().encode() for name in forged} & set(headers) == {b"x-real-ip"}


def test_a_removed_tree_is_not_found(tmp_path: Path, broadcaster: Broadcasts) -> None:
    """make clean, while the preview runs."""
    response = ask(App(tmp_path / "gone", broadcaster(), FailingLogin()), "/")
    assert (response.status_code, response.text) == (404, "not found\n")


def test_faults_are_escaped_in_html() -> None:
    fault = Fault("<i>.md", 3, "<b>&", '"<u>')
    page = error_page.faults_page(BuildState(1, None, (fault,), "<pre>")).decode()
    assert [tag for tag in ("<i>", "<b>", "<u>", "<pre>&") if tag in page] == []
    assert "&lt;i&gt;.md" in page
    assert (
        "innerHTML"
        not in ask(App(Path("none"), StateBroadcaster(), FailingLogin()), "/_preview/reload.js").text
    )


def test_media_types_do_not_depend_on_the_machine() -> None:
    assert content_type("a.WEBMANIFEST") == "application/manifest+json; charset=utf-8"
    assert content_type("no-suffix") == "application/octet-stream"
    assert content_type("x.svg") == "image/svg+xml; charset=utf-8"
