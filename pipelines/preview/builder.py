"""Build again and again, in a thread of its own, and keep what did not change.

Reads the project. Writes out/preview. No network. Nothing that a build raises
ends the thread: a fault is a state like any other.
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
from pipelines.preview.build_state import BuildState, LastBuild
from pipelines.preview.urls import read_aliases
from pipelines.site.build import BuildOptions, build
from pipelines.site.cache import Cache
from pipelines.site.content import documents
from pipelines.site.pelican import render
from pipelines.tools.terminal import ProgressBar

TREE = Path("out", "preview")
Clock = Callable[[], float]  # seconds since 1970


class _Ended(BaseException):
    """The preview ends: leave the build that is running."""


class _Progress(ProgressBar):
    """The bar of long builds, and the place where a build is told to stop."""

    def __init__(self, ended: Event) -> None:
        super().__init__()
        self._ended = ended

    def phase(self, name: str, total: int) -> None:
        """Begin a phase, unless the preview ends."""
        self._look()
        super().phase(name, total)

    def advance(self, pieces: int) -> None:
        """Count *pieces*, unless the preview ends."""
        self._look()
        super().advance(pieces)

    def _look(self) -> None:
        if self._ended.is_set():
            raise _Ended


class Builder(Thread):
    """Builds the preview of *project* when asked to, one build at a time.

    The first build needs no asking. What is asked for during a build leads to
    one more build after it. *done* is called with each state, in this thread.
    """

    def __init__(self, project: Path, clock: Clock, log: Log, done: Callable[[BuildState], None]) -> None:
        super().__init__(name="build", daemon=True)  # daemon: the end waits for no build
        self._project, self._clock, self._log, self._done = project, clock, log, done
        self._cache = Cache()
        self._asked: set[str] | None = set()  # paths that changed; None: nothing to do
        self._bell = Condition()
        self._ended = Event()
        self._last = BuildState(0, None)
        self._drafts = ""  # where they are, for the terminal

    def ask(self, paths: Iterable[str]) -> None:
        """Ask for a build because *paths* changed."""
        with self._bell:
            self._asked = (self._asked or set()) | set(paths)
            self._bell.notify()

    def end(self, patience: float) -> bool:
        """Stop; return whether the thread came to its end within *patience* seconds."""
        self._ended.set()
        with self._bell:
            self._bell.notify()
        self.join(patience)
        return not self.is_alive()

    def run(self) -> None:
        """Build until the end."""
        while not self._ended.is_set():
            with self._bell:
                while self._asked is None and not self._ended.is_set():
                    self._bell.wait()
                changed, self._asked = self._asked or set(), None
            try:
                self._build(sorted(changed))
            except _Ended:
                return

    def _build(self, changed: list[str]) -> None:
        start = perf_counter()
        good, faults, note, trace = self._last.good, tuple[Fault, ...](), "", ""
        try:
            good = self._good()
        except SourceError as error:
            faults = error.faults
        except PipelineError as error:
            note = str(error)
        except (Exception, SystemExit) as error:  # ours, not the author's: to be seen in full
            trace = traceback.format_exc()
            note = f"{type(error).__name__}: {error}\nThis is no fault of the site; the terminal tells more."
        before, self._last = self._last, BuildState(self._last.number + 1, good, faults, note)
        seconds = perf_counter() - start
        self._done(self._last)  # the browser first: a terminal may be slow
        self._tell(before, changed, seconds, trace)

    def _good(self) -> LastBuild:
        site = config.load_config(self._project)
        tree = self._project / TREE
        options = BuildOptions(as_of=int(self._clock()), drafts=True, preview=True)
        with _Progress(self._ended) as progress:
            result = build(self._project, tree, site, options, self._cache, progress)
        self._cache.drop_unused()
        good = LastBuild(result, site, read_aliases(tree / ALIASES))
        # Here rather than when it is told: it reads what an author may be saving.
        self._drafts = self._drafts or self._find_drafts(good)
        return good

    def _tell(self, before: BuildState, changed: list[str], seconds: float, trace: str) -> None:
        now, state = time.strftime("%H:%M:%S", time.localtime(self._clock())), self._last
        if state.broken:
            kept = "; the last good page stays" if state.good else ""
            again = (state.faults, state.note) == (before.faults, before.note)
            self._log(f"{now}  {state.heading.lower()}{', as before' if again else kept}")
            lines = [*map(str, state.faults), *(trace or state.note).splitlines()]
            for line in [] if again else lines:
                self._log(f"  {line}")
        elif state.good:
            result, old = state.good.result, before.good.result if before.good else None
            same = "; the pages are as they were" if old and old.digest == result.digest else ""
            self._log(f"{now}  {result.pages} pages in {seconds:.2f} s{_names(changed)}{same}")
            self._warn(result, old)
            if old is None:
                self._log(self._drafts)

    def _warn(self, result: SiteResult, old: SiteResult | None) -> None:
        for warning in result.warnings:
            if old is None or warning not in old.warnings:
                self._log(f"  warning: {warning}")

    def _find_drafts(self, good: LastBuild) -> str:
        """Return where the pages are that a plain build would leave out."""
        patterns = render.url_patterns(render.pelican_settings(self._project))
        content = documents.read_documents(
            self._project, good.config, patterns, None, as_of=good.result.as_of, drafts=True
        )
        marks = ("draft", "scheduled")
        found = [f"{one.url} ({one.mark})" for one in content.documents if one.mark in marks]
        return f"drafts and posts not due: {_list(found) or 'none'}"


def _names(changed: list[str]) -> str:
    return f"  {_list(changed)}" if changed else ""


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return ", ".join(names[: 3 if more else 4]) + more
