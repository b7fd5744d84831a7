"""Resolve the links of a source file to the URLs of the site.

A function of the link and of the files of the site. No reads, no writes, no
network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import SplitResult, quote, unquote, urlsplit

from msgspec import Struct, field

from pipelines.core.errors import suggest
from pipelines.site.content.document import Document
from pipelines.site.content.read_policy import CONTENT
from pipelines.site.content.slugs import slugify
from pipelines.site.html import allowlist

# Pelican's link syntax: {filename}a.md, {static}a.pdf, {attach}a.pdf, {tag}x, {category}x, {author}x, {index}
_PELICAN_LINK = re.compile(
    r"(?:\{|%7B|\|)(filename|static|attach|tag|category|author|index)(?:\}|%7D|\|)(.*)", re.I
)
_INDEXES = ("index.md", "README.md", "readme.md")  # the page of a directory
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Image formats that may contain location data (EXIF) and whose metadata is not removed.
_UNSUPPORTED_IMAGES = frozenset(".tif .tiff .jfif .jpe .heic .heif .bmp .jxl .dng .raw .psd .jp2".split())
_FORBIDDEN_SCHEMES = frozenset({"javascript", "vbscript", "data", "file", "blob", "about"})


class ImageFacts(Struct, frozen=True):
    """An image file of content/ as it is published."""

    name: str  # hashed: "desert.3fa9c1d0.jpg"
    width: int  # CSS pixels
    height: int


class LinkContext(Struct, frozen=True):
    """What a page may link to."""

    urls: Mapping[str, str]  # path of a document -> its URL
    hidden: Mapping[str, str]  # path of an unpublished document -> reason
    files: AbstractSet[str]  # every other file of content/
    images: Mapping[str, ImageFacts] = field(default_factory=dict)  # by path
    broken: AbstractSet[str] = frozenset()  # documents with faults of their own
    damaged: AbstractSet[str] = frozenset()  # images with faults of their own
    scripts: frozenset[str] = frozenset()  # URLs of scripts that a page may load
    image_hosts: frozenset[str] = frozenset()  # origins whose images a page may show
    frame_hosts: frozenset[str] = frozenset()  # origins whose frames become links without a finding


class LinkTarget(Struct, frozen=True):
    """The URL of a link, and the file of content/ to publish for it."""

    url: str
    file: str = ""


class BrokenLink(Exception):
    """A link without a valid target: (what is wrong, the fix)."""

    def __init__(self, text: str, fix: str, check: str = "broken-link") -> None:
        super().__init__(text, fix)
        self.check = check


def resolve_link(href: str, document: Document, context: LinkContext) -> LinkTarget:
    """Return the target of *href* as written in *document*; raise BrokenLink.

    Links to other hosts, site-absolute URLs and fragments stay unchanged: the
    check of the whole site validates them.
    """
    href = allowlist.normalize_url(href).strip()
    if not href:
        raise BrokenLink("links to nothing", "write where the link leads", "empty-link")
    try:
        parts = urlsplit(href)
        parts.port  # noqa: B018  # urlsplit parses it lazily
    except ValueError as error:
        raise BrokenLink(f"links to {href}, which is not a URL ({error})", "fix it") from None
    if mark := _PELICAN_LINK.fullmatch(href):
        return _resolve_pelican_link(mark[1].lower(), mark[2], document, context)
    if scheme := _SCHEME.match(href):
        return _check_external(href, scheme[0][:-1].lower(), parts.netloc)
    if href.startswith(("#", "//")):
        return LinkTarget(href)
    if not parts.path:  # only a query
        return LinkTarget(href)
    tail = _query_and_fragment(parts)
    name = unquote(parts.path)
    if parts.path.startswith("/"):  # below content/, or as GitLab resolves it: below the project
        path = posixpath.normpath(name)
        known = [file for file in (CONTENT + path, path.lstrip("/")) if _is_file(file, context)]
        return _resolve_file(known[0], tail, document, context) if known else LinkTarget(href)
    file = posixpath.normpath(posixpath.join(posixpath.dirname(document.path), name))
    if _is_file(file, context) or _has_suffix(name):
        return _resolve_file(file, tail, document, context)
    if index := next((url for one in _INDEXES if (url := context.urls.get(f"{file}/{one}"))), ""):
        return LinkTarget(index + tail)
    path = posixpath.join(posixpath.dirname(document.url), parts.path)
    return LinkTarget(posixpath.normpath(path).rstrip("/") + "/" + tail)


def _has_suffix(name: str) -> bool:
    """Return whether *name* is that of a file: not of a directory, and not a version, as in ``guide-1.2``."""
    suffix = PurePosixPath(name).suffix[1:]
    return bool(suffix) and not name.endswith("/") and not suffix.isdecimal()


def _check_external(href: str, scheme: str, host: str) -> LinkTarget:
    if scheme in _FORBIDDEN_SCHEMES:
        raise BrokenLink(f"links to a {scheme}: URL", "use https:, mailto: or a path", "unsafe-html")
    if scheme not in allowlist.LINK_SCHEMES:  # a typing error, or a scheme that browsers do not open
        near = suggest(scheme, allowlist.LINK_SCHEMES - {""})
        fix = near if near.startswith("did") else "use https:, mailto: or a path"
        raise BrokenLink(f"links to {href} with the unknown scheme {scheme}:", fix)
    if scheme in ("http", "https") and not host:
        raise BrokenLink(f"links to {href}, which has no host", f"write {scheme}://…")
    return LinkTarget(href)


def _is_file(path: str, context: LinkContext) -> bool:
    return any(path in known for known in (context.urls, context.files, context.hidden, context.broken))


def _normalized_path(path: str, context: LinkContext) -> str:
    """Return *path* in the Unicode normalization form of the file's name: ü may be one character or two."""
    for form in ("NFC", "NFD"):
        if _is_file(other := normalize(form, path), context):
            return other
    return path


def _resolve_pelican_link(mark: str, rest: str, document: Document, context: LinkContext) -> LinkTarget:
    if mark in ("tag", "category"):  # "#" belongs to the name, as in C#
        name = unquote(rest).strip()
        if slug := slugify(name):
            return LinkTarget(f"/{'tags' if mark == 'tag' else 'categories'}/{slug}/")
        named = (
            f"the {mark} {name!r}, whose name has no letter or digit" if name else f"a {mark} without a name"
        )
        raise BrokenLink(f"links to {named}", f"name a {mark} that a post has")
    if mark == "author":
        raise BrokenLink(
            f"links to the author {unquote(rest)!r}: authors have no pages", "write the name as text"
        )
    if mark == "index":
        return LinkTarget("/" + rest.lstrip("/"))
    parts = urlsplit(rest)
    name = unquote(parts.path)
    folder = CONTENT if name.startswith("/") else posixpath.dirname(document.path)
    file = posixpath.normpath(posixpath.join(folder, name.lstrip("/")))
    return _resolve_file(file, _query_and_fragment(parts), document, context)


def _query_and_fragment(parts: SplitResult) -> str:
    return (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")


def _resolve_file(path: str, tail: str, document: Document, context: LinkContext) -> LinkTarget:
    path = path if _is_file(path, context) else _normalized_path(path, context)
    if url := context.urls.get(path):
        return LinkTarget(url + tail)
    if why := context.hidden.get(path):
        fix = "publish it, or remove the link"
        raise BrokenLink(f"links to {path}, which is not published ({why})", fix)
    if path in context.broken:  # reported with its own fault
        return LinkTarget("#")
    if path not in context.files:
        near = _similar_path(path, [*context.urls, *context.files, *context.broken])
        fix = f"did you mean {near}?" if near else "fix the path, or add the file"
        if posixpath.basename(path).startswith("www."):
            fix = "write https:// in front of it"
        raise BrokenLink(f"links to {path}, which does not exist", fix)
    if PurePosixPath(path).suffix.lower() in _UNSUPPORTED_IMAGES:
        fix = "export it as JPEG, PNG, WebP or AVIF"
        raise BrokenLink(
            f"shows {path}, whose location and camera data cannot be removed", fix, "broken-image"
        )
    if path.startswith(f"{CONTENT}/members/") and not document.gated:
        fix = "move the file out of content/members, or the page into it"
        raise BrokenLink(f"shows {path}, which is for members only", fix, "read-policy")
    return LinkTarget(file_url(path, document.gated, context) + tail, path)


def _similar_path(path: str, known: Iterable[str]) -> str:
    """Return the known file whose name is most similar to that of *path*; "" without one.

    The name alone, where only its letter case differs.
    """
    meant = PurePosixPath(path)
    known = list(known)
    for one in known:
        if one.lower() == path.lower():
            other = PurePosixPath(one)
            return other.name if other.parent == meant.parent else one
    found = [PurePosixPath(one) for one in sorted(known, reverse=True)]
    by_stem = {one.stem: str(one) for one in found if one.suffix == meant.suffix}
    from difflib import get_close_matches

    near = get_close_matches(meant.stem, sorted(by_stem), n=1, cutoff=0.7)
    return by_stem[near[0]] if near else ""


def file_url(path: str, gated: bool, context: LinkContext) -> str:
    """Return the URL under which the file *path* of content/ is published.

    Images get a hashed name; other files keep theirs, since people link to them.
    """
    prefix = "/members" if gated else ""
    if image := context.images.get(path):
        return f"{prefix}/assets/{image.name}"
    rest = path.removeprefix(CONTENT)
    if path.startswith(f"{CONTENT}/extra/"):
        return quote(path.removeprefix(f"{CONTENT}/extra"))
    return quote(rest if rest.startswith("/members/") else prefix + rest)
