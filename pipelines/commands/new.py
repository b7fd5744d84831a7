"""`new`: create a post or a page."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("new", help="create a post or a page")
    parser.add_argument("kind", choices=("post", "page", "member"))
    parser.add_argument("title")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Create the file and print its path."""
    from pipelines.site.content.new import create_page

    options = context.options
    print(create_page(context.project, context.site, options.kind, options.title, int(context.now())))
    return 0
