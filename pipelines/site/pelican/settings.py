"""Check the settings of pelicanconf.py that the build reads: URL patterns and static files.

A function of Pelican's settings and of site.toml. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pelican.settings import DEFAULT_CONFIG

from pipelines.core.config import DEFAULT_PAGE_URL, DEFAULT_POST_URL, SiteConfig
from pipelines.core.config import FILE as CONFIG_FILE
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.addresses import UrlPatterns
from pipelines.site.content.read_policy import THEME
from pipelines.site.pelican.settings_file import SETTINGS

_EXAMPLE_DATE = datetime(2026, 5, 1)


def url_patterns(found: Mapping[str, Any], config: SiteConfig) -> UrlPatterns:
    """Return the URL patterns of [urls], else of Pelican's settings *found*.

    Raises SourceError for an invalid setting, and where the two contradict each
    other.
    """
    faults: list[Fault] = []
    articles = _patterns(found, "ARTICLE", config.post_url, DEFAULT_POST_URL, faults)
    pages = _patterns(found, "PAGE", config.page_url, DEFAULT_PAGE_URL, faults)
    for path in found["THEME_STATIC_PATHS"]:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            what = f"THEME_STATIC_PATHS: {str(path)!r} is outside of {THEME}/"
            faults.append(Fault(SETTINGS, 0, what, f"name a folder below {THEME}/", "project"))
        elif Path(path).parts[:1] == ("node_modules",):
            what = f"THEME_STATIC_PATHS: {str(path)!r} is not read"
            faults.append(Fault(SETTINGS, 0, what, f"copy what readers need into {THEME}/static/", "project"))
    if found["SLUGIFY_SOURCE"] not in ("basename", "title"):
        what = f"SLUGIFY_SOURCE = {found['SLUGIFY_SOURCE']!r} is unknown"
        faults.append(Fault(SETTINGS, 0, what, 'write "basename" or "title"', "project"))
    if faults:
        raise SourceError(faults)
    return UrlPatterns(*articles, *pages, found["SLUGIFY_SOURCE"])


def _patterns(
    found: Mapping[str, Any], prefix: str, chosen: str, default: str, faults: list[Fault]
) -> tuple[str, str]:
    """Return the pattern of posts or pages in the site's language, and that of others.

    *chosen* is the value of [urls], and *default* the one that it has where
    site.toml does not set it.
    """
    own = _pelican_pattern(found, f"{prefix}_URL", faults)
    translated = _pelican_pattern(found, f"{prefix}_LANG_URL", faults)
    if own and chosen != default and own != chosen[1:]:
        key = "post" if prefix == "ARTICLE" else "page"
        what = f"{prefix}_URL = {own!r} contradicts [urls] {key} = {chosen!r} of {CONFIG_FILE}"
        faults.append(Fault(SETTINGS, 0, what, "remove it here", "project"))
    pattern = own if own and chosen == default else chosen[1:]
    return pattern, translated or (pattern if "{lang}" in pattern else f"{{lang}}/{pattern}")


def _pelican_pattern(found: Mapping[str, Any], key: str, faults: list[Fault]) -> str:
    """Return the setting *key* if pelicanconf.py sets it, else ""; add its faults to *faults*."""
    value = str(found[key])
    if value == DEFAULT_CONFIG[key]:
        return ""
    if not value.endswith(("/", ".html")) or value.startswith("/") or not re.search("{(slug|path)", value):
        fix = 'write it as "posts/{slug}/", with a slash at its end alone'
        faults.append(Fault(SETTINGS, 0, f"{key} = {value!r} is not a clean URL", fix, "project"))
        return ""
    values: dict[str, object] = {"slug": "a", "lang": "en", "path": "a/b"}
    if key.startswith("ARTICLE"):
        values |= {"date": _EXAMPLE_DATE, "year": "2026", "month": "05", "day": "01", "category": "a"}
    try:
        value.format(**values)
    except (LookupError, ValueError, AttributeError):
        fix = f"use {', '.join(f'{{{name}}}' for name in values)}"
        faults.append(Fault(SETTINGS, 0, f"{key} = {value!r} has an unknown placeholder", fix, "project"))
    return value
