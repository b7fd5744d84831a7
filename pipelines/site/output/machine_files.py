"""Generate sitemap, robots.txt, security.txt and the alias map for NGINX.

Pure functions. No reads, no writes, no network, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from xml.sax.saxutils import escape

from pipelines.core.config import SiteConfig
from pipelines.site.content.document import Document
from pipelines.site.content.metadata import DEFAULT_CATEGORY
from pipelines.site.content.slugs import slugify


def sitemap_xml(site: SiteConfig, urls: Iterable[str], dates: Mapping[str, datetime]) -> str:
    """Return a sitemap (sitemaps.org) of the public *urls*; *dates* are their last changes."""
    rows = []
    for url in sorted(urls):
        changed = f"<lastmod>{dates[url].isoformat()}</lastmod>" if url in dates else ""
        rows.append(f"<url><loc>{escape(site.url + quote(url))}</loc>{changed}</url>\n")
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{space}">\n'
    return head + "".join(rows) + "</urlset>\n"


def last_modified(documents: Iterable[Document]) -> dict[str, datetime]:
    """Return the last change of each page and each listing, by URL path.

    A listing changes with its posts. Pages without a date are missing.
    """
    found: dict[str, datetime] = {}

    def note(url: str, moment: datetime) -> None:
        found[url] = max(found.get(url, moment), moment)

    for document in documents:
        moment = document.modified or document.meta.date
        if moment is None or document.gated:
            continue
        note(document.url, moment)
        for url in list_urls(document):
            note(url, moment)
    return found


def list_urls(document: Document) -> list[str]:
    """Return the URLs of the lists that *document* is in; none for a page."""
    meta = document.meta
    if document.kind != "post" or meta.date is None:
        return []
    lists = ["/", "/posts/", "/archive/", f"/archive/{meta.date.year}/", "/tags/", "/categories/"]
    lists += [f"/tags/{slugify(tag)}/" for tag in meta.tags]
    lists.append(f"/categories/{slugify(meta.category or DEFAULT_CATEGORY)}/")
    lists += ["/series/", f"/series/{slugify(meta.series)}/"] if meta.series else []
    return lists


def robots_txt(site: SiteConfig) -> str:
    """Return robots.txt (RFC 9309). It is public, so it lists no members' page."""
    closed = "Disallow: /account/\n" if site.login else "Disallow:\n"
    return f"User-agent: *\n{closed}\nSitemap: {site.url}/sitemap.xml\n"


def security_txt(site: SiteConfig, as_of: int) -> str:
    """Return security.txt (RFC 9116); it expires half a year to a year after *as_of*.

    The date changes only on 1 January and 1 July, so that builds of one tree within
    a half-year are equal.
    """
    now = datetime.fromtimestamp(as_of, UTC)
    end = datetime(now.year + 1, 1 if now.month <= 6 else 7, 1, tzinfo=UTC) - timedelta(seconds=1)
    lines = [f"Contact: {uri}" for uri in site.security_contact]
    lines.append(f"Expires: {end.strftime('%Y-%m-%dT%H:%M:%SZ')}")
    lines.append(f"Preferred-Languages: {site.lang}")
    lines.append(f"Canonical: {site.url}/.well-known/security.txt")
    return "\n".join(lines) + "\n"


def alias_targets(documents: Iterable[Document]) -> dict[str, str]:
    """Return alias -> URL, each alias with and without its trailing slash."""
    found: dict[str, str] = {}
    for document in documents:
        for alias in document.meta.aliases:
            found[alias] = document.url
            last = alias.rstrip("/").rpartition("/")[2]
            if alias != "/" and "." not in last:
                found[alias.rstrip("/")] = found[alias.rstrip("/") + "/"] = document.url
    return found


def nginx_alias_map(found: Mapping[str, str], *, login: bool) -> str:
    """Return *found* as lines of an NGINX ``map`` over ``$uri`` (which is decoded).

    With *login*, an alias below /members/ has the key "members /members/…", which
    no ``$uri`` matches; only the gated location looks it up.
    """

    def text(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    keys = {alias: f"members {alias}" if login and is_gated_path(alias) else alias for alias in found}
    return "".join(f"{text(keys[alias])} {text(quote(url))};\n" for alias, url in sorted(found.items()))


def is_gated_path(path: str) -> bool:
    """Whether the server requires a login for *path*, in any letter case."""
    return path.encode().lower().startswith(b"/members/") or path.encode().lower() == b"/members"
