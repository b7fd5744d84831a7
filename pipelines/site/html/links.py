"""Resolve what an author wrote as a link into the URL that a reader follows.

A function of the link and of what the site holds. No reads, no writes, no
network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pipelines.core.errors import suggest
from pipelines.site.content.documents import Document
from pipelines.site.content.metadata import slugify
from pipelines.site.content.read_policy import CONTENT
from pipelines.site.html import allowlist

# Pelican's own marks: {filename}a.md, {static}a.pdf, {attach}a.pdf, {tag}x, {category}x, {index}
_PELICAN_LINK = re.compile(r"(?:\{|%7B|\|)(filename|static|attach|tag|category|index)(?:\}|%7D|\|)(.*)", re.I)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Pictures that may tell where they were taken, in forms that are not read here.
_UNSUPPORTED_IMAGES = frozenset(".tif .tiff .jfif .jpe .heic .heif .bmp .jxl .dng .raw .psd .jp2".split())
_FORBIDDEN_SCHEMES = frozenset({"javascript", "vbscript", "data", "file", "blob", "about"})


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image file of the content, as the tree will hold it."""

    name: str  # hashed: "desert.3fa9c1d0.jpg"
    width: int  # CSS pixels
    height: int


@dataclass(frozen=True, slots=True)
class LinkContext:
    """What a page may refer to."""

    urls: Mapping[str, str]  # path of a document -> its URL
    hidden: Mapping[str, str]  # path of a document that is left out -> why
    files: frozenset[str]  # every other file of content/
    pictures: Mapping[str, ImageFacts] = field(default_factory=dict)  # by path
    broken: frozenset[str] = frozenset()  # documents with faults of their own
    scripts: frozenset[str] = frozenset()  # URLs of scripts that a text may load


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Where a link leads, and the file of content/ that must then be published."""

    url: str
    file: str = ""


class BrokenLink(Exception):
    """A link that leads nowhere: (what is wrong, what to do)."""


def resolve_link(href: str, document: Document, around: LinkContext) -> LinkTarget:
    """Return the target of *href* as written in *document*; raise BrokenLink.

    Links to other hosts, to site-absolute URLs and to fragments stay as they
    are: whether those exist is known only when all pages are.
    """
    href = allowlist.normalize_url(href).strip()
    if not href:
        raise BrokenLink("links to nothing", "write where the link leads")
    try:
        parts = urlsplit(href)
        parts.port  # noqa: B018  # is read only now
    except ValueError as error:
        raise BrokenLink(f"links to {href}, which is no URL ({error})", "mend it") from None
    if mark := _PELICAN_LINK.fullmatch(href):
        return _resolve_pelican_link(mark[1].lower(), mark[2], document, around)
    if scheme := _SCHEME.match(href):
        return _check_external(href, scheme[0][:-1].lower(), parts.netloc)
    if href.startswith(("#", "//")):
        return LinkTarget(href)
    if not parts.path:  # only a query
        return LinkTarget(href)
    tail = _query_and_fragment(parts)
    name = unquote(parts.path)
    if parts.path.startswith("/"):
        file = CONTENT + posixpath.normpath(name)
        return _resolve_file(file, tail, document, around) if _is_file(file, around) else LinkTarget(href)
    file = posixpath.normpath(posixpath.join(posixpath.dirname(document.path), name))
    if _is_file(file, around) or PurePosixPath(name).suffix:
        return _resolve_file(file, tail, document, around)
    return LinkTarget(posixpath.normpath(posixpath.join(document.url, parts.path)).rstrip("/") + "/" + tail)


def _check_external(href: str, scheme: str, host: str) -> LinkTarget:
    if scheme in _FORBIDDEN_SCHEMES:
        raise BrokenLink(f"links to a {scheme}: URL", "use https:, mailto: or a path")
    if scheme not in allowlist.LINK_SCHEMES:  # a slip of the pen, or what no browser opens
        near = suggest(scheme, allowlist.LINK_SCHEMES - {""})
        fix = near if near.startswith("did") else "use https:, mailto: or a path"
        raise BrokenLink(f"links to {href}, and nobody knows {scheme}:", fix)
    if scheme in ("http", "https") and not host:
        raise BrokenLink(f"links to {href}, which names no host", f"write {scheme}://…")
    return LinkTarget(href)


def _is_file(path: str, around: LinkContext) -> bool:
    return any(path in known for known in (around.urls, around.files, around.hidden, around.broken))


def _normalized_path(path: str, around: LinkContext) -> str:
    """Return *path* as the file system has it: an ü may be one character there or two."""
    for form in ("NFC", "NFD"):
        if _is_file(other := normalize(form, path), around):
            return other
    return path


def _resolve_pelican_link(mark: str, rest: str, document: Document, around: LinkContext) -> LinkTarget:
    if mark in ("tag", "category"):
        name, _, fragment = rest.partition("#")
        plural = "tags" if mark == "tag" else "categories"
        return LinkTarget(f"/{plural}/{slugify(unquote(name))}/" + (f"#{fragment}" if fragment else ""))
    if mark == "index":
        return LinkTarget("/" + rest.lstrip("/"))
    parts = urlsplit(rest)
    name = unquote(parts.path)
    folder = CONTENT if name.startswith("/") else posixpath.dirname(document.path)
    file = posixpath.normpath(posixpath.join(folder, name.lstrip("/")))
    return _resolve_file(file, _query_and_fragment(parts), document, around)


def _query_and_fragment(parts: SplitResult) -> str:
    return (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")


def _resolve_file(path: str, tail: str, document: Document, around: LinkContext) -> LinkTarget:
    path = path if _is_file(path, around) else _normalized_path(path, around)
    if url := around.urls.get(path):
        return LinkTarget(url + tail)
    if why := around.hidden.get(path):
        fix = "publish it, or remove the link"
        raise BrokenLink(f"links to {path}, which is not published ({why})", fix)
    if path in around.broken:  # its own fault is told; a second one would only confuse
        return LinkTarget("#")
    if path not in around.files:
        near = _similar_path(path, [*around.urls, *around.files, *around.broken])
        fix = f"did you mean {near}?" if near else "mend the path, or add the file"
        if posixpath.basename(path).startswith("www."):
            fix = "write https:// in front of it"
        raise BrokenLink(f"links to {path}, which does not exist", fix)
    if PurePosixPath(path).suffix.lower() in _UNSUPPORTED_IMAGES:
        fix = "export it as JPEG, PNG, WebP or AVIF"
        raise BrokenLink(f"shows {path}, of which place and camera cannot be taken out", fix)
    if path.startswith(f"{CONTENT}/members/") and not document.gated:
        fix = "move the file out of content/members, or the page into it"
        raise BrokenLink(f"shows {path}, which is for members only", fix)
    return LinkTarget(file_url(path, document.gated, around) + tail, path)


def _similar_path(path: str, known: Iterable[str]) -> str:
    """Return the file that *path* may have meant: of this name elsewhere, or of one like it."""
    meant = PurePosixPath(path)
    found = [PurePosixPath(one) for one in sorted(known, reverse=True)]
    by_stem = {one.stem: str(one) for one in found if one.suffix == meant.suffix}
    near = get_close_matches(meant.stem, sorted(by_stem), n=1, cutoff=0.7)
    return by_stem[near[0]] if near else ""


def file_url(path: str, gated: bool, around: LinkContext) -> str:
    """Return the URL under which the file *path* of content/ is published.

    Images get a hashed name; other files keep theirs, since people link to them.
    """
    prefix = "/members" if gated else ""
    if picture := around.pictures.get(path):
        return f"{prefix}/assets/{picture.name}"
    rest = path.removeprefix(CONTENT)
    if path.startswith(f"{CONTENT}/extra/"):
        return quote(path.removeprefix(f"{CONTENT}/extra"))
    return quote(rest if rest.startswith("/members/") else prefix + rest)
