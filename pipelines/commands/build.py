"""`build`: render content/ and theme/ into out/site."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_build, add_json, count
from pipelines.commands.context import Context
from pipelines.commands.site_build import build_and_print


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("build", help="render content/ and theme/ into out/site")
    parser.add_argument("--drafts", action="store_true", help="include drafts and posts that are not due")
    add_build(parser)
    add_json(parser)
    parser.add_argument("--workers", type=count, default=None, help="processes (default: one a core)")
    parser.add_argument(
        "--why", metavar="URL", help="explain why this page was built again, and what it reads"
    )
    parser.add_argument("--timings", action="store_true", help="list the slowest phases, templates and pages")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Build the site."""
    options = context.options
    return build_and_print(
        context,
        drafts=options.drafts,
        workers=options.workers,
        as_json=options.json,
        why=options.why or "",
        timings=options.timings,
    )
