"""Rebuild on request, in a thread of its own, with a cache of what did not change.

Reads the project. Writes out/preview. No network. An exception in a build never
ends the thread: it becomes the state of that build.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Condition, Event, Thread
from time import perf_counter

from pipelines.core import config
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import Log
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import ALIASES
from pipelines.preview.build_state import BuildState, GoodBuild
from pipelines.preview.urls import read_aliases
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_report import BuildReport
from pipelines.site.cache import Cache
from pipelines.site.content import documents
from pipelines.site.output.tree import tree_path
from pipelines.site.pelican import render
from pipelines.site.pelican.settings import url_patterns
from pipelines.tools.terminal import ProgressBar

TREE = Path("out", "preview")
Clock = Callable[[], float]  # seconds since 1970


class _BuildCancelled(BaseException):
    """Cancels the running build, since the preview stops."""


class _Progress(ProgressBar):
    """The progress bar of long builds, which also cancels a build when the preview stops."""

    def __init__(self, stopped: Event) -> None:
        super().__init__()
        self._stopped = stopped

    def phase(self, name: str, total: int) -> None:
        """Begin a phase; raise _BuildCancelled when the preview stops."""
        self._raise_if_stopped()
        super().phase(name, total)

    def advance(self, pieces: int) -> None:
        """Count *pieces*; raise _BuildCancelled when the preview stops."""
        self._raise_if_stopped()
        super().advance(pieces)

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise _BuildCancelled


class Builder(Thread):
    """Builds the preview of *project* at once and on request, one build at a time.

    Requests during a build lead to one more build after it. *publish* is called
    with each state, in this thread.
    """

    def __init__(self, project: Path, clock: Clock, log: Log, publish: Callable[[BuildState], None]) -> None:
        super().__init__(name="build", daemon=True)  # daemon: the process exits during a build
        self._project, self._clock, self._log, self._publish = project, clock, log, publish
        self._cache = Cache()
        self._requested: set[str] | None = set()  # paths that changed; None: nothing to do
        self._condition = Condition()
        self._stopped = Event()
        self._state = BuildState(0, None)
        self._drafts = ""  # a line for the log

    def request_build(self, paths: Iterable[str]) -> None:
        """Request a build because *paths* changed."""
        with self._condition:
            self._requested = (self._requested or set()) | set(paths)
            self._condition.notify()

    def stop(self, timeout: float) -> bool:
        """Stop the thread; return whether it ended within *timeout* seconds."""
        self._stopped.set()
        with self._condition:
            self._condition.notify()
        self.join(timeout)
        return not self.is_alive()

    def run(self) -> None:
        """Build on each request until ``stop``."""
        while not self._stopped.is_set():
            with self._condition:
                while self._requested is None and not self._stopped.is_set():
                    self._condition.wait()
                changed, self._requested = self._requested or set(), None
            try:
                self._build(sorted(changed))
            except _BuildCancelled:
                return

    def _build(self, changed: list[str]) -> None:
        start = perf_counter()
        good, faults, failure, trace = self._state.last_good, tuple[Fault, ...](), "", ""
        try:
            good = self._build_site()
        except SourceError as error:
            faults = tuple(one for one in error.faults if one.severity == "error")
        except PipelineError as error:
            failure = str(error)
        except (Exception, SystemExit) as error:  # a bug of ours: keep the traceback
            trace = traceback.format_exc()
            failure = (
                f"{type(error).__name__}: {error}\nA bug of the preview; the terminal shows the traceback."
            )
        before, self._state = self._state, BuildState(self._state.number + 1, good, faults, failure)
        seconds = perf_counter() - start
        self._publish(self._state)  # before the log: a terminal may be slow
        self._log_state(before, changed, seconds, trace)

    def _build_site(self) -> GoodBuild:
        site = config.load_config(self._project)
        tree = self._project / TREE
        options = BuildOptions(as_of=int(self._clock()), drafts=True, preview=True)
        report = BuildReport()
        with _Progress(self._stopped) as progress:
            result = build(self._project, tree, site, options, self._cache, progress, report)
        self._cache.drop_unused()
        sources = {tree_path(name): source for name, source in report.sources.items()}
        good = GoodBuild(result, site, read_aliases(tree / ALIASES), sources)
        # Within the build, not in the log: it reads files that an author may be saving.
        self._drafts = self._drafts or self._list_drafts(good)
        return good

    def _log_state(self, before: BuildState, changed: list[str], seconds: float, trace: str) -> None:
        now, state = time.strftime("%H:%M:%S", time.localtime(self._clock())), self._state
        if state.failed:
            kept = "; the last good pages stay" if state.last_good else ""
            again = (state.faults, state.error) == (before.faults, before.error)
            self._log(f"{now}  {state.summary.lower()}{', as before' if again else kept}")
            lines = [*map(str, state.faults), *(trace or state.error).splitlines()]
            for line in [] if again else lines:
                self._log(f"  {line}")
        elif state.last_good:
            result, old = state.last_good.result, before.last_good.result if before.last_good else None
            same = "; no page changed" if old and old.digest == result.digest else ""
            self._log(f"{now}  {result.pages} pages in {seconds:.2f} s{_names(changed)}{same}")
            self._log_new_warnings(result, old)
            if old is None:
                self._log(self._drafts)

    def _log_new_warnings(self, result: SiteResult, old: SiteResult | None) -> None:
        for finding in result.findings:
            if old is None or finding not in old.findings:
                self._log(f"  warning: {finding} [{finding.check}]")

    def _list_drafts(self, good: GoodBuild) -> str:
        """Return a line with the URLs of the pages that `build` leaves out."""
        patterns = url_patterns(render.pelican_settings(self._project), good.config)
        content = documents.read_documents(
            self._project, good.config, patterns, None, as_of=good.result.as_of, drafts=True
        )
        found = [f"{one.url} ({one.mark})" for one in content.documents if one.mark in ("draft", "scheduled")]
        return f"drafts and posts not due: {_list(found) or 'none'}"


def _names(changed: list[str]) -> str:
    return f"  {_list(changed)}" if changed else ""


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return ", ".join(names[: 3 if more else 4]) + more
