"""`settings`: write the settings of flux/ that site.toml determines."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("settings", help="write the settings of flux/ that site.toml determines")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Write the settings and print the files that changed, or check them."""
    from pipelines.flux import settings

    files = settings.site_settings(context.project, context.site)
    if context.options.check:
        settings.check_settings(context.project, files)
        return 0
    for path in settings.write_settings(context.project, files):
        print(path)
    return 0
