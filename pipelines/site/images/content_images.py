"""Read the images of content/: their size, and their bytes under a hashed name.

Reads content/. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec import Struct

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError
from pipelines.site.cache import Cache
from pipelines.site.html.links import ImageFacts
from pipelines.site.images.hashed_name import Asset, hashed_name
from pipelines.site.images.image import CleanImage, read_image

IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".svg"])


class ContentImages(Struct, frozen=True):
    """The images of content/: facts for the pages, bytes for the tree."""

    facts: Mapping[str, ImageFacts]  # by path
    assets: Mapping[str, Asset]  # by path
    faults: tuple[Fault, ...]  # of all images; those that have one are in neither mapping


def read_content_images(project: Path, files: Iterable[str], cache: Cache) -> ContentImages:
    """Read the images among *files*."""
    faults: list[Fault] = []
    facts: dict[str, ImageFacts] = {}
    assets: dict[str, Asset] = {}
    for path in sorted(files):
        if PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES or path.startswith("content/extra/"):
            continue
        if _is_rendered_diagram(project / path) or path.startswith("content/diagrams/blocks/"):
            continue  # a rendered diagram, which is inlined
        try:
            key = sha256_hex((project / path).read_bytes())
            image = cache.get_or_compute(
                "image", (path, key), partial(read_image, project / path, path), CleanImage
            )
        except SourceError as error:
            faults.extend(error.faults)
            continue
        name = hashed_name(path, image.data)
        facts[path] = ImageFacts(name, image.width, image.height)
        assets[path] = Asset(name, image.data)
    return ContentImages(facts, assets, tuple(faults))


def _is_rendered_diagram(file: Path) -> bool:
    return file.suffix == ".svg" and file.with_suffix(".puml").exists()
