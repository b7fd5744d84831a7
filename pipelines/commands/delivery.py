"""`promote`, `rollback`, `run`: their words on the command line, and what a person sees of them.

Writes to stdout and stderr. The clock and the environment come from the command
line.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.commands.context import Context, seconds
from pipelines.commands.publishing import warn
from pipelines.core import config, results
from pipelines.core.context import Deadlines

if TYPE_CHECKING:
    from pipelines.core.results import RunResult
    from pipelines.flow.versioning import Pipeline
    from pipelines.site.build import BuildOptions


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `promote` and `rollback` to *commands*; `run` wants more of the command line, which adds it."""
    stable = commands.add_parser("promote", help="publish a candidate's digests as the stable version")
    stable.add_argument("version", nargs="?", default="", help="as 1.0.412 (default: the newest candidate)")
    stable.add_argument("--optional", action="store_true",
                        help="do nothing where site.toml says that promotion is manual, or where a newer "
                             "candidate contains this commit")  # fmt: skip
    stable.set_defaults(work=promote)
    back = commands.add_parser("rollback", help="go back to a release, by a commit that is pushed")
    back.add_argument("version", help="as 1.0.409; `archive list` and `status` tell which there are")
    back.add_argument("--now", action="store_true", help="and publish from here, without waiting for CI")
    back.set_defaults(work=rollback)
    for one in (stable, back):
        add_times(one)


def add_times(one: argparse.ArgumentParser) -> None:
    """Add to *one* what all of them take."""
    one.add_argument("--json", action="store_true", help="print the result as JSON")
    one.add_argument("--deadline", type=seconds, default=900, metavar="SECONDS",
                     help="how long all of it may take (default: 900)")  # fmt: skip
    one.add_argument("--index-wait", type=seconds, default=60, metavar="SECONDS",
                     help="how long the repository may take to name the chart (default: 60)")  # fmt: skip


def promote(options: argparse.Namespace, context: Context) -> int:
    """Promote and tell."""
    from pipelines.commands.summaries import publish_summary
    from pipelines.flow.promote import promote_candidate as work
    from pipelines.tools.terminal import ProgressBar

    project = options.project.resolve()
    site = config.load_config(project)
    if options.optional and site.chart.promotion == "manual":
        print("promotion is manual (site.toml): `make promote` when it is time", file=sys.stderr)
        return 0
    with ProgressBar() as bar:
        flow = context.for_flow(project, site, _times(options), bar)
        done = work(flow, options.version, superseded=options.optional)
    sys.stdout.write(results.to_json(done) if options.json else publish_summary(done))
    warn(done)
    return 0


def rollback(options: argparse.Namespace, context: Context) -> int:
    """Go back and tell; with --now publish too."""
    from pipelines.commands.summaries import publish_summary
    from pipelines.flow.rollback import publish_rollback
    from pipelines.flow.rollback import roll_back as work
    from pipelines.tools.terminal import ProgressBar

    project = options.project.resolve()
    site = config.load_config(project)
    default = context.environ.get("CI_DEFAULT_BRANCH", "")
    commit, release = work(context.for_flow(project, site, _times(options)), options.version, default)
    done = []
    if options.now:
        with ProgressBar() as bar:
            done = publish_rollback(context.for_flow(project, site, _times(options), bar))
    if options.json:
        report = {"commit": commit, "release": asdict(release), "published": [asdict(one) for one in done]}
        sys.stdout.write(json.dumps(report, indent=2, sort_keys=True) + "\n")
    else:
        print(f"commit {commit[:12]} goes back to {options.version} (commit {release.commit[:12]})")
        sys.stdout.write("".join(map(publish_summary, done)))
    for one in done:
        warn(one)
    return 0


def run(options: argparse.Namespace, context: Context, pipeline: Pipeline, choice: BuildOptions) -> int:
    """Do everything and tell what it took."""
    from pipelines.flow.run import run_pipeline as work
    from pipelines.tools.terminal import ProgressBar

    project = options.project.resolve()
    site = config.load_config(project)
    with ProgressBar() as bar:
        flow = context.for_flow(project, site, _times(options), bar)
        done = work(flow, pipeline, choice, unchecked=options.unchecked)
    sys.stdout.write(results.to_json(done) if options.json else table(done))
    return 0


def table(done: RunResult) -> str:
    """Return what each step made, its bytes and its time."""
    from pipelines.tools.terminal import format_size

    names = max(len(one.name) for one in done.steps)
    whats = max(len(one.what) for one in done.steps)
    lines = [f"{done.version}  commit {done.commit[:12]}"]
    for one in done.steps:
        weight = format_size(one.bytes) if one.bytes else ""
        lines.append(f"{one.name:<{names}}  {one.what:<{whats}}  {weight:>8}  {one.seconds:>6.2f} s")
    lines.append(f"{'in all':<{names}}  {'':<{whats}}  {'':>8}  {done.seconds:>6.2f} s")
    return "\n".join(lines) + "\n"


def _times(options: argparse.Namespace) -> Deadlines:

    return Deadlines(options.deadline, options.index_wait)
