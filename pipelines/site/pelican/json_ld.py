"""Say in JSON-LD (schema.org) what a page is, for those who read by machine.

A function of values. No reads, no writes, no network.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from pipelines.core.config import SiteConfig


def json_ld(site: SiteConfig, kind: str, item: Any, lang: str) -> Markup:
    """Return the ``<script>`` block for *item*; *kind* is "article", "page" or "site".

    A block of data is not run, so the Content-Security-Policy lets it stand.
    """
    data: dict[str, Any]
    if kind == "article":
        people = [{"@type": "Person", "name": author.name} for author in item.authors]
        data = {
            "@type": "BlogPosting",
            "headline": item.title,
            "description": item.description,
            "datePublished": item.date.isoformat(),
            "dateModified": (item.modified or item.date).isoformat(),
            "author": people if len(people) > 1 else people[0],
            "mainEntityOfPage": f"{site.url}/{item.url}",
            "inLanguage": lang,
            "keywords": [tag.name for tag in item.tags],
        }
        if item.cover:
            data["image"] = site.url + item.cover.url
    elif kind == "page":
        data = {"@type": "WebPage", "name": item.title, "url": f"{site.url}/{item.url}", "inLanguage": lang}
    elif kind == "site":
        data = {
            "@type": "WebSite",
            "name": site.name,
            "url": site.url + "/",
            "description": site.tagline,
            "inLanguage": lang,
            "author": {"@type": "Person", "name": site.author},
        }
    else:
        raise LookupError(f"json_ld knows article, page and site, not {kind!r}")
    said = {"@context": "https://schema.org"} | {key: value for key, value in data.items() if value}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True)
    # A "<" could end the element early; in JSON it may stand as an escape.
    text = text.replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(f'<script type="application/ld+json">{text}</script>')
