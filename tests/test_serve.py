"""The preview: what an author sees while writing, and that it answers as NGINX will."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pipelines import config
from pipelines.errors import Fault, PipelineError, SourceError
from pipelines.preview import builder, pages, urls, watch
from pipelines.preview.app import App
from pipelines.preview.builder import Builder
from pipelines.preview.headers import SECURITY, content_type
from pipelines.preview.serve import listen
from pipelines.preview.state import Board, Good, State
from pipelines.results import SiteResult
from pipelines.site import extras
from tests.preview import POST, Running, free_port, preview_site, running, until
from tests.project import command, write

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
def test_a_path_is_decoded_once_and_never_climbs(raw: bytes, path: str | None) -> None:
    assert urls.decode(raw) == path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A finished tree, as far as addresses go."""
    for name in ("public/index.html", "public/tech/index.html", "public/feed.atom", "public/404.html",
                 "public/files/facts.csv", "gated/members/index.html", "gated/members/x/index.html"):  # fmt: skip
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
        ("/404.html",              "public/404.html"),
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
def test_an_address_means_what_it_will_mean_under_nginx(tree: Path, path: str, meaning: str | None) -> None:
    """A page has one address; a link out of the tree leads nowhere."""
    found = urls.find(tree, {"/old/": "/tech/"}, path)
    if isinstance(found, urls.Moved):
        assert meaning == f"-> {found.location}"
    else:
        assert (found.file.relative_to(tree).as_posix() if found else None) == meaning


def test_the_map_of_aliases_is_read_as_the_build_wrote_it(tmp_path: Path) -> None:
    aliases = {'/a"b\\c/': "/x/", "/Alt/": "/grün/", "/p$q": "/y/"}
    write(tmp_path / "aliases.map", extras.alias_map(aliases))
    assert urls.read_aliases(tmp_path / "aliases.map") == {
        '/a"b\\c/': "/x/",
        "/alt/": "/gr%C3%BCn/",
        "/p$q": "/y/",
    }


# --- A preview that runs ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A preview of the small project; tests only look at it."""
    with running(preview_site(tmp_path_factory.mktemp("shown"))) as one:
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
        ("/members/inside/",             200, "text/html; charset=utf-8"),
        ("/nowhere/",                    404, "text/html; charset=utf-8"),
        ("/404.html",                    404, "text/html; charset=utf-8"),
        ("/503.html",                    503, "text/html; charset=utf-8"),
        ("/members/nowhere/",            404, "text/html; charset=utf-8"),
        ("/posts/one/index.html.gz",     404, "text/html; charset=utf-8"),
        ("/admin/",                      503, "text/html; charset=utf-8"),
        ("/accounts/oidc/x/callback/",   503, "text/html; charset=utf-8"),
        ("/_allauth/browser/v1/config",  503, "application/json"),
        ("/_gate",                       404, "text/html; charset=utf-8"),
        ("/%2e%2e/site.toml",            400, "text/plain; charset=utf-8"),
        ("/..%2f..%2fsite.toml",         400, "text/plain; charset=utf-8"),
        ("/humans.txt%00.html",          400, "text/plain; charset=utf-8"),
        ("/_preview/reload.js",          200, "text/javascript; charset=utf-8"),
        ("/_preview/overlay.css",        200, "text/css; charset=utf-8"),
        ("/_preview/serve.py",           404, "text/plain; charset=utf-8"),
    ],
)  # fmt: skip
def test_each_address_has_its_status_and_type(shown: Running, path: str, status: int, kind: str) -> None:
    answer = shown.get(path)
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    assert {name: answer.headers.get(name.lower()) for name in SECURITY} == SECURITY


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
        ("/members",              "/members/"),
    ],
)  # fmt: skip
def test_redirects_stay_on_the_site_and_are_not_kept(
    shown: Running, path: str, location: str | None
) -> None:
    """Browsers keep a 301 for years, and an author changes an alias in a minute."""
    answer = shown.get(path)
    if location is None:
        assert answer.status == 400
        return
    assert (answer.status, answer.headers["location"]) == (301, location)
    assert answer.headers["cache-control"] == "no-store"


def test_pages_are_asked_for_again_and_hashed_names_never(shown: Running) -> None:
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


def test_members_pages_are_marked_and_kept_nowhere(shown: Running) -> None:
    answer = shown.get("/members/inside/")
    assert answer.headers["x-preview-gated"] == "members"
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers
    assert "x-preview-gated" not in shown.get("/posts/one/").headers


def test_head_has_the_headers_of_get_and_no_body(shown: Running) -> None:
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
def test_pages_can_only_be_read(shown: Running, method: str, path: str) -> None:
    answer = shown.get(path, method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-2",    206, b"a,b",          "bytes 0-2/8"),
        ("bytes=4-",     206, b"1,2\n",        "bytes 4-7/8"),
        ("bytes=-2",     206, b"2\n",          "bytes 6-7/8"),
        ("bytes=2-99",   206, b"b\n1,2\n",     "bytes 2-7/8"),
        ("bytes=8-",     416, b"",             "bytes */8"),
        ("bytes=0-1,4-", 200, b"a,b\n1,2\n",   None),
        ("pages=1-2",    200, b"a,b\n1,2\n",   None),
    ],
)  # fmt: skip
def test_a_part_of_a_file_can_be_asked_for(
    shown: Running, asked: str, status: int, body: bytes, told: str | None
) -> None:
    """Films cannot be wound without (RFC 9110, 14)."""
    answer = shown.get("/files/facts.csv", Range=asked)
    assert (answer.status, answer.body, answer.headers.get("content-range")) == (status, body, told)
    other = shown.get("/files/facts.csv", Range=asked, If_Range='"another"')
    assert (other.status, other.body) == (200, b"a,b\n1,2\n")


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
def test_only_names_of_this_machine_are_answered(shown: Running, host: str, status: int, path: str) -> None:
    """A stranger's page may give its own name our address and read along (DNS rebinding)."""
    answer = shown.get(path, "HEAD", Host=host)
    assert (answer.status == 421) == (status == 421)


def test_the_script_is_in_what_is_sent_and_not_in_the_tree(shown: Running) -> None:
    tag = '<script src="/_preview/reload.js"'
    for path in ("/", "/posts/one/", "/members/inside/", "/nowhere/", "/admin/"):
        assert shown.get(path).text.count(tag) == 1
    for file in (shown.project / "out/preview").rglob("*"):
        assert file.is_dir() or b"_preview" not in file.read_bytes()


def test_the_preview_says_that_no_login_api_runs(shown: Running) -> None:
    page = shown.get("/admin/")
    assert pages.NO_API in page.text
    answer = shown.get("/_allauth/browser/v1/auth/login", "POST")
    assert answer.status == 503
    assert httpx.Response(503, content=answer.body).json() == {"status": 503, "detail": pages.NO_API}


def test_both_addresses_of_localhost_answer_and_no_other(shown: Running) -> None:
    """Passkeys want the name localhost, and a browser may take it for either."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as one:
            one.connect((address, shown.port))
    with socket.socket() as one, pytest.raises(OSError, match=str(errno.ECONNREFUSED)):
        one.connect(("127.0.0.2", shown.port))


def test_the_terminal_is_told_the_address_then_the_drafts(shown: Running) -> None:
    shown.get("/")
    until(lambda: len(shown.said.splitlines()) >= 3)
    first, built, drafts = shown.said.splitlines()[:3]
    assert first == f"http://localhost:{shown.port}/  (Ctrl-C ends it)"
    assert re.fullmatch(r"\d\d:\d\d:\d\d  \d+ pages in \d+\.\d\d s", built)
    assert drafts == "drafts and posts not due: /posts/draft/ (draft), /posts/later/ (scheduled)"


# --- Saving ----------------------------------------------------------------------------------


def test_a_saved_edit_is_built_and_told(tmp_path: Path) -> None:
    """The whole way: save, event, page; a fault, its mending; each within seconds."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with running(site) as one, one.events() as events:
        assert events.next() == {"number": 1}
        version = one.get("/posts/one/").headers["x-preview-version"]
        other = one.get("/about/").headers["x-preview-version"]

        start = time.monotonic()
        write(post, POST.replace("first version", "second version"))
        assert events.next() == {"number": 2}
        taken = time.monotonic() - start
        print(f"save to event: {taken:.2f} s")
        assert taken < 10
        page = one.get("/posts/one/")
        assert "second version" in page.text
        assert page.headers["x-preview-version"] != version
        assert one.get("/about/").headers["x-preview-version"] == other  # and is not loaded again
        until(lambda: re.search(r"pages in \d+\.\d\d s  content/posts/one\.md", one.said))

        write(post, POST.replace("tags:", "tagz:"))
        told = events.next()
        assert (told["number"], told["heading"], told["note"]) == (3, "1 fault", "")
        assert told["faults"] == [
            {
                "path": "content/posts/one.md",
                "line": 4,
                "text": "unknown key 'tagz'",
                "remedy": "did you mean tags?",
            }
        ]
        assert "second version" in one.get("/posts/one/").text  # the last good page stays
        until(lambda: "1 fault; the last good page stays" in one.said)
        line = "  content/posts/one.md:4: unknown key 'tagz'; did you mean tags?\n"
        until(lambda: one.said.count(line) == 1)

        write(post, POST.replace("tags:", "tagz:").replace("first version", "third version"))
        assert events.next()["number"] == 4
        until(lambda: "1 fault, as before" in one.said)
        assert one.said.count(line) == 1

        write(post, POST.replace("first version", "third version"))
        assert events.next() == {"number": 5}
        assert "third version" in one.get("/posts/one/").text
        assert "Traceback" not in one.said


def test_without_a_good_build_the_faults_are_the_page(tmp_path: Path) -> None:
    """Whatever the author wrote is shown as text: a fault quotes it."""
    evil = "---\ntitle: One\ndate: <script>alert(1)</script>\n---\nText.\n"
    site = preview_site(tmp_path, {"content/posts/one.md": evil})
    with running(site) as one:
        page = one.get("/posts/one/")
        assert page.status == 500
        assert page.headers["cache-control"] == "no-store"
        assert {name: page.headers.get(name.lower()) for name in SECURITY} == SECURITY
        assert 'content/posts/one.md<span class="line">:3</span>' in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script>alert" not in page.text
        assert '<script src="/_preview/reload.js"' in page.text
        with one.events() as events:
            assert events.next()["heading"] == "1 fault"
            write(site / "content/posts/one.md", POST)
            assert events.next() == {"number": 2}
        assert one.get("/posts/one/").status == 200


def test_site_toml_is_read_again(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    text = (site / "site.toml").read_text("utf-8")
    with running(site) as one, one.events() as events:
        events.next()
        write(site / "site.toml", text.replace("Small Site", "Another Name"))
        assert events.next() == {"number": 2}
        assert "Another Name" in one.get("/").text
        write(site / "site.toml", text + "\n[sight]\n")
        assert events.next()["faults"][0]["path"] == "site.toml"


def test_a_change_of_style_leaves_the_version_of_pages(tmp_path: Path) -> None:
    """So that a browser exchanges the style sheet and leaves the page where it is."""
    site = preview_site(tmp_path)
    with running(site) as one, one.events() as events:
        events.next()
        before = one.get("/posts/one/")
        write(site / "theme/css/zz.css", ".added{color:#123456}\n")
        events.next()
        after = one.get("/posts/one/")
        assert after.headers["x-preview-version"] == before.headers["x-preview-version"]
        assert after.headers["x-preview-styles"] != before.headers["x-preview-styles"]
        assert after.headers["etag"] != before.headers["etag"]
        assert b"added" in one.get(after.headers["x-preview-styles"]).body


def test_editors_that_replace_a_file_or_a_folder_are_followed(tmp_path: Path) -> None:
    """Most editors write beside the file and rename; a checkout replaces folders."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with running(site) as one, one.events() as events:
        events.next()
        write(post.with_name(".one.md.swp"), "swap")
        write(post.with_name("one.md.tmp"), POST.replace("first", "renamed"))
        os.replace(post.with_name("one.md.tmp"), post)
        assert events.next()["number"] == 2
        assert "renamed" in one.get("/posts/one/").text
        shutil.copytree(site / "content", tmp_path / "other")
        write(tmp_path / "other/posts/one.md", POST.replace("first", "exchanged"))
        os.rename(site / "content", tmp_path / "gone")
        os.rename(tmp_path / "other", site / "content")
        events.next()
        until(lambda: "exchanged" in one.get("/posts/one/").text)
        time.sleep(0.5)  # until the new folder is watched
        write(post, POST.replace("first", "later"))
        until(lambda: "later" in one.get("/posts/one/").text)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("content/posts/one.md",            True),
        ("content/posts/Grüße aus Köln.md", True),
        ("theme/less/site.less",            True),
        ("theme/strings/en.toml",           True),
        ("site.toml",                       True),
        ("pelicanconf.py",                  True),
        ("content",                         True),
        ("README.md",                       False),
        ("out/preview/public/index.html",   False),
        ("content/posts/.one.md.swp",       False),
        ("content/posts/one.md~",           False),
        ("content/posts/#one.md#",          False),
        ("content/posts/.#one.md",          False),
        ("content/posts/4913",              False),
        ("content/posts/one.md.tmp",        False),
        ("content/posts/one.md___jb_tmp___", False),
        ("content/.git/index",              False),
        (".git/HEAD",                       False),
        ("sub/site.toml",                   False),
    ],
)  # fmt: skip
def test_only_what_a_build_reads_starts_one(tmp_path: Path, path: str, counts: bool) -> None:
    """A folder with a dot above the project is nobody's business."""
    project = tmp_path / ".work" / "site"
    assert watch.relevant(project, str(project / path)) is counts


# --- The thread that builds ------------------------------------------------------------------


def result(digest: str = "d") -> SiteResult:
    return SiteResult(digest, 0, True, 3, 4, 5, 0, (), (), {}, {})


class Making:
    """Stands in for the build, where a test wants to decide when it ends and how."""

    def __init__(self, project: Path) -> None:
        write(project / "out/preview/aliases.map", "")
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.ends: list[BaseException | str] = []

    def __call__(self, _project: Path, _out: Path, _config: object, _options: object, memo: object,
                 progress: builder._Progress) -> SiteResult:  # fmt: skip
        self.begun.release()
        assert self.go.acquire(timeout=30)
        progress.phase("render", 0)
        end = self.ends.pop(0) if self.ends else "d"
        if isinstance(end, BaseException):
            raise end
        return result(end)


class Thread:
    """A builder that is told when to end its builds."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.making, self.states, self.said = Making(project), list[State](), list[str]()
        self.came = threading.Semaphore(0)
        monkeypatch.setattr(builder, "build", self.making)
        self.builder = Builder(project, lambda: 1_780_000_000.0, self.said.append, self.done)
        self.builder.start()

    def done(self, state: State) -> None:
        self.states.append(state)
        self.came.release()

    def finish(self, end: BaseException | str = "d") -> State:
        """Let the build that is running end."""
        self.making.ends.append(end)
        assert self.making.begun.acquire(timeout=30)
        self.making.go.release()
        assert self.came.acquire(timeout=30)
        return self.states[-1]


@pytest.fixture
def thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Thread]:
    one = Thread(preview_site(tmp_path), monkeypatch)
    yield one
    one.making.go.release(100)
    one.builder.end(30)


def test_changes_during_a_build_lead_to_one_more(thread: Thread) -> None:
    assert thread.making.begun.acquire(timeout=30)
    thread.making.begun.release()
    for name in ("a", "b", "c"):
        thread.builder.ask([name])
    assert thread.finish().number == 1
    assert thread.finish("e").number == 2
    assert thread.said[-1].endswith("s  a, b, c")
    assert not thread.came.acquire(timeout=0.3)
    assert len(thread.states) == 2


@pytest.mark.parametrize("error", [ZeroDivisionError("<b>"), SystemExit(3), RecursionError("deep")])
def test_a_fault_of_the_program_itself_ends_nothing(thread: Thread, error: BaseException) -> None:
    """The browser gets a note, the terminal the traceback, and the next build is made."""
    good = thread.finish()
    thread.builder.ask(["x"])
    state = thread.finish(error)
    assert state.good is good.good
    assert state.note.startswith(type(error).__name__)
    assert "Traceback" not in state.note
    assert "Traceback (most recent call last)" in "\n".join(thread.said)
    thread.builder.ask(["x"])
    assert not thread.finish().broken


def test_what_a_tool_reports_is_shown_as_it_is(thread: Thread) -> None:
    state = thread.finish(PipelineError("preview: the disk is full"))
    assert (state.note, state.heading, state.broken) == (
        "preview: the disk is full",
        "The build failed",
        True,
    )
    assert "  preview: the disk is full" in thread.said


def test_an_unchanged_site_is_said_to_be_unchanged(thread: Thread) -> None:
    thread.finish("d")
    thread.builder.ask(["content/a.md"])
    thread.finish("d")
    assert thread.said[-1].endswith("content/a.md; the pages are as they were")


def test_a_build_that_runs_is_left_at_the_end(thread: Thread) -> None:
    assert thread.making.begun.acquire(timeout=30)
    threading.Timer(0.1, thread.making.go.release).start()
    assert thread.builder.end(30)
    assert thread.states == []


# --- Beginning and end -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_with_tabs_open(tmp_path: Path, number: int) -> None:
    """make says nothing of a command that ends with 0, so Ctrl-C leaves a clean terminal."""
    with running(preview_site(tmp_path)) as one, one.events() as a, one.events() as b:
        a.next(), b.next()
        lines = one.said.count("\n")
        status, seconds = one.end(number)
        print(f"signal to end: {seconds:.2f} s")
        assert status == 0
        assert seconds < 10
        assert one.said.count("\n") <= max(lines, 3)
        assert "Traceback" not in one.said


def test_it_ends_at_once_during_a_build(tmp_path: Path) -> None:
    """And leaves nothing that the next build would not clear away."""
    site = preview_site(tmp_path)
    with running(site) as one:
        until(lambda: list((site / "out").glob(".site-*")))
        status, _ = one.end()
        assert (status, "Traceback" in one.said) == (0, False)
    assert command(site, "build").returncode == 0
    assert list((site / "out").glob(".site-*")) == []


def test_a_busy_port_names_one_that_is_free(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = command(site, "serve", "--port", str(port))
    told = re.fullmatch(
        rf"error: port {port} is busy; port (\d+) is free: make serve PORT=\1\n", done.stderr
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert told
    assert int(told[1]) > port


def test_a_port_that_is_taken_on_one_address_is_busy() -> None:
    """localhost may mean either: half a server would show somebody else's pages."""
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PipelineError, match=f"port {port} is busy; port \\d+ is free"):
            listen(port)


def test_it_listens_on_loopback_only() -> None:
    found = listen(free_port())
    try:
        assert {one.getsockname()[0] for one in found} <= {"127.0.0.1", "::1"}
    finally:
        for one in found:
            one.close()


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    done = command(tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("site.toml: no such file; run in the folder of the site")


# --- The application by itself ---------------------------------------------------------------


def ask(app: App, path: str, method: str = "GET") -> httpx.Response:
    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(one())


@pytest.fixture
def board(tmp_path: Path) -> Callable[..., Board]:
    site = config.load(preview_site(tmp_path))

    def make(**changes: object) -> Board:
        from dataclasses import replace

        one = Board()
        one.post(State(1, Good(result(), replace(site, **changes), {})))  # type: ignore[arg-type]
        return one

    return make


@pytest.mark.parametrize("path", ["/_allauth/browser/v1/config", "/accounts/x/", "/admin/"])
def test_without_login_there_is_no_api_to_miss(tmp_path: Path, board: Callable[..., Board], path: str) -> None:
    assert ask(App(tmp_path, board(login=False)), path).status_code == 404
    assert ask(App(tmp_path, board(login=True)), path).status_code == 503


def test_a_tree_that_was_taken_away_is_no_crash(tmp_path: Path, board: Callable[..., Board]) -> None:
    """make clean, while the preview runs."""
    answer = ask(App(tmp_path / "gone", board()), "/")
    assert (answer.status_code, answer.text) == (404, "no such page\n")


def test_text_of_faults_is_escaped_everywhere() -> None:
    fault = Fault("<i>.md", 3, "<b>&", '"<u>')
    page = pages.fault_page(State(1, None, (fault,), "<pre>")).decode()
    assert [tag for tag in ("<i>", "<b>", "<u>", "<pre>&") if tag in page] == []
    assert "&lt;i&gt;.md" in page
    assert "innerHTML" not in ask(App(Path("none"), Board()), "/_preview/reload.js").text


def test_every_type_is_the_same_on_every_machine() -> None:
    assert content_type("a.WEBMANIFEST") == "application/manifest+json; charset=utf-8"
    assert content_type("no-suffix") == "application/octet-stream"
    assert content_type("x.svg") == "image/svg+xml; charset=utf-8"


def test_source_errors_reach_the_state(thread: Thread) -> None:
    faults = [Fault("content/b.md", 2, "b", "mend"), Fault("content/a.md", 1, "a", "mend")]
    state = thread.finish(SourceError(faults))
    assert [fault.path for fault in state.faults] == ["content/a.md", "content/b.md"]
    assert state.heading == "2 faults"
    assert "  content/a.md:1: a; mend" in thread.said
