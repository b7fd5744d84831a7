"""Show a progress bar on a terminal, and format sizes for people.

Writes to stderr, and only where that is a terminal. No reads, no network.
"""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType

BAR_DELAY = 2.0  # seconds that a build may take before it shows a bar


class ProgressBar:
    """A progress bar for long builds. Without a thread: the build forks."""

    def __init__(self) -> None:
        self._name, self._total, self._done = "", 0, 0  # of the phase
        self._start = self._drawn = monotonic()
        self._shows = sys.stderr.isatty()
        self._bar: _Bar | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def phase(self, name: str, total: int) -> None:
        """Begin the phase *name* of *total* pieces."""
        self._name, self._total, self._done = name, total, 0
        self._draw()

    def advance(self, pieces: int) -> None:
        """Count *pieces* as done."""
        self._done += pieces
        self._draw()

    def _draw(self) -> None:
        now = monotonic()
        if not self._shows or now - self._start < BAR_DELAY or now - self._drawn < 0.1:
            return
        self._drawn = now
        if self._bar is None:
            self._bar = _Bar()
        self._bar.draw(self._name, self._total, self._done)


class _Bar:
    """The bar itself; it imports what draws it, which a short build does not need."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        self._shows = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        if self._shows:
            self._bar.start()

    def draw(self, name: str, total: int, done: int) -> None:
        """Show *done* of *total* pieces of the phase *name*, on a terminal."""
        if self._shows:
            self._bar.reset(self._task, description=name, total=total or None, completed=done)
            self._bar.refresh()

    def stop(self) -> None:
        """Remove the bar from the terminal."""
        if self._shows:
            self._bar.stop()


def format_size(count: int) -> str:
    """Return *count* bytes in the largest unit that leaves a number."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 100 or units[0] == "B" else f"{value:.1f} {units[0]}"
