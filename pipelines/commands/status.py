"""`status`: print what is live, what is published, and what Git has.

Reads what ``pipelines.status`` reads. Writes to stdout, and to stderr while it waits.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from pipelines.commands.arguments import Subparsers, add_deadline, add_json, commit, seconds
from pipelines.commands.context import Context
from pipelines.commands.gitlab import default_branch
from pipelines.commands.kubeconfig import kubeconfig
from pipelines.commands.output import print_result
from pipelines.core.results import EnvironmentResult, StatusResult

if TYPE_CHECKING:
    from pipelines.core.config import SiteConfig
    from pipelines.status.snapshot import SnapshotInputs


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("status", help="print what is live, what is published, and what Git has")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME",
                        help="only this one (default: all of site.toml; may be repeated)")  # fmt: skip
    parser.add_argument("--wait", type=commit, metavar="COMMIT",
                        help="wait until it, or a descendant, is live; else exit status 1")  # fmt: skip
    parser.add_argument("--timeout", type=seconds, default=300, metavar="SECONDS",
                        help="with --wait: time limit (default: 300)")  # fmt: skip
    parser.add_argument("--optional", action="store_true",
                        help="with --wait: skip an environment that site.toml does not name, and "
                             "production where promotion is manual")  # fmt: skip
    add_deadline(parser, 10, "time limit of each service")
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Print the status, or wait for a commit; return 1 when it does not become live in time."""
    from pipelines.status.snapshot import take_snapshot

    options = context.options
    names = options.environment
    if options.optional:
        names = [name for name in names or ["production"] if is_awaited(context.site, name)]
        if not names:
            context.log("nothing to wait for: no such environment takes this commit by itself")
            return 0
    inputs = _snapshot_inputs(context, names)
    if options.wait:
        return _wait(context, inputs)
    result = take_snapshot(inputs, options.deadline)
    print_result(result, "" if options.json else status_table(result), as_json=options.json)
    return 0


def _snapshot_inputs(context: Context, names: list[str]) -> SnapshotInputs:
    from pipelines.status.snapshot import SnapshotInputs, select_environments
    from pipelines.tools import git

    options = context.options
    return SnapshotInputs(
        project=context.project,
        site=select_environments(context.site, names),
        credentials=context.credentials,
        kubeconfig=kubeconfig(context),
        default=default_branch(context.environ),
        clock=context.now,
        commit=git.resolve_commit(context.project, options.wait) if options.wait else "",
    )


def _wait(context: Context, inputs: SnapshotInputs) -> int:
    from pipelines.status.snapshot import take_snapshot
    from pipelines.status.wait import wait_until_live

    options = context.options
    with WaitLine() as line:
        result = wait_until_live(
            context.project,
            options.wait,
            lambda probe_timeout: take_snapshot(inputs, probe_timeout),
            timeout=options.timeout,
            probe_timeout=options.deadline,
            clock=context.clock,
            pause=context.sleep,
            show_progress=line.log,
        )
    ended = result.wait
    assert ended is not None
    if options.json or not ended.fault:
        print_result(result, "" if options.json else status_table(result), as_json=options.json)
    if ended.fault:
        print(f"error: {ended.fault}", file=sys.stderr)
        return 1
    return 0


def is_awaited(site: SiteConfig, name: str) -> bool:
    """Return whether the environment *name* takes every commit without manual promotion."""
    known = name in {one.name for one in site.environments}
    return known and (name != "production" or site.chart.promotion == "automatic")


def status_table(result: StatusResult) -> str:
    """Return a header and a row for each environment; in colours where stdout is a terminal."""
    from rich.console import Console
    from rich.text import Text

    from pipelines.commands.tables import render, table
    from pipelines.status.describe import SHORT, format_chart

    branch = result.branch
    head = f"{branch.version} {branch.commit[:SHORT]}".strip() if branch.commit else "-"
    grid = table()
    grid.add_row("", "live", "newest chart", branch.name or "Git", branch.fault, style="dim")
    for one in result.environments:
        live = Text(_live(one), style=_colour(one))
        grid.add_row(one.name, live, format_chart(one.published), head, one.says)
    return render(grid, colours=Console(file=sys.stdout).is_terminal)


def _live(one: EnvironmentResult) -> str:
    from pipelines.status.describe import SHORT

    if one.live:
        return f"{one.version} {one.commit[:SHORT]}"
    return "down" if all(answer.fault for answer in one.answers) else "several"


def _colour(one: EnvironmentResult) -> str:
    if not one.live:
        return "red"
    return "green" if one.version == one.published.version and not one.rollout.says else "yellow"


class WaitLine:
    """The progress of --wait on stderr: one line that changes on a terminal, else a line for each change."""

    def __init__(self) -> None:
        self._shows, self._last = sys.stderr.isatty(), ""

    def __enter__(self) -> WaitLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows and self._last:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def log(self, text: str, spent: float) -> None:
        """Show *text*, after *spent* seconds."""
        line = f"{spent:4.0f} s  {text}"
        if self._shows:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)
        elif text != self._last:
            print(line, file=sys.stderr, flush=True)
        self._last = text
