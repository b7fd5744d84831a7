"""The preview follows what an author saves, explains faults, and begins and ends at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.results import SiteResult
from pipelines.preview import builder, watch
from pipelines.preview.build_state import BuildState
from pipelines.preview.builder import Builder
from pipelines.preview.headers import SECURITY_HEADERS
from pipelines.preview.server import serve_preview
from pipelines.preview.sockets import listen_on
from pipelines.site.cache import Cache
from tests.support.previews import (
    POST,
    free_port,
    has_ipv6,
    preview_site,
    run_dev_server,
    site_result,
    wait_until,
)
from tests.support.project import run_cli, write

# --- Saving ----------------------------------------------------------------------------------


def test_a_saved_edit_is_built_and_broadcast(tmp_path: Path) -> None:
    """The whole way: save, event, page; a fault, its mending; each within seconds."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with run_dev_server(site) as one, one.events() as events:
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
        wait_until(lambda: re.search(r"pages in \d+\.\d\d s  content/posts/one\.md", one.log))

        write(post, POST.replace("tags:", "tagz:"))
        environ = events.next()
        assert (environ["number"], environ["summary"], environ["error"]) == (3, "1 fault", "")
        assert environ["faults"] == [
            {
                "path": "content/posts/one.md",
                "line": 4,
                "text": "unknown key 'tagz'",
                "fix": "did you mean tags?",
            }
        ]
        assert "second version" in one.get("/posts/one/").text  # the last good tree stays
        wait_until(lambda: "1 fault; the last good pages stay" in one.log)
        line = "  content/posts/one.md:4: unknown key 'tagz'; did you mean tags?\n"
        wait_until(lambda: one.log.count(line) == 1)

        write(post, POST.replace("tags:", "tagz:").replace("first version", "third version"))
        assert events.next()["number"] == 4
        wait_until(lambda: "1 fault, as before" in one.log)
        assert one.log.count(line) == 1

        write(post, POST.replace("first version", "third version"))
        assert events.next() == {"number": 5}
        assert "third version" in one.get("/posts/one/").text
        assert "Traceback" not in one.log


def test_before_a_good_build_every_page_shows_the_faults(tmp_path: Path) -> None:
    """Whatever the author wrote is shown as text: a fault quotes it."""
    evil = "---\ntitle: One\ndate: <script>alert(1)</script>\n---\nText.\n"
    site = preview_site(tmp_path, {"content/posts/one.md": evil})
    with run_dev_server(site) as one:
        page = one.get("/posts/one/")
        assert page.status == 500
        assert page.headers["cache-control"] == "no-store"
        assert {name: page.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert 'content/posts/one.md<span class="line">:3</span>' in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script>alert" not in page.text
        assert '<script src="/_preview/reload.js"' in page.text
        with one.events() as events:
            assert events.next()["summary"] == "1 fault"
            write(site / "content/posts/one.md", POST)
            assert events.next() == {"number": 2}
        assert one.get("/posts/one/").status == 200


@pytest.mark.slow
def test_site_toml_is_read_again(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    text = (site / "site.toml").read_text("utf-8")
    with run_dev_server(site) as one, one.events() as events:
        events.next()
        write(site / "site.toml", text.replace("Small Site", "Another Name"))
        assert events.next() == {"number": 2}
        assert "Another Name" in one.get("/").text
        write(site / "site.toml", text + "\n[sight]\n")
        assert events.next()["faults"][0]["path"] == "site.toml"


def test_a_style_change_keeps_the_version_of_pages(tmp_path: Path) -> None:
    """So that a browser exchanges the style sheet and leaves the page where it is."""
    site = preview_site(tmp_path)
    with run_dev_server(site) as one, one.events() as events:
        events.next()
        before = one.get("/posts/one/")
        write(site / "theme/css/zz.css", ".added{color:#123456}\n")
        events.next()
        after = one.get("/posts/one/")
        assert after.headers["x-preview-version"] == before.headers["x-preview-version"]
        assert after.headers["x-preview-styles"] != before.headers["x-preview-styles"]
        assert after.headers["etag"] != before.headers["etag"]
        assert b"added" in one.get(after.headers["x-preview-styles"]).body


@pytest.mark.slow
def test_editors_that_replace_a_file_or_a_folder_are_followed(tmp_path: Path) -> None:
    """Most editors write beside the file and rename; a checkout replaces folders."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with run_dev_server(site) as one, one.events() as events:
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
        wait_until(lambda: "exchanged" in one.get("/posts/one/").text)
        time.sleep(0.5)  # until the new folder is watched
        write(post, POST.replace("first", "later"))
        wait_until(lambda: "later" in one.get("/posts/one/").text)


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
    assert watch.is_relevant(project, str(project / path)) is counts


# --- The thread that builds ------------------------------------------------------------------


class FakeBuild:
    """Stands in for the build, where a test wants to decide when it ends and how."""

    def __init__(self, project: Path) -> None:
        write(project / "out/preview/aliases.map", "")
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.ends: list[BaseException | str] = []

    def __call__(self, _project: Path, _out: Path, _config: object, _options: object, cache: object,
                 progress: builder._Progress) -> SiteResult:  # fmt: skip
        self.begun.release()
        assert self.go.acquire(timeout=30)
        progress.phase("render", 0)
        stop = self.ends.pop(0) if self.ends else "d"
        if isinstance(stop, BaseException):
            raise stop
        return site_result(stop)


class BuilderThread:
    """A builder that is told when to end its builds."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.making, self.states, self.said = FakeBuild(project), list[BuildState](), list[str]()
        self.came = threading.Semaphore(0)
        monkeypatch.setattr(builder, "build", self.making)
        self.builder = Builder(project, lambda: 1_780_000_000.0, self.said.append, self.done)
        self.builder.start()

    def done(self, state: BuildState) -> None:
        self.states.append(state)
        self.came.release()

    def finish(self, stop: BaseException | str = "d") -> BuildState:
        """Let the build that is running end."""
        self.making.ends.append(stop)
        assert self.making.begun.acquire(timeout=30)
        self.making.go.release()
        assert self.came.acquire(timeout=30)
        return self.states[-1]


@pytest.fixture
def thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuilderThread]:
    one = BuilderThread(preview_site(tmp_path), monkeypatch)
    yield one
    one.making.go.release(100)
    one.builder.stop(30)


def test_changes_during_a_build_lead_to_one_more(thread: BuilderThread) -> None:
    assert thread.making.begun.acquire(timeout=30)
    thread.making.begun.release()
    for name in ("a", "b", "c"):
        thread.builder.request_build([name])
    assert thread.finish().number == 1
    assert thread.finish("e").number == 2
    wait_until(lambda: thread.said[-1].endswith("s  a, b, c"))
    assert not thread.came.acquire(timeout=0.3)
    assert len(thread.states) == 2


@pytest.mark.parametrize("error", [ZeroDivisionError("<b>"), SystemExit(3), RecursionError("deep")])
def test_a_bug_in_a_build_keeps_the_thread_running(thread: BuilderThread, error: BaseException) -> None:
    """The browser gets a note, the terminal the traceback, and the next build is made."""
    good = thread.finish()
    thread.builder.request_build(["x"])
    state = thread.finish(error)
    assert state.last_good is good.last_good
    assert state.error.startswith(type(error).__name__)
    assert "Traceback" not in state.error
    wait_until(lambda: "Traceback (most recent call last)" in "\n".join(thread.said))
    thread.builder.request_build(["x"])
    assert not thread.finish().failed


def test_a_save_right_after_the_first_build_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read to tell where the drafts are may be half written at that moment."""
    fault = Fault("site.toml", 0, "[site] has no name", "add it")

    def settings(_project: Path) -> None:
        monkeypatch.undo()
        raise SourceError([fault])

    monkeypatch.setattr("pipelines.site.pelican.render.pelican_settings", settings)
    with pytest.MonkeyPatch.context() as patch:
        thread = BuilderThread(preview_site(tmp_path), patch)
        assert thread.finish().faults == (fault,)
        thread.builder.request_build(["site.toml"])
        assert not thread.finish().failed
        wait_until(lambda: any(line.startswith("drafts and posts not due: /posts/d") for line in thread.said))
        thread.builder.stop(30)


def test_a_tool_error_is_shown_unchanged(thread: BuilderThread) -> None:
    state = thread.finish(PipelineError("preview: the disk is full\nmake room"))
    assert (state.error, state.summary) == ("preview: the disk is full\nmake room", "The build failed")
    assert state.failed
    wait_until(lambda: thread.said[-2:] == ["  preview: the disk is full", "  make room"])


def test_an_unchanged_site_is_logged_as_unchanged(thread: BuilderThread) -> None:
    thread.finish("d")
    thread.builder.request_build(["content/a.md"])
    thread.finish("d")
    wait_until(lambda: thread.said[-1].endswith("content/a.md; no page changed"))


def test_a_running_build_is_cancelled_at_stop(thread: BuilderThread) -> None:
    assert thread.making.begun.acquire(timeout=30)
    threading.Timer(0.1, thread.making.go.release).start()
    assert thread.builder.stop(30)
    assert thread.states == []


def test_source_errors_reach_the_state(thread: BuilderThread) -> None:
    faults = [Fault("content/b.md", 2, "b", "mend"), Fault("content/a.md", 1, "a", "mend")]
    state = thread.finish(SourceError(faults))
    assert [fault.path for fault in state.faults] == ["content/a.md", "content/b.md"]
    assert state.summary == "2 faults"
    wait_until(lambda: "  content/a.md:1: a; mend" in thread.said)


def test_a_failed_build_keeps_the_cache() -> None:
    """It stopped on its way: what it did not get to is wanted when its fault is mended."""
    cache, made = Cache(), list[str]()

    def build(*names: str, whole: bool) -> list[str]:
        made.clear()
        cache.begin_build()
        for name in names:
            cache.get_or_compute("page", name, lambda name=name: made.append(name))  # type: ignore[misc]
        if whole:
            cache.drop_unused()
        return list(made)

    assert build("a", "b", whole=True) == ["a", "b"]
    assert build("a", whole=False) == []
    assert build(whole=False) == []
    assert build("a", "b", whole=True) == []
    assert build("a", whole=True) == []
    assert build("b", whole=True) == ["b"]  # a whole build did without it


# --- Beginning and end -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_with_open_event_streams(tmp_path: Path, number: int) -> None:
    """make says nothing of a command that ends with 0, so Ctrl-C leaves a clean terminal."""
    with run_dev_server(preview_site(tmp_path)) as one, one.events() as a, one.events() as b:
        a.next(), b.next()
        lines = one.log.count("\n")
        status, seconds = one.stop(number)
        print(f"signal to end: {seconds:.2f} s")
        assert status == 0
        assert seconds < 10
        assert one.log.count("\n") <= max(lines, 3)
        assert "Traceback" not in one.log


@pytest.mark.slow
def test_it_stops_at_once_during_a_build(tmp_path: Path) -> None:
    """And leaves nothing that the next build would not clear away."""
    site = preview_site(tmp_path)
    with run_dev_server(site) as one:
        wait_until(lambda: list((site / "out").glob(".site-*")))
        status, _ = one.stop()
        assert (status, "Traceback" in one.log) == (0, False)
    assert run_cli(site, "build").returncode == 0
    assert list((site / "out").glob(".site-*")) == []


def test_a_port_in_use_is_refused_with_a_free_one(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_cli(site, "serve", "--port", str(port))
    environ = re.fullmatch(
        rf"error: port {port} is in use; port (\d+) is free: make serve PORT=\1\n", done.stderr
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert environ
    assert int(environ[1]) > port


def test_a_port_in_use_on_one_address_is_refused() -> None:
    """localhost may mean either: half a server would show somebody else's pages."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PipelineError, match=f"port {port} is in use; port \\d+ is free"):
            listen_on(port)


def test_it_listens_on_loopback_only() -> None:
    found = listen_on(free_port())
    try:
        assert {one.getsockname()[0] for one in found} <= {"127.0.0.1", "::1"}
    finally:
        for one in found:
            one.close()


def test_an_exhausted_watch_limit_is_an_error_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word the author would wait for a page that never changes."""

    def refuse(*_paths: object, **_options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watch, "awatch", refuse)
    with pytest.raises(
        PipelineError,
        match=r"changed files cannot be watched \(OS file watch limit reached\); on Linux raise",
    ):
        serve_preview(preview_site(tmp_path), free_port(), environ={}, clock=time.time, log=lambda line: None)


def test_a_directory_without_a_site_is_refused(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("site.toml: no such file; run in the directory of the site")
