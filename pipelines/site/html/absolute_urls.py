"""Make every URL of an HTML fragment absolute, for feed readers.

A function of values. No reads, no writes, no network.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser


@lru_cache(maxsize=512)  # a post is in the feed of the site and in one for each of its tags
def absolute_urls(html: str, site: str, url: str) -> str:
    """Return *html* with links and sources resolved against *site*/*url*.

    Permalinks of headings are removed: a feed reader has no target for them.
    """
    if not html:
        return ""
    tree = LexborHTMLParser(html, is_fragment=True)
    for permalink in tree.css("a.headerlink"):
        permalink.decompose()
    base = f"{site}/{url}"
    for node in tree.css("[href], [src], [poster]"):
        for attribute in ("href", "src", "poster"):
            value = node.attributes.get(attribute)
            if value:
                node.attrs[attribute] = urljoin(base, value)
    return tree.html or ""
