"""`publish`: send images, assets, archive and chart to their repositories."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_publication, add_unchecked, deadlines
from pipelines.commands.context import Context
from pipelines.commands.output import print_result, print_warnings


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("publish", help="send images, assets, archive and chart, in this order")
    add_publication(parser)
    add_unchecked(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Publish the release in out/ and print what each target was sent."""
    from pipelines.commands.tables import publish_table
    from pipelines.flow.release import release_packed

    options = context.options
    with context.progress() as progress:
        flow = context.for_flow(deadlines(options), progress)
        result = release_packed(flow, unchecked=options.unchecked)
    print_result(result, publish_table(result), as_json=options.json)
    print_warnings(result.warnings)
    return 0
