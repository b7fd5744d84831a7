"""Format results as tables: on a terminal in colours, piped as plain, unwrapped lines.

Functions of results. No reads, no writes, no network.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pipelines.core.results import PublishResult, RunResult
from pipelines.tools.terminal import format_size

if TYPE_CHECKING:
    from pipelines.archive.record import Record

_UNLIMITED = 100_000  # columns: a terminal wraps lines itself, and a pipe needs them whole


def table() -> Table:
    """Return a table without borders, two spaces between its columns."""
    return Table.grid(padding=(0, 2))


def render(grid: Table, *, colours: bool = False) -> str:
    """Return *grid* as text; lines end without spaces."""
    file = io.StringIO()
    Console(
        file=file, width=_UNLIMITED, force_terminal=colours, highlight=False, markup=False, emoji=False
    ).print(grid)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def publish_table(result: PublishResult) -> str:
    """Return a row for each target: what it was sent, what it had, the bytes and the time."""
    if result.superseded:
        return (
            f"{result.version}  commit {result.commit[:12]}: superseded by {result.superseded}, which"
            " contains this commit and is published; nothing was sent\n"
        )
    grid = table()
    grid.add_column()
    for _ in ("sent", "there", "size", "seconds"):
        grid.add_column(justify="right")
    grid.add_column()
    for one in result.targets:
        grid.add_row(
            one.name,
            f"{len(one.sent)} sent",
            f"{one.kept} there",
            format_size(one.bytes),
            f"{one.seconds:.2f} s",
            one.place,
        )
    total = format_size(sum(one.bytes for one in result.targets))
    grid.add_row("in all", "", "", total, f"{result.seconds:.2f} s")
    return f"{result.version}  commit {result.commit[:12]}  chart {result.digest[:19]}\n" + render(grid)


def run_table(result: RunResult) -> str:
    """Return a row for each step: what it made, its bytes and its time."""
    grid = table()
    for justify in ("left", "left", "right", "right"):
        grid.add_column(justify=justify)
    for one in result.steps:
        size = format_size(one.bytes) if one.bytes else ""
        grid.add_row(one.name, one.what, size, f"{one.seconds:.2f} s")
    grid.add_row("in all", "", "", f"{result.seconds:.2f} s")
    return f"{result.version}  commit {result.commit[:12]}\n" + render(grid)


def archive_table(records: Sequence[Record]) -> str:
    """Return a row for each archived release, in the order of *records*."""
    if not records:
        return "no release is archived\n"
    grid = table()
    for one in records:
        time = datetime.fromtimestamp(one.time, UTC)
        grid.add_row(
            one.version,
            f"{time:%Y-%m-%d %H:%M} UTC",
            f"commit {one.commit[:12]}",
            f"site {one.release.site[:12]}",
        )
    return render(grid)
