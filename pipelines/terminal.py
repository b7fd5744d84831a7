"""What a person sees of a build: a bar while it lasts, a summary when it is done.

Writes to stderr, and only where that is a terminal. No reads, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipelines.results import ChartResult, ImageResult, PublishResult, Release, SiteResult

if TYPE_CHECKING:  # it brings an HTTP client along, which a build does not need
    from pipelines.archive.record import Record
    from pipelines.site.external import Report

PATIENCE = 2.0  # seconds that a build may take before it shows a bar


class Bar:
    """A progress bar for long builds. Without a thread: the build forks."""

    def __init__(self) -> None:
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
        self._start = self._drawn = monotonic()
        self._task = self._bar.add_task("", total=None)
        self._live = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def phase(self, name: str, total: int) -> None:
        """Begin the phase *name* of *total* pieces."""
        self._bar.reset(self._task, description=name, total=total or None)
        self._draw()

    def advance(self, pieces: int) -> None:
        """Count *pieces* as done."""
        self._bar.advance(self._task, pieces)
        self._draw()

    def _draw(self) -> None:
        now = monotonic()
        if not self._shows or now - self._start < PATIENCE or now - self._drawn < 0.1:
            return
        if not self._live:
            self._bar.start()
            self._live = True
        self._drawn = now
        self._bar.refresh()


def size(count: int) -> str:
    """Return *count* bytes in the largest unit that leaves a number."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 100 or units[0] == "B" else f"{value:.1f} {units[0]}"


def summary(result: SiteResult) -> str:
    """Return what a person wants to know of a build, in a few lines."""
    slowest = sorted(result.phases.items(), key=lambda item: -item[1])[:3]
    times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest)
    moment = datetime.fromtimestamp(result.as_of, UTC).strftime("%Y-%m-%d %H:%M UTC")
    gated = f", {result.gated} of them for members" if result.gated else ""
    lines = [
        f"{result.pages} pages{gated}; {result.files} files, {size(result.bytes)}",
        f"digest  {result.digest[:16]}  as of {moment}" + ("  WITH DRAFTS" if result.drafts else ""),
        f"time    {sum(result.phases.values()):.2f} s ({times})",
    ]
    lines += [f"not in  {text}" for text in result.left_out]
    return "\n".join(lines) + "\n"


def image_summary(result: ImageResult) -> str:
    """Return what a person wants to know of an image: its digest, and what each layer weighs."""
    width = max(len(one.name) for one in result.layers)
    lines = [f"out/images/{result.name}  {result.arch}  {size(result.size)}", f"digest  {result.digest}"]
    lines += [f"layer   {one.name:<{width}}  {size(one.size):>8}  {one.digest[:19]}" for one in result.layers]
    return "\n".join(lines) + "\n"


def chart_summary(result: ChartResult) -> str:
    """Return what a person wants to know of a chart: where it is, and what it rolls out."""
    lines = [
        f"out/charts/{result.name}-{result.version}.tgz  {size(result.size)}",
        f"digest  {result.digest}",
    ]
    lines += [f"{name:<6}  {digest}" for name, digest in (("web", result.web), ("api", result.api)) if digest]
    return "\n".join([*lines, f"site    {result.site[:16]}  commit {result.commit[:12]}"]) + "\n"


def publish_summary(result: PublishResult) -> str:
    """Return a table of what each target was sent, what it had, the bytes and the time."""
    if result.superseded:
        return (
            f"{result.version}  commit {result.commit[:12]}: superseded by {result.superseded}, which"
            " contains this commit and is published; nothing was sent\n"
        )
    width = max(len(one.name) for one in result.targets)
    lines = [f"{result.version}  commit {result.commit[:12]}  chart {result.digest[:19]}"]
    lines += [
        f"{one.name:<{width}}  {len(one.sent):>5} sent  {one.kept:>5} there  {size(one.bytes):>8}"
        f"  {one.seconds:>6.2f} s  {one.place}"
        for one in result.targets
    ]
    total = sum(one.bytes for one in result.targets)
    lines.append(f"{'in all':<{width}}  {'':>24}  {size(total):>8}  {result.seconds:>6.2f} s")
    return "\n".join(lines) + "\n"


def archive_list(found: Sequence[Record]) -> str:
    """Return one line a release, the newest first."""
    if not found:
        return "no release is archived\n"
    width = max(len(one.version) for one in found)
    rows = [
        f"{one.version:<{width}}  {datetime.fromtimestamp(one.time, UTC):%Y-%m-%d %H:%M} UTC"
        f"  commit {one.commit[:12]}  site {one.release.site[:12]}"
        for one in found
    ]
    return "\n".join(rows) + "\n"


def release_summary(release: Release) -> str:
    """Return what a release rolls out, a line each."""
    rows = {"version": release.version, "commit": release.commit, "site": release.site}
    rows |= {"web": release.web, "api": release.api or "none", "asset": release.asset}
    return "".join(f"{name:<8} {value}\n" for name, value in rows.items())


def external_report(report: Report) -> str:
    """Return the links that failed as a table: the address, why, and where it stands."""
    count = f"{report.tried} link{'s' if report.tried != 1 else ''} to other hosts"
    if not report.failed:
        return f"{count}: all answer\n"
    width = max(len(one.reason) for one in report.failed)
    lines = [f"{count}: {len(report.failed)} without a page"]
    for one in report.failed:
        pages = ", ".join(one.pages[:3]) + (f" and {len(one.pages) - 3} more" if one.pages[3:] else "")
        lines.append(f"  {one.reason:<{width}}  {one.url}")
        lines.append(f"  {'':<{width}}  on {pages}")
    return "\n".join(lines) + "\n"
