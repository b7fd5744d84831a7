"""Read the scripts, images and fonts of theme/, under hashed names.

Reads theme/. No writes, no network. An asset is published only if a page or a
stylesheet refers to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import rjsmin

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.site.cache import Cache
from pipelines.site.content.front_matter import read_text
from pipelines.site.content.read_policy import THEME
from pipelines.site.images.content_images import IMAGE_SUFFIXES
from pipelines.site.images.hashed_name import Asset, hashed_name
from pipelines.site.images.image import CleanImage, read_image

FONT_SUFFIXES = frozenset([".woff2", ".woff", ".ttf", ".otf"])


class ThemeAssets:
    """The assets of the theme by source name, and those that its stylesheet refers to."""

    def __init__(
        self, assets: Mapping[str, Asset], sources: Mapping[str, str], shown: Iterable[str] = ()
    ) -> None:
        self._assets = assets
        self._sources = sources  # SVG text by source name, for inlining
        self._shown = frozenset(shown)

    def url(self, name: str) -> str:
        """Return the URL of the asset *name* ("css/site.css"); raise LookupError."""
        if url := self.find_url(name):
            return url
        raise LookupError(f"no theme asset {name!r}; {suggest(name, self._assets)}")

    def find_url(self, name: str) -> str:
        """Return the URL of the asset *name*, or ""."""
        return f"/assets/{self._assets[name].name}" if name in self._assets else ""

    def svg(self, name: str) -> str:
        """Return the markup of theme/images/*name*, for inlining; raise LookupError."""
        key = f"images/{name}"
        if key not in self._sources:
            raise LookupError(f"no theme image {name!r}; {suggest(key, self._sources)}")
        return self._sources[key]

    def find_svg(self, name: str) -> str:
        """Return the markup of theme/images/*name*, or ""."""
        return self._sources.get(f"images/{name}", "")

    def published(self, used: Iterable[str]) -> list[Asset]:
        """Return the assets that pages use, by source name, and those of the stylesheet, sorted by name."""
        names = self._assets.keys() & {*used, *self._shown}
        return sorted((self._assets[name] for name in names), key=lambda asset: asset.name)


def read_theme_assets(project: Path, paths: Iterable[str], cache: Cache) -> dict[str, Asset]:
    """Read the scripts (minified), images (without metadata) and fonts among *paths*, files of theme/."""
    assets: dict[str, Asset] = {}
    faults: list[Fault] = []
    for path in sorted(paths):
        name = path.removeprefix(f"{THEME}/")
        try:
            data = _read_theme_asset(project / path, name, cache)
        except SourceError as error:
            faults.extend(error.faults)
            continue
        if data is not None:
            assets[name] = Asset(hashed_name(name, data), data)
    if faults:
        raise SourceError(faults)
    return assets


def _read_theme_asset(file: Path, name: str, cache: Cache) -> bytes | None:
    """Return the published bytes of theme/*name*, or None if it is not an asset."""
    match name.split("/")[0], file.suffix.lower():
        case "js", ".js":
            return str(rjsmin.jsmin(read_text(file, f"theme/{name}"))).encode()
        case "images", suffix if suffix in IMAGE_SUFFIXES:
            return _read_image(file, f"theme/{name}", cache).data
        case "fonts", suffix if suffix in FONT_SUFFIXES:
            return file.read_bytes()
    return None


def _read_image(file: Path, name: str, cache: Cache) -> CleanImage:
    """Return the image *file*, decoded once for all builds; raises SourceError."""
    try:
        key = sha256_hex(file.read_bytes())
    except OSError:  # read_image names it
        key = ""
    return cache.get_or_compute("image", (name, key), partial(read_image, file, name), CleanImage)


def read_inline_svgs(project: Path, paths: Iterable[str]) -> dict[str, str]:
    """Read the SVG images among *paths*, files of theme/, as markup without the XML prolog."""
    found = {}
    for path in sorted(paths):
        if path.startswith(f"{THEME}/images/") and path.endswith(".svg"):
            text = (project / path).read_text("utf-8")
            text = re.sub(r"\A(\s|<\?.*?\?>|<!DOCTYPE[^>]*>|<!--.*?-->)*", "", text, flags=re.S)
            found[path.removeprefix(f"{THEME}/")] = text.strip()
    return found
