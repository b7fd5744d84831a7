"""`publish` and `archive`: their words on the command line, and what a person sees of them.

Writes to stdout and stderr. The clock and the environment come from the command
line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.commands.context import Context, seconds
from pipelines.core import config, results
from pipelines.core.context import Deadlines
from pipelines.core.errors import UsageError

if TYPE_CHECKING:
    from pipelines.core.progress import Progress

_ACTIONS = ("save", "list", "fetch", "restore", "prune")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two commands to *commands*."""
    out = commands.add_parser("publish", help="send images, assets, archive and chart to their places")
    out.add_argument("--index-wait", type=seconds, default=60, metavar="SECONDS",
                     help="how long the repository may take to name the chart (default: 60)")  # fmt: skip
    out.add_argument("--json", action="store_true", help="print the result as JSON")
    add_unchecked(out)
    out.set_defaults(work=publish)

    kept = commands.add_parser("archive", help="keep a release, tell of those that are kept, bring one back")
    kept.add_argument("action", nargs="?", choices=_ACTIONS, default="save", metavar="ACTION",
                      help=f"one of {', '.join(_ACTIONS)} (default: save)")  # fmt: skip
    kept.add_argument("version", nargs="?", help="for fetch and restore: the release")
    kept.add_argument("--push", action="store_true", help="restore: push its images again too")
    kept.add_argument("--delete", action="store_true", help="prune: remove what it lists")
    kept.add_argument("--json", action="store_true", help="print the result as JSON")
    kept.set_defaults(work=archive)
    for one in (out, kept):
        one.add_argument("--deadline", type=seconds, default=900, metavar="SECONDS",
                         help="how long all of it may take (default: 900)")  # fmt: skip


def add_unchecked(one: argparse.ArgumentParser) -> None:
    """Add to *one* that code may go out which has not passed the checks."""
    one.add_argument("--unchecked", action="store_true",
                     help="publish code that has not passed lint, types, test and test-slow")  # fmt: skip


def publish(options: argparse.Namespace, context: Context) -> int:
    """Publish and tell."""
    from pipelines.commands.summaries import publish_summary
    from pipelines.flow.release import release_packed
    from pipelines.tools.terminal import ProgressBar

    project = options.project.resolve()
    site = config.load_config(project)
    times = Deadlines(options.deadline, options.index_wait)
    with ProgressBar() as bar:
        done = release_packed(context.for_flow(project, site, times, bar), unchecked=options.unchecked)
    sys.stdout.write(results.to_json(done) if options.json else publish_summary(done))
    warn(done)
    return 0


def warn(done: results.PublishResult) -> None:
    """Tell what did not work and does not matter to readers."""
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def archive(options: argparse.Namespace, context: Context) -> int:
    """Do what is asked of the archive, and tell."""
    from pipelines.tools.terminal import ProgressBar

    if bool(options.version) != (options.action in ("fetch", "restore")):
        raise UsageError("archive fetch and archive restore want a version, and the others take none")
    with ProgressBar() as bar:
        found, text = _archive(options, context, bar)
    as_json = json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    sys.stdout.write(as_json if options.json else text)
    return 0


def _archive(options: argparse.Namespace, context: Context, bar: Progress) -> tuple[Any, str]:
    """Do it, and return what came of it: for machines, and for people."""
    from pipelines.commands.summaries import archive_list, release_summary
    from pipelines.flow import archive as work

    project = options.project.resolve()
    site = config.load_config(project)
    flow = context.for_flow(project, site, Deadlines(options.deadline), bar)
    if options.action == "save":
        keys = sorted(work.archive_release(flow))
        return {"sent": keys}, _lines(keys)
    if options.action == "list":
        kept = work.releases(flow)
        return [asdict(one) for one in kept], archive_list(kept)
    if options.action == "fetch":
        release = work.fetch_release(flow, options.version)
        return asdict(release), release_summary(release)
    if options.action == "restore":
        folder = project / "out" / "releases" / options.version
        record = work.restore_release(flow, options.version, folder, push=options.push)
        place = folder.relative_to(project).as_posix()
        return asdict(record) | {"folder": place}, f"{place}\n"
    now = datetime.fromtimestamp(context.wall(), UTC)
    keys = work.prune_assets(flow, now, delete=options.delete)
    return {"deleted" if options.delete else "unused": keys}, _lines(keys)


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)
