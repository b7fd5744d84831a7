"""Assign URLs to documents, and find two that claim the same one.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Struct

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content import metadata
from pipelines.site.content.metadata import DEFAULT_CATEGORY, Metadata
from pipelines.site.content.read_policy import CONTENT
from pipelines.site.content.slugs import slugify, slugify_name

# Names below / that NGINX, the API or the build use.
RESERVED_NAMES = frozenset(
    ["members", "account", "accounts", "admin", "assets", "_allauth", "_gate", "livez", "readyz"]
)
# Files that the build writes; a page "feed.atom/" would be a directory of that name.
_RESERVED_FILES = frozenset(
    ["403.html", "404.html", "503.html", "feed.atom", "robots.txt", "sitemap.xml", "version.json"]
)
# URLs of the list pages that the build writes.
_LIST_URL = re.compile(r"/(posts/(page/\d.*)?|(tags|categories|series|archive)/.*)")
_INDEX_STEMS = ("index", "_index")  # the page of a directory; Hugo and Zola write _index.md
# Jekyll's rule: the date of a post may be the start of its file name.
_DATED_NAME = re.compile(r"(?P<date>\d{4}-\d\d?-\d\d?)-(?P<rest>.+)")


class Addressed(Protocol):
    """The part of a Document that has to do with its URL."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def gated(self) -> bool: ...
    @property
    def meta(self) -> Metadata: ...
    @property
    def url(self) -> str: ...
    @property
    def mark(self) -> str: ...


class UrlPatterns(Struct, frozen=True):
    """The patterns of URLs: site-relative, with placeholders such as ``{slug}``; see [urls] in config.py."""

    article: str
    article_lang: str  # of posts in another language than the site's
    page: str
    page_lang: str
    slug_from: str  # "basename" or "title", Pelican's SLUGIFY_SOURCE


def date_of_name(path: PurePosixPath) -> str:
    """Return the date at the start of the file name of the post *path*; "" without one."""
    found = _DATED_NAME.fullmatch(_name(path))
    return found["date"] if found and path.parts[1] == "posts" else ""


def _is_index(path: PurePosixPath) -> bool:
    """Return whether *path* is named for its directory: posts/a/index.md is the page a."""
    return path.stem in _INDEX_STEMS and len(path.parts) > 3


def _name(path: PurePosixPath) -> str:
    return path.parent.name if _is_index(path) else path.stem


def title_of_name(path: PurePosixPath) -> str:
    """Return the title of *path* where its text has none: the words of its file name."""
    name = _name(path)
    if path.parts[1] == "posts" and (dated := _DATED_NAME.fullmatch(name)):
        name = dated["rest"]
    words = " ".join(re.split(r"[\s_-]+", name)).strip()
    return words[:1].upper() + words[1:]


def document_slug(path: PurePosixPath, meta: Metadata, urls: UrlPatterns) -> str:
    """Return the last part of the URL of *path*; raise SourceError if its name gives none."""
    name = _name(path)
    if path.parts[1] == "posts" and (dated := _DATED_NAME.fullmatch(name)):
        name = dated["rest"]
    slug = meta.slug or (slugify(meta.title) if urls.slug_from == "title" else slugify_name(name))
    if wrong := metadata.slug_fault(slug):
        raise SourceError([Fault(str(path), 1, f"its name {wrong[0]}", "add a line `slug: …`", "metadata")])
    return slug


def _directories(path: PurePosixPath) -> list[str]:
    """Return the directories of *path* below posts, pages or members, as parts of a URL."""
    names = path.parts[2 : -2 if _is_index(path) else -1]
    for name in names:
        if wrong := metadata.slug_fault(name):
            raise SourceError(
                [Fault(str(path), 0, f"its directory {name!r} {wrong[0]}", wrong[1], "address")]
            )
    return [slugify_name(name) for name in names]


def document_url(
    path: PurePosixPath,
    meta: Metadata,
    slug: str,
    config: SiteConfig,
    urls: UrlPatterns,
    *,
    kind: str,
    gated: bool,
) -> str:
    """Return the site-absolute URL of *path*; raise SourceError if it is reserved."""
    if meta.url:
        return _own_url(path, meta, gated)
    lang = meta.lang or config.lang
    index = path.stem in _INDEX_STEMS and len(path.parts) == 3 and slug == "index"
    parts = [] if path.parts[1] == "posts" and gated else _directories(path)
    whole = "/".join([*parts, slug])
    if gated:
        return "/members/" if index else f"/members/{whole}/"
    if kind == "page" and index:
        return "/" if lang == config.lang else f"/{lang}/"
    values: dict[str, object] = {"slug": slug, "lang": lang, "path": whole, "date": meta.date}
    if meta.date:
        day = meta.date.astimezone(ZoneInfo(config.timezone))
        values |= {"year": f"{day.year:04}", "month": f"{day.month:02}", "day": f"{day.day:02}"}
    values["category"] = slugify(meta.category or DEFAULT_CATEGORY)
    translated = lang != config.lang
    if kind == "post":
        pattern = urls.article_lang if translated else urls.article
    else:
        pattern = urls.page_lang if translated else urls.page
    url = "/" + pattern.format(**values)
    if url.endswith("/index.html"):  # which the server redirects to its directory
        url = url.removesuffix("index.html")
    if owner := reserved_for(url):
        if url.split("/")[1] in parts[:1]:
            line, fix = 0, f"rename the directory {path.parts[2]}"
        else:
            line, fix = meta.line("slug"), "give the page another name, as in `slug: …`"
        what = f"the URL {url} is reserved for {owner}"
        raise SourceError([Fault(str(path), line, what, fix, "address")])
    return url


def reserved_for(url: str) -> str:
    """Return whom *url* is reserved for; "" if a page may have it."""
    if url == "/":
        return "the front page, content/pages/index.md"
    if url.split("/")[1].lower() in RESERVED_NAMES or url.strip("/").lower() in _RESERVED_FILES:
        return "the server"
    return "a list of posts" if _LIST_URL.fullmatch(url) else ""


def _own_url(path: PurePosixPath, meta: Metadata, gated: bool) -> str:
    """Return the URL in the front matter; raise SourceError if the page may not have it."""
    url, line = meta.url, meta.line("url")
    if gated and not url.startswith("/members/"):
        what, fix = f"the URL {url} of a members' page is public", f"write `url: /members{url}`"
    elif owner := "" if gated else reserved_for(url):
        what, fix = f"the URL {url} is reserved for {owner}", "choose another one"
    else:
        return url
    raise SourceError([Fault(str(path), line, what, fix, "address")])


def entry_id(document: Addressed, config: SiteConfig) -> str:
    """Return the id of a post in feeds (RFC 4287, 4.2.6): its own, or a tag URI (RFC 4151)."""
    name = posixpath.splitext(document.path)[0].removeprefix(f"{CONTENT}/")
    return document.meta.id or f"tag:{config.feed_authority}:{quote(name)}"


def _key(url: str) -> str:
    return url.rstrip("/").lower() + "/"


def _named(document: Addressed) -> str:
    """Return the path of *document*, and the day on which it is due if that is to come."""
    due = document.mark == "scheduled" and document.meta.date
    return f"{document.path} (due {due:%Y-%m-%d})" if due else document.path


def address_conflicts(documents: Iterable[Addressed], config: SiteConfig) -> Iterator[Fault]:
    """Yield a fault for each URL, alias or feed entry id that two documents claim.

    *documents* are those that are published, and then those that are not due: their
    addresses must be free on the day that they are.
    Letter case is ignored: an NGINX ``map`` finds /About by /about, and a page
    and an alias that differ in case only would redirect to each other.
    """
    owner: dict[str, Addressed] = {}
    documents = list(documents)
    for document in documents:
        if first := owner.get(_key(document.url)):
            key = "url" if document.meta.url else "slug"
            what = f"has the URL {document.url}, as {_named(first)} has"
            fix = f"give one of them another {key}"
            yield Fault(document.path, document.meta.line(key), what, fix, "address")
        owner.setdefault(_key(document.url), document)
    for document in documents:
        for alias in document.meta.aliases:
            line = document.meta.line("aliases")
            if document.gated and not alias.startswith("/members/"):
                what = f"alias {alias} of a members' page is public"
                yield Fault(document.path, line, what, "put it below /members/", "alias")
            elif alias.split("/")[1].lower() in RESERVED_NAMES - {"members"}:
                yield Fault(
                    document.path, line, f"alias {alias} is reserved for the server", "remove it", "address"
                )
            if first := owner.get(_key(alias)):
                taken = "the URL of the page itself" if first is document else f"claimed by {_named(first)}"
                what = f"alias {alias} is {taken}"
                fix = "remove it" if first is document else "remove one of the two"
                yield Fault(document.path, line, what, fix, "alias")
            owner.setdefault(_key(alias), document)
    entries: dict[str, Addressed] = {}
    for document in (one for one in documents if one.kind == "post"):
        entry = entry_id(document, config)
        if (first := entries.setdefault(entry, document)) is not document:
            what = f"has the feed entry id {entry}, as {_named(first)} has"
            yield Fault(document.path, document.meta.line("id"), what, "change or remove id", "address")
