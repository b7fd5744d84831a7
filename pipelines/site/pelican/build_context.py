"""What one build hands to Pelican: finished documents, words, assets.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.site.content.documents import Document
from pipelines.site.html.links import ImageFacts
from pipelines.site.html.postprocess import Fragment
from pipelines.site.theme.assets import ThemeAssets
from pipelines.site.theme.strings import Strings

CONTEXT_SETTING = "BUILD"  # the name under which Pelican's settings carry it


@dataclass(frozen=True, slots=True)
class Cover:
    """The picture that stands for a page when it is shared."""

    url: str  # site-absolute
    width: int
    height: int
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One document, all of it known."""

    document: Document
    fragment: Fragment
    cover: Cover | None
    files: frozenset[str]  # of content/, relative to the project: all that the page needs


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What one build hands to Pelican: the setting BUILD."""

    config: SiteConfig
    pages: Mapping[str, Page]  # by path relative to content/
    texts: Strings
    theme: ThemeAssets
    as_of: int  # seconds since 1970
    preview: bool


def cover(picture: ImageFacts | None, url: str, alt: str) -> Cover | None:
    """Return the cover of a page, or None without a picture."""
    return Cover(url, picture.width, picture.height, alt) if picture else None


def output_path(save_as: str) -> str:
    """Return the URL path of the output file *save_as*."""
    return "/" + save_as.removesuffix("index.html")


def build_context(settings: Mapping[str, Any]) -> BuildContext:
    """Return the build that *settings* carry; raise PipelineError when Pelican runs by itself."""
    build = settings.get(CONTEXT_SETTING)
    if not isinstance(build, BuildContext):
        raise PipelineError("pelican: cannot run by itself here; run `python -m pipelines build`")
    return build
