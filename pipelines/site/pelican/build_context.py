"""The data that a build passes to Pelican: documents, strings, assets.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.site.cache import Cache
from pipelines.site.content.document import Document
from pipelines.site.html.links import ImageFacts
from pipelines.site.html.postprocess import FragmentFacts
from pipelines.site.theme.assets import ThemeAssets
from pipelines.site.theme.strings import Strings

CONTEXT_SETTING = "BUILD"  # its key in Pelican's settings
CACHE_SETTING = "BUILD_CACHE"  # the key of the cache


class Cover(Struct, frozen=True):
    """The preview image of a shared page (og:image)."""

    url: str  # site-absolute
    width: int
    height: int
    alt: str = ""


class Page(Struct, frozen=True):
    """One document with everything derived from it."""

    document: Document
    fragment: FragmentFacts
    html: Callable[[], str]  # of its text; read when it is needed
    cover: Cover | None
    files: frozenset[str]  # of content/, relative to the project, that the page refers to
    digest: bytes = b""  # of everything that a template can show of it


class BuildContext(Struct, frozen=True):
    """The data that a build passes to Pelican, in the setting BUILD."""

    config: SiteConfig
    pages: Mapping[str, Page]  # by path relative to content/
    strings: Strings
    theme: ThemeAssets
    as_of: int  # seconds since 1970
    preview: bool
    # Where *pages* are only some of the site: the related posts of each post, all by path.
    related: Mapping[str, Sequence[str]] | None = None


def cover(picture: ImageFacts | None, url: str, alt: str) -> Cover | None:
    """Return the cover of a page, or None without an image."""
    return Cover(url, picture.width, picture.height, alt) if picture else None


def output_path(save_as: str) -> str:
    """Return the URL path of the output file *save_as*."""
    return "/" + save_as.removesuffix("index.html")


def build_context(settings: Mapping[str, Any]) -> BuildContext:
    """Return the build context in *settings*; raises PipelineError if Pelican runs by itself."""
    build = settings.get(CONTEXT_SETTING)
    if not isinstance(build, BuildContext):
        raise PipelineError("pelican: cannot run by itself; run `python -m pipelines build`")
    return build


def cache_of(settings: Mapping[str, Any]) -> Cache:
    """Return the cache of the build in *settings*."""
    cache = settings[CACHE_SETTING]
    assert isinstance(cache, Cache)
    return cache
