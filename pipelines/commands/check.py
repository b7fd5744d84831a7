"""`check`: build the site, and request the links to other hosts."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_build, add_json
from pipelines.commands.context import Context
from pipelines.commands.output import write_stdout
from pipelines.commands.site_build import build_and_print


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("check", help="build, and check links to other hosts on request")
    parser.add_argument("--external", action="store_true", help="request the links to other hosts")
    add_build(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Build the site; with --external print the links that failed."""
    status = build_and_print(context, as_json=context.options.json)
    if context.options.external and status == 0:
        from pipelines.commands.summaries import external_report
        from pipelines.site.check.external import check_external_links
        from pipelines.tools.http import user_agent

        with context.progress() as progress:
            tree = context.project / "out" / "site"
            agent = user_agent(context.site.name, context.site.url)
            report = check_external_links(tree, context.site.url, agent=agent, progress=progress)
        write_stdout(external_report(report))
    return status
