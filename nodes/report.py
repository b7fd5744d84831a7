"""Print what a task did: the diffs, and a table that is read in five seconds; or JSON.

Functions of results. No reads, no writes, no network.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nodes.runs import FAILED, HostResult, TaskResult
from nodes.tasks.health import Value
from nodes.tasks.status import COLUMNS, NodeStatus

_COLOURS = {"failed": "bold red", "changed": "yellow", "would change": "yellow", "unchanged": "green"}
_UNLIMITED = 100_000  # columns: a terminal wraps lines itself, and a pipe needs them whole


def to_json(result: TaskResult) -> str:
    """Return *result* as indented JSON with sorted keys, ending in a newline."""
    return json.dumps(asdict(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def to_text(result: TaskResult, *, colours: bool = False) -> str:
    """Return the changes of each machine with their diffs, a row for each machine, and a line for all."""
    details = "".join(line for one in result.hosts for line in _details(one))
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column()
    for one in result.hosts:
        style = _COLOURS.get(one.state, "dim") if colours else ""
        count = f"{len(one.changes)} change{'' if len(one.changes) == 1 else 's'}"
        grid.add_row(Text(one.host), Text(one.state, style), Text(count), Text(one.fault))
    return (details and details + "\n") + _render(grid, colours=colours) + f"{summary(result)}\n"


def summary(result: TaskResult) -> str:
    """Return the number of machines of each state: "wireguard.apply (dry run): 2 would change"."""
    counts = Counter(one.state for one in result.hosts)
    states = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no machine"
    text = f"{result.task}{' (dry run)' if result.dry_run else ''}: {states}"
    failed = [one.host for one in result.hosts if one.state == FAILED]
    done = [one.host for one in result.hosts if one.state in ("changed", "unchanged")]
    if failed and not result.dry_run:
        text += f"; done: {', '.join(done) or 'none'}; fix {failed[0]} and run it again"
    return text


def status_text(rows: Sequence[NodeStatus], *, colours: bool = False) -> str:
    """Return a row for each machine: whether all is well, the columns that a machine has, what is wrong."""
    values = [dict(one.values) for one in rows]
    columns = [one for one in COLUMNS if any(row.get(one.key) is not None for row in values)]
    grid = Table.grid(padding=(0, 2))
    for justify in ("left", "left", *("right" for _ in columns), "left"):
        grid.add_column(justify=justify)  # type: ignore[arg-type]  # not a Literal after unpacking
    grid.add_row("machine", "", *(one.title for one in columns), "")
    for one, row in zip(rows, values, strict=True):
        state = "away" if not one.is_reachable else "check" if one.faults else "ok"
        style = {"away": "bold red", "check": "yellow", "ok": "green"}[state] if colours else ""
        cells = (_cell(row.get(column.key), column.unit) for column in columns)
        grid.add_row(one.host, Text(state, style), *cells, Text("; ".join(one.faults)))
    return _render(grid, colours=colours)


def status_json(rows: Sequence[NodeStatus]) -> str:
    """Return the same as JSON; null for a value that a machine does not have."""
    plain = [
        {
            "host": one.host,
            "is_reachable": one.is_reachable,
            "faults": one.faults,
            **dict.fromkeys((column.key for column in COLUMNS), None),
            **dict(one.values),
        }
        for one in rows
    ]
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _cell(value: Value, unit: str) -> str:
    return "" if value is None else f"{value}{unit}"


def _details(one: HostResult) -> Iterator[str]:
    for change in one.changes:
        yield f"{one.host}: {change.what}\n"
        yield "".join(f"    {line}\n" for line in change.diff.splitlines())
    for note in one.notes:
        yield f"{one.host}: {note}\n"


def _render(grid: Table, *, colours: bool) -> str:
    file = io.StringIO()
    Console(file=file, width=_UNLIMITED, force_terminal=colours, highlight=False, emoji=False).print(grid)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())
