"""Generate JSON-LD structured data (schema.org) of a page.

A pure function. No reads, no writes, no network.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup


def json_ld(site: Any, kind: str, item: Any, lang: str) -> Markup:
    """Return the ``<script>`` block for *item*; *kind* is "article", "page" or "site".

    *site* has the values of site.toml.

    It is a data block, which the Content-Security-Policy does not restrict.
    """
    data: dict[str, Any]
    if kind == "article":
        persons = [{"@type": "Person", "name": author.name} for author in item.authors]
        data = {
            "@type": "BlogPosting",
            "headline": item.title,
            "description": item.description,
            "datePublished": item.date.isoformat(),
            "dateModified": (item.modified or item.date).isoformat(),
            "author": persons if len(persons) > 1 else persons[0],
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
        raise LookupError(f"json_ld: unknown kind {kind!r}; use article, page or site")
    document = {"@context": "https://schema.org"} | {key: value for key, value in data.items() if value}
    text = json.dumps(document, ensure_ascii=False, sort_keys=True)
    # Escape "<": it could close the element.
    text = text.replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(f'<script type="application/ld+json">{text}</script>')
