"""`image`: pack what was built into OCI images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.commands.arguments import IMAGES, Subparsers, add_json
from pipelines.commands.context import Context
from pipelines.commands.output import print_result
from pipelines.core.errors import UsageError

if TYPE_CHECKING:
    from pipelines.core.results import ImageResult


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("image", help="pack what was built into out/images/NAME")
    parser.add_argument("name", nargs="?", choices=IMAGES, help="one image (default: all that the site has)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Pack the images."""
    from pipelines.commands.summaries import image_summary

    options, site = context.options, context.site
    if options.json and not options.name:
        raise UsageError(f"image --json: needs one image; name {' or '.join(IMAGES)}")
    names = [options.name] if options.name else [name for name in IMAGES if name != "api" or site.login]
    for name in names:
        result = _pack(context, name)
        print_result(result, image_summary(result), as_json=options.json)
    return 0


def _pack(context: Context, name: str) -> ImageResult:
    from pipelines.commands.image_registry import pull_registry

    registry = pull_registry(context)
    if name == "api":
        from pipelines.image.api import pack_api_image

        return pack_api_image(context.project, context.site, context.log, registry)
    from pipelines.image.web import pack_web_image

    return pack_web_image(context.project, context.site, registry)
