"""The builder thread of the preview, with a fake build."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.results import SiteResult
from pipelines.preview import builder
from pipelines.preview.build_state import BuildState
from pipelines.preview.builder import Builder
from pipelines.site.cache import Cache
from tests.support.previews import preview_site, site_result, wait_until
from tests.support.project import write


class FakeBuild:
    """A fake build: the test decides when it ends and how."""

    def __init__(self, project: Path) -> None:
        write(project / "out/preview/aliases.map", "")
        self.started, self.proceed = threading.Semaphore(0), threading.Semaphore(0)
        self.outcomes: list[BaseException | str] = []

    def __call__(self, _project: Path, _out: Path, _config: object, _options: object, cache: object,
                 progress: builder._Progress, _report: object) -> SiteResult:  # fmt: skip
        self.started.release()
        assert self.proceed.acquire(timeout=30)
        progress.phase("render", 0)
        outcome = self.outcomes.pop(0) if self.outcomes else "d"
        if isinstance(outcome, BaseException):
            raise outcome
        return site_result(outcome)


class BuilderThread:
    """A builder whose builds end when the test says so."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake_build, self.states, self.log_lines = FakeBuild(project), list[BuildState](), list[str]()
        self.published = threading.Semaphore(0)
        monkeypatch.setattr(builder, "build", self.fake_build)
        self.builder = Builder(project, lambda: 1_780_000_000.0, self.log_lines.append, self.done)
        self.builder.start()

    def done(self, state: BuildState) -> None:
        self.states.append(state)
        self.published.release()

    def finish(self, outcome: BaseException | str = "d") -> BuildState:
        """End the running build; return the published state."""
        self.fake_build.outcomes.append(outcome)
        assert self.fake_build.started.acquire(timeout=30)
        self.fake_build.proceed.release()
        assert self.published.acquire(timeout=30)
        return self.states[-1]


@pytest.fixture
def thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuilderThread]:
    one = BuilderThread(preview_site(tmp_path), monkeypatch)
    yield one
    one.fake_build.proceed.release(100)
    one.builder.stop(30)


def test_changes_during_a_build_lead_to_one_more(thread: BuilderThread) -> None:
    assert thread.fake_build.started.acquire(timeout=30)
    thread.fake_build.started.release()
    for name in ("a", "b", "c"):
        thread.builder.request_build([name])
    assert thread.finish().number == 1
    assert thread.finish("e").number == 2
    wait_until(lambda: thread.log_lines[-1].endswith("s  a, b, c"))
    assert not thread.published.acquire(timeout=0.3)
    assert len(thread.states) == 2


@pytest.mark.parametrize("error", [ZeroDivisionError("<b>"), SystemExit(3), RecursionError("deep")])
def test_a_bug_in_a_build_keeps_the_thread_running(thread: BuilderThread, error: BaseException) -> None:
    """The browser shows a note, the terminal the traceback, and the next build runs."""
    good = thread.finish()
    thread.builder.request_build(["x"])
    state = thread.finish(error)
    assert state.last_good is good.last_good
    assert state.error.startswith(type(error).__name__)
    assert "Traceback" not in state.error
    wait_until(lambda: "Traceback (most recent call last)" in "\n".join(thread.log_lines))
    thread.builder.request_build(["x"])
    assert not thread.finish().failed


def test_a_save_right_after_the_first_build_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that list the drafts may be half written at that moment."""
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
        wait_until(
            lambda: any(line.startswith("drafts and posts not due: /posts/d") for line in thread.log_lines)
        )
        thread.builder.stop(30)


def test_a_tool_error_is_shown_unchanged(thread: BuilderThread) -> None:
    state = thread.finish(PipelineError("preview: the disk is full\nmake room"))
    assert (state.error, state.summary) == ("preview: the disk is full\nmake room", "The build failed")
    assert state.failed
    wait_until(lambda: thread.log_lines[-2:] == ["  preview: the disk is full", "  make room"])


def test_an_unchanged_site_is_logged_as_unchanged(thread: BuilderThread) -> None:
    thread.finish("d")
    thread.builder.request_build(["content/a.md"])
    thread.finish("d")
    wait_until(lambda: thread.log_lines[-1].endswith("content/a.md; no page changed"))


def test_a_running_build_is_cancelled_at_stop(thread: BuilderThread) -> None:
    assert thread.fake_build.started.acquire(timeout=30)
    threading.Timer(0.1, thread.fake_build.proceed.release).start()
    assert thread.builder.stop(30)
    assert thread.states == []


def test_source_errors_reach_the_state(thread: BuilderThread) -> None:
    faults = [Fault("content/b.md", 2, "b", "fix b"), Fault("content/a.md", 1, "a", "fix a")]
    state = thread.finish(SourceError(faults))
    assert [fault.path for fault in state.faults] == ["content/a.md", "content/b.md"]
    assert state.summary == "2 errors"
    wait_until(lambda: "  content/a.md:1: a; fix a" in thread.log_lines)


def test_a_failed_build_keeps_the_cache() -> None:
    """The build stopped early: the entries that it did not reach are needed after the fix."""
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
    assert build("b", whole=True) == ["b"]  # a complete build did not use it
