"""Read a theme: its files, its strings, its assets and its stylesheet.

Reads theme/. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipelines.core.checks import CHECKS
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, SourceError
from pipelines.site.cache import Cache
from pipelines.site.content import scan
from pipelines.site.content.read_policy import THEME, ReadPolicy
from pipelines.site.images.hashed_name import Asset, hashed_name
from pipelines.site.theme import assets, stylesheet
from pipelines.site.theme.assets import ThemeAssets
from pipelines.site.theme.strings import Strings, load_strings

T = TypeVar("T")


class Theme(Struct, frozen=True):
    """A theme without faults."""

    paths: Sequence[str]  # its files, relative to the project
    strings: Strings
    assets: ThemeAssets


def read_theme(
    project: Path, config: SiteConfig, policy: ReadPolicy, cache: Cache
) -> tuple[Theme | None, list[Fault]]:
    """Return the theme of *project*, and its faults; None with faults.

    No severity can spare the build a damaged file: such a fault counts as one of the theme.
    """
    paths, refused = scan.scan_files(THEME, policy)
    if refused:  # a refused file would cause false faults in the rest of the theme
        return None, refused
    faults: list[Fault] = []
    texts = _collect(lambda: load_strings(project, paths, config.lang, cache), faults)
    found = _collect(lambda: _read_assets(project, config, paths, policy, cache), faults)
    faults = [one if CHECKS[one.check].fixed else replace(one, check="theme") for one in faults]
    return (Theme(paths, texts, found) if texts and found else None), faults


def _collect(step: Callable[[], T], faults: list[Fault]) -> T | None:
    """Return the result of *step*; add its faults and return None if it raises SourceError."""
    try:
        return step()
    except SourceError as error:
        faults.extend(error.faults)
        return None


def _read_assets(
    project: Path, config: SiteConfig, paths: Sequence[str], policy: ReadPolicy, cache: Cache
) -> ThemeAssets:
    found = assets.read_theme_assets(project, paths, cache)
    css, shown = stylesheet.build_stylesheet(project, paths, config.less_compiler, found, cache, policy)
    data = css.encode()
    found["css/site.css"] = Asset(hashed_name("site.css", data), data)
    return ThemeAssets(found, assets.read_inline_svgs(project, paths), shown)
