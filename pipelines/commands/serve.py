"""`serve`: run the development server."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, port
from pipelines.commands.context import Context


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("serve", help="run the dev server: rebuild and reload the browser on save")
    parser.add_argument("--port", type=port, default=8000, help="of localhost (default: 8000)")
    parser.add_argument("--nginx", action="store_true", help="serve through the real NGINX, without reload")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Serve the site until a signal."""
    from pipelines.preview.server import serve_preview

    options = context.options
    return serve_preview(
        context.project,
        options.port,
        environ=context.environ,
        clock=context.now,
        log=context.log,
        front=options.nginx,
    )
