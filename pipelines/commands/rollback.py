"""`rollback`: return to an earlier release by a commit that is pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelines.commands.arguments import Subparsers, add_publication, deadlines
from pipelines.commands.context import Context
from pipelines.commands.gitlab import default_branch
from pipelines.commands.output import print_json, print_warnings, write_stdout

if TYPE_CHECKING:
    from pipelines.core.results import PublishResult


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("rollback", help="return to a release, by a commit that is pushed")
    parser.add_argument("version", help="as 1.0.409; `archive list` and `status` list the releases")
    parser.add_argument("--now", action="store_true", help="publish from here too, without waiting for CI")
    add_publication(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Commit and push the rollback; with --now publish it."""
    from pipelines.commands.tables import publish_table
    from pipelines.flow.rollback import publish_rollback, roll_back

    options = context.options
    flow = context.for_flow(deadlines(options))
    commit, release = roll_back(flow, options.version, default_branch(context.environ))
    published: list[PublishResult] = []
    if options.now:
        with context.progress() as progress:
            published = publish_rollback(context.for_flow(deadlines(options), progress))
    if options.json:
        print_json({
            "commit": commit,
            "release": msgspec.to_builtins(release),
            "published": msgspec.to_builtins(published),
        })  # fmt: skip
    else:
        print(f"commit {commit[:12]} rolls back to {options.version} (commit {release.commit[:12]})")
        write_stdout("".join(map(publish_table, published)))
    for result in published:
        print_warnings(result.warnings)
    return 0
