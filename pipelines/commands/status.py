"""`status`: its words on the command line, its table, its lines while it waits.

Reads what ``pipelines.status`` reads. Writes to stdout and stderr. The clock and
the environment come from the command line.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from typing import TYPE_CHECKING

from pipelines.commands.context import Context, seconds
from pipelines.core import config, results
from pipelines.core.results import EnvironmentResult, StatusResult
from pipelines.tools import environment

if TYPE_CHECKING:
    from rich.text import Text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `status` to *commands*."""
    status = commands.add_parser("status", help="say what is live, what is published, and what Git has")
    status.add_argument("--environment", action="append", default=[], metavar="NAME",
                        help="look at this one (default: all of site.toml; may be given again)")  # fmt: skip
    status.add_argument("--wait", type=commit, metavar="COMMIT",
                        help="until it, or one on top of it, is live; else exit status 1")  # fmt: skip
    status.add_argument("--timeout", type=seconds, default=300, metavar="SECONDS",
                        help="with --wait: how long (default: 300)")  # fmt: skip
    status.add_argument("--optional", action="store_true",
                        help="with --wait: pass over an environment that site.toml does not name, and "
                             "production where promotion is manual")  # fmt: skip
    status.add_argument("--deadline", type=seconds, default=10, metavar="SECONDS",
                        help="how long each service may take to answer (default: 10)")  # fmt: skip
    status.add_argument("--json", action="store_true", help="print the result as JSON")
    status.set_defaults(work=run)


def commit(text: str) -> str:
    """Return *text* as a commit, or the beginning of one."""
    if not re.fullmatch(r"[0-9a-fA-F]{7,40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a commit: write 7 to 40 hex digits")
    return text.lower()


def run(options: argparse.Namespace, context: Context) -> int:
    """Look, or wait, and print; return the exit status."""
    from pipelines.status.snapshot import SnapshotInputs, select_environments, take_snapshot
    from pipelines.status.wait import wait_until_live
    from pipelines.tools import git

    project = options.project.resolve()
    site = config.load_config(project)
    names = options.environment
    if options.optional:
        names = [name for name in names or ["production"] if due(site, name)]
        if not names:
            print("nothing to wait for: no such environment takes this commit by itself", file=sys.stderr)
            return 0
    site = select_environments(site, names)
    scene = SnapshotInputs(
        project=project,
        site=site,
        credentials=environment.credentials_from(context.environ, site.registry, site.chart.repository),
        kubeconfig=_kubeconfig(context),
        default=context.environ.get("CI_DEFAULT_BRANCH", ""),
        clock=context.wall,
        commit=git.resolve_commit(project, options.wait) if options.wait else "",
    )
    if not options.wait:
        _print(take_snapshot(scene, options.deadline), json=options.json)
        return 0
    with Line() as line:
        seen = wait_until_live(
            project,
            options.wait,
            lambda probe_timeout: take_snapshot(scene, probe_timeout),
            timeout=options.timeout,
            probe_timeout=options.deadline,
            clock=context.clock,
            pause=context.pause,
            tell=line.log,
        )
    ended = seen.wait
    assert ended is not None
    if options.json:
        _print(seen, json=True)
    if ended.fault:
        print(f"error: {ended.fault}", file=sys.stderr)
        return 1
    if not options.json:
        _print(seen, json=False)
    return 0


def due(site: config.SiteConfig, name: str) -> bool:
    """Return whether the environment *name* takes a commit without anybody's doing."""
    known = name in {one.name for one in site.environments}
    return known and (name != "production" or site.chart.promotion == "automatic")


def _kubeconfig(context: Context) -> str:
    """Return where kubectl finds its clusters: KUBECONFIG, else its own place; "" without either."""
    own = context.home / ".kube" / "config"
    return context.environ.get("KUBECONFIG") or (str(own) if own.is_file() else "")


def _print(seen: StatusResult, *, json: bool) -> None:
    if json:
        sys.stdout.write(results.to_json(seen))
        return
    from rich.console import Console

    # As wide as it is: a terminal folds lines by itself, and a pipe wants them whole.
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for row in table(seen):
        console.print(row)


def table(seen: StatusResult) -> list[Text]:
    """Return a heading and a line for each environment; colours are the console's to show or not."""
    from rich.text import Text

    from pipelines.status.phrasing import SHORT, version_of

    branch = seen.branch
    main = f"{branch.version} {branch.commit[:SHORT]}".strip() if branch.commit else "-"
    rows = [("", "live", "newest chart", branch.name or "Git", branch.fault)]
    rows += [(one.name, _live(one), version_of(one.published), main, one.says) for one in seen.environments]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    found = []
    for number, row in enumerate(rows):
        cells = [Text(f"{cell:<{width}}") for cell, width in zip(row, widths, strict=False)]
        if number:
            cells[1].stylize(_colour(seen.environments[number - 1]))
        cells.append(Text(row[4]))
        line = Text("  ").join(cells)
        line.rstrip()
        if not number:
            line.stylize("dim")
        found.append(line)
    return found


def _live(one: EnvironmentResult) -> str:
    from pipelines.status.phrasing import SHORT

    if one.live:
        return f"{one.version} {one.commit[:SHORT]}"
    return "down" if all(answer.fault for answer in one.answers) else "several"


def _colour(one: EnvironmentResult) -> str:
    if not one.live:
        return "red"
    return "green" if one.version == one.published.version and not one.rollout.says else "yellow"


class Line:
    """How it stands: one line that changes on a terminal, else a line for each change; on stderr."""

    def __init__(self) -> None:
        self._shows, self._last = sys.stderr.isatty(), ""

    def __enter__(self) -> Line:
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
