"""`promote`: publish a candidate's digests as the stable version."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_publication, deadlines
from pipelines.commands.context import Context
from pipelines.commands.output import print_result, print_warnings


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("promote", help="publish a candidate's digests as the stable version")
    parser.add_argument("version", nargs="?", default="", help="as 1.0.412 (default: the newest candidate)")
    parser.add_argument("--optional", action="store_true",
                        help="do nothing where promotion is manual (site.toml), or where a newer "
                             "candidate contains this commit")  # fmt: skip
    add_publication(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Promote the candidate and print what each target was sent."""
    from pipelines.commands.tables import publish_table
    from pipelines.flow.promote import promote_candidate

    options = context.options
    if options.optional and context.site.chart.promotion == "manual":
        context.log("promotion is manual (site.toml); run `make promote` to promote")
        return 0
    with context.progress() as progress:
        flow = context.for_flow(deadlines(options), progress)
        result = promote_candidate(flow, options.version, superseded=options.optional)
    print_result(result, publish_table(result), as_json=options.json)
    print_warnings(result.warnings)
    return 0
