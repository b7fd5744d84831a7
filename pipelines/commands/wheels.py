"""`wheels`: download the Python packages of the API's image."""

from __future__ import annotations

from contextlib import suppress

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context
from pipelines.core.errors import PipelineError


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("wheels", help="download the packages of the API's image (from pip's index)")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Download the wheels that are missing or damaged."""
    from pipelines.image import base, wheels
    from pipelines.image.python_target import target_of

    project = context.project
    target = target_of(base.pinned_base(project, "api"))
    with suppress(PipelineError):  # complete and intact: nothing to download
        wheels.read_wheels(project, target)
        return 0
    wheels.fetch_wheels(project, target, context.log)
    wheels.read_wheels(project, target)
    return 0
