"""`plan`: decide whether this commit has to pass the checks before it is published."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_deadline, add_json, deadlines
from pipelines.commands.context import Context
from pipelines.commands.gitlab import pipeline_from, require_image_digest
from pipelines.commands.output import print_result


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("plan", help="decide whether this commit needs the checks: out/plan.json")
    add_deadline(parser, 60, "time limit of the chart repository")
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Print the plan and its reason."""
    from pipelines.flow.plan import make_plan
    from pipelines.flow.versioning import determine_version

    options = context.options
    require_image_digest(context.environ)
    flow = context.for_flow(deadlines(options))
    version = determine_version(context.project, context.site, pipeline_from(context.environ))
    result = make_plan(flow, version)
    verdict = "has to pass the checks" if result.checks else "needs no checks"
    print_result(result, f"{version.version} {verdict}: {result.reason}\n", as_json=options.json)
    return 0
