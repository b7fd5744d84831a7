"""`diagrams`: render PlantUML to the SVG files that are committed."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("diagrams", help="render PlantUML to the SVG that is committed")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Render the diagrams that changed and print their paths."""
    from pipelines.site.diagrams.render import render_diagrams
    from pipelines.tools import git_history

    index = git_history.read_index(context.project, ["content"])
    for path in render_diagrams(context.project, context.log, index):
        print(path.relative_to(context.project).as_posix())
    return 0
