"""`chart`: pack the Helm chart that rolls out what was built."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_json
from pipelines.commands.context import Context
from pipelines.commands.output import print_result


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("chart", help="pack the chart that rolls out what was built (needs helm)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Pack the chart."""
    from pipelines.charts.build import build_chart
    from pipelines.commands.summaries import chart_summary

    result = build_chart(context.project, context.site)
    print_result(result, chart_summary(result), as_json=context.options.json)
    return 0
