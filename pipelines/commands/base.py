"""`base`: build the base images and pin their digests."""

from __future__ import annotations

from pipelines.commands.arguments import IMAGES, Subparsers
from pipelines.commands.context import Context
from pipelines.core.errors import PipelineError


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("base", help="build the base images, and pin them (needs buildah)")
    parser.add_argument("names", nargs="+", choices=IMAGES, metavar="NAME", help=" or ".join(IMAGES))
    parser.add_argument("--push", action="store_true", help="push them to the registry of site.toml")
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Build the base images and print what was pinned."""
    from pipelines.commands.image_registry import push_registry
    from pipelines.image import base, debian_mirror

    options = context.options
    if options.push and not context.site.registry:
        raise PipelineError("site.toml: nowhere to push to; set registry under [images]")
    registry = push_registry(context) if options.push else None
    mirror = context.environ.get(debian_mirror.VARIABLE, "")
    for line in base.make_bases(context.project, options.names, registry, context.log, mirror):
        print(line)
    return 0
