"""`archive`: save, list, fetch, restore and prune archived releases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pipelines.commands.arguments import Subparsers, add_deadline, add_json, deadlines
from pipelines.commands.context import Context
from pipelines.commands.output import print_json, write_stdout
from pipelines.core.errors import UsageError

if TYPE_CHECKING:
    from pipelines.core.context import FlowContext

_ACTIONS = ("save", "list", "fetch", "restore", "prune")


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("archive", help="save, list, fetch, restore or prune archived releases")
    parser.add_argument("action", nargs="?", choices=_ACTIONS, default="save", metavar="ACTION",
                        help=f"one of {', '.join(_ACTIONS)} (default: save)")  # fmt: skip
    parser.add_argument("version", nargs="?", help="for fetch and restore: the release")
    parser.add_argument("--push", action="store_true", help="restore: push its images too")
    parser.add_argument("--delete", action="store_true", help="prune: remove what it lists")
    add_json(parser)
    add_deadline(parser, 900, "time limit of the whole command")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Run one action on the archive and print its result."""
    options = context.options
    if bool(options.version) != (options.action in ("fetch", "restore")):
        raise UsageError("archive fetch and archive restore need a version, and the others take none")
    with context.progress() as progress:
        result, text = _run_action(context, context.for_flow(deadlines(options), progress))
    if options.json:
        print_json(result)
    else:
        write_stdout(text)
    return 0


def _run_action(context: Context, flow: FlowContext) -> tuple[Any, str]:
    """Return the result of the action for machines, and as text."""
    from pipelines.commands.summaries import release_summary
    from pipelines.commands.tables import archive_table
    from pipelines.flow import archive

    options = context.options
    if options.action == "save":
        keys = sorted(archive.archive_release(flow))
        return {"sent": keys}, _lines(keys)
    if options.action == "list":
        records = archive.list_releases(flow)
        return [msgspec.to_builtins(one) for one in records], archive_table(records)
    if options.action == "fetch":
        release = archive.fetch_release(flow, options.version)
        return msgspec.to_builtins(release), release_summary(release)
    if options.action == "restore":
        directory = context.project / "out" / "releases" / options.version
        record = archive.restore_release(flow, options.version, directory, push=options.push)
        shown = directory.relative_to(context.project).as_posix()
        return msgspec.to_builtins(record) | {"folder": shown}, f"{shown}\n"
    now = datetime.fromtimestamp(context.now(), UTC)
    keys = archive.prune_assets(flow, now, delete=options.delete)
    return {"deleted" if options.delete else "unused": keys}, _lines(keys)


def _lines(values: Iterable[str]) -> str:
    return "".join(f"{value}\n" for value in values)
