"""Give every asset a name that holds its content: ``site.3fa9c1d0.css``.

Reads the images of content/ and the scripts, images and fonts of theme/. No
writes, no network. An asset is published only if a page or a style asks for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import rjsmin

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.site.cache import Cache
from pipelines.site.content.front_matter import read_text
from pipelines.site.content.metadata import slug_of
from pipelines.site.content.read_policy import THEME
from pipelines.site.html.links import ImageFacts
from pipelines.site.images.image import read_image

IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".svg"])
FONT_SUFFIXES = frozenset([".woff2", ".woff", ".ttf", ".otf"])


@dataclass(frozen=True, slots=True)
class Asset:
    """A file under its hashed name."""

    name: str  # "site.3fa9c1d0.css"
    data: bytes


def hashed_name(path: str, data: bytes) -> str:
    """Return the name under which *data* of the file *path* is published.

    Eight hex digits of SHA-256; the stem is put in URL form, so that a name
    with spaces or umlauts needs no escapes.
    """
    pure = PurePosixPath(path)
    stem = slug_of(pure.stem)[:100].rstrip("-") or "file"  # in ASCII a name may be longer than it was
    return f"{stem}.{hashlib.sha256(data).hexdigest()[:8]}{pure.suffix.lower()}"


@dataclass(frozen=True, slots=True)
class ContentImages:
    """The images of content/: facts for the pages, bytes for the tree."""

    facts: Mapping[str, ImageFacts]  # by path
    assets: Mapping[str, Asset]  # by path


def read_content_images(project: Path, files: Iterable[str], cache: Cache) -> ContentImages:
    """Read the images among *files*; raise SourceError with the faults of all of them."""
    faults: list[Fault] = []
    facts: dict[str, ImageFacts] = {}
    assets: dict[str, Asset] = {}
    for path in sorted(files):
        if PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES or path.startswith("content/extra/"):
            continue
        if _is_rendered_diagram(project / path) or path.startswith("content/diagrams/blocks/"):
            continue  # a rendered diagram, which is inlined
        try:
            key = hashlib.sha256((project / path).read_bytes()).hexdigest()
            image = cache.get("image", (path, key), partial(read_image, project / path, path))
        except SourceError as error:
            faults.extend(error.faults)
            continue
        name = hashed_name(path, image.data)
        facts[path] = ImageFacts(name, image.width, image.height)
        assets[path] = Asset(name, image.data)
    if faults:
        raise SourceError(faults)
    return ContentImages(facts, assets)


def _is_rendered_diagram(file: Path) -> bool:
    return file.suffix == ".svg" and file.with_suffix(".puml").exists()


class ThemeAssets:
    """The assets of the theme by their source name, and which of them were asked for."""

    def __init__(self, assets: Mapping[str, Asset], sources: Mapping[str, str]) -> None:
        self._assets = assets
        self._sources = sources  # SVG text by source name, for inlining
        self.used: set[str] = set()

    def url(self, name: str) -> str:
        """Return the URL of the asset *name* ("css/site.css") and note that it is used."""
        if name not in self._assets:
            raise LookupError(f"no theme asset {name!r}; {suggest(name, self._assets)}")
        self.used.add(name)
        return f"/assets/{self._assets[name].name}"

    def svg(self, name: str) -> str:
        """Return the markup of theme/images/*name*, for inlining."""
        key = f"images/{name}"
        if key not in self._sources:
            raise LookupError(f"no theme image {name!r}; {suggest(key, self._sources)}")
        return self._sources[key]

    def published(self) -> list[Asset]:
        """Return the assets that were asked for, sorted by name."""
        return sorted((self._assets[name] for name in self.used), key=lambda asset: asset.name)


def read_theme_assets(project: Path, paths: Iterable[str]) -> dict[str, Asset]:
    """Read scripts (minified), images (clean of metadata) and fonts among *paths*, files of theme/."""
    assets: dict[str, Asset] = {}
    faults: list[Fault] = []
    for path in sorted(paths):
        name = path.removeprefix(f"{THEME}/")
        try:
            data = _read_theme_asset(project / path, name)
        except SourceError as error:
            faults.extend(error.faults)
            continue
        if data is not None:
            assets[name] = Asset(hashed_name(name, data), data)
    if faults:
        raise SourceError(faults)
    return assets


def _read_theme_asset(file: Path, name: str) -> bytes | None:
    """Return what is published of theme/*name*, or None if it is no asset."""
    match name.split("/")[0], file.suffix.lower():
        case "js", ".js":
            return str(rjsmin.jsmin(read_text(file, f"theme/{name}"))).encode()
        case "images", suffix if suffix in IMAGE_SUFFIXES:
            return read_image(file, f"theme/{name}").data
        case "fonts", suffix if suffix in FONT_SUFFIXES:
            return file.read_bytes()
    return None


def read_inline_svgs(project: Path, paths: Iterable[str]) -> dict[str, str]:
    """Read the SVG images among *paths*, files of theme/, as markup without the XML prologue."""
    found = {}
    for path in sorted(paths):
        if path.startswith(f"{THEME}/images/") and path.endswith(".svg"):
            text = (project / path).read_text("utf-8")
            text = re.sub(r"\A(\s|<\?.*?\?>|<!DOCTYPE[^>]*>|<!--.*?-->)*", "", text, flags=re.S)
            found[path.removeprefix(f"{THEME}/")] = text.strip()
    return found
