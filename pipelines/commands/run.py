"""`run`: everything in order, from this commit to a published chart."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_publication, add_unchecked, deadlines
from pipelines.commands.context import Context
from pipelines.commands.gitlab import pipeline_from
from pipelines.commands.output import print_result
from pipelines.commands.site_build import build_options


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("run", help="everything in order: from this commit to a published chart")
    add_publication(parser)
    add_unchecked(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Build, pack and publish, and print what each step took."""
    from pipelines.flow.run import run_pipeline

    options = context.options
    choice = build_options(context, None, drafts=False, workers=None)
    with context.progress() as progress:
        flow = context.for_flow(deadlines(options), progress)
        pipeline = pipeline_from(context.environ)
        result = run_pipeline(flow, pipeline, choice, unchecked=options.unchecked)
    from pipelines.commands.tables import run_table  # rich takes 0.1 s, which no reader waits for

    print_result(result, run_table(result), as_json=options.json)
    return 0
