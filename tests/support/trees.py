"""Built sites for tests: every page by its URL, with its elements.

Uses html.parser, not the parser of the build, so that a fault of that parser
shows. Reads the built tree; `owner_site` builds the repository's own site in a
temporary directory. No network.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import pytest

from pipelines.core import config
from tests.support.project import ROOT, build_site

ALL_DUE = 4_102_444_800  # 2100-01-01T00:00:00Z: every post of the owner is due by then
_VOID_ELEMENTS = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Attributes that name another resource.
URL_ATTRIBUTES = ("href", "src", "poster", "data", "action")


@dataclass(slots=True)
class Element:
    """One element and its own text."""

    tag: str
    attrs: dict[str, str]
    lang: str  # its own, or that of its nearest ancestor
    text: str = ""


class _ElementParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.path: list[Element] = []  # the open elements, from the root on

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        around = self.path[-1].lang if self.path else ""
        found = {name: value or "" for name, value in attrs}
        self.elements.append(Element(tag, found, found.get("lang", around)))
        if tag not in _VOID_ELEMENTS:
            self.path.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        while self.path and self.path.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.path:
            self.path[-1].text += data


def parse_html(html: str) -> list[Element]:
    """Return the elements of *html* in their order."""
    reader = _ElementParser()
    reader.feed(html)
    reader.close()
    return reader.elements


@dataclass(frozen=True)
class Page:
    """One HTML file of a site."""

    url: str  # site-absolute: "/posts/x/", "/404.html"
    file: Path
    elements: list[Element] = field(repr=False)

    def all(self, tag: str, **attrs: str) -> list[Element]:
        """Return the elements *tag* that carry *attrs*; their names end in _ where Python wants it."""
        wanted = {name.rstrip("_"): value for name, value in attrs.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag and all(one.attrs.get(name) == value for name, value in wanted.items())
        ]

    def meta(self, name: str) -> list[str]:
        """Return the contents of every <meta> called *name*."""
        found = [one for one in self.all("meta") if one.attrs.get("name", one.attrs.get("property")) == name]
        return [one.attrs.get("content", "") for one in found]

    @property
    def hidden(self) -> bool:
        """Whether the page has robots: noindex."""
        return any("noindex" in content for content in self.meta("robots"))

    @property
    def lang(self) -> str:
        return self.all("html")[0].attrs.get("lang", "")

    @cached_property
    def ids(self) -> set[str]:
        return {one.attrs["id"] for one in self.elements if "id" in one.attrs}

    def references(self) -> Iterator[str]:
        """Yield everything that the page links to or loads, as it is written."""
        for one in self.elements:
            if one.tag == "form" and one.attrs.get("action", "").startswith("/_allauth/"):
                continue  # the login API: not a file
            yield from (one.attrs[name] for name in URL_ATTRIBUTES if one.attrs.get(name))
            for candidate in one.attrs.get("srcset", "").split(","):
                yield from candidate.split()[:1]


@dataclass(frozen=True)
class Site:
    """A built project; tests must not change it."""

    project: Path
    as_of: int

    @property
    def out(self) -> Path:
        return self.project / "out" / "site"

    @property
    def public(self) -> Path:
        return self.out / "public"

    @property
    def gated(self) -> Path:
        return self.out / "gated"

    @cached_property
    def config(self) -> config.SiteConfig:
        return config.load_config(self.project)

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file by its path: "/posts/x/index.html"."""
        found: dict[str, Path] = {}
        for root in (self.public, self.gated):
            for file in sorted(root.rglob("*")):
                if file.is_file() and file.suffix not in (".br", ".gz"):
                    found["/" + file.relative_to(root).as_posix()] = file
        return found

    @cached_property
    def pages(self) -> dict[str, Page]:
        """Every page by its URL, without HTML files of content/extra."""
        found = {}
        for path, file in self.files.items():
            if file.suffix == ".html" and not self.given(path):
                url = path.removesuffix("index.html")
                found[url] = Page(url, file, parse_html(file.read_text("utf-8")))
        return found

    def given(self, path: str) -> bool:
        """Whether the file at *path* is a verbatim copy of a file in content/extra."""
        return (self.project / f"content/extra{path}").exists()

    @property
    def indexed(self) -> dict[str, Page]:
        """The pages that search engines may show."""
        return {url: page for url, page in self.pages.items() if not page.hidden}

    @cached_property
    def aliases(self) -> set[str]:
        lines = (self.out / "aliases.map").read_text("utf-8").splitlines()
        return {line.split('"')[1] for line in lines}

    def resolve(self, base: str, reference: str) -> tuple[str, str] | None:
        """Return the (path, fragment) of *reference* on the page *base*; None on another host."""
        here = self.config.url
        whole, fragment = urldefrag(urljoin(here + base, reference))
        parts = urlsplit(whole)
        if f"{parts.scheme}://{parts.netloc}" != here:
            return None
        return unquote(parts.path) or "/", unquote(fragment)


LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ATOM = "{http://www.w3.org/2005/Atom}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One post in a feed."""

    path: str  # of its page: "/posts/x/"
    title: str
    published: str
    lang: str  # its own, or that of the feed
    content: str  # HTML


def feed_entries(site: Site) -> list[Entry]:
    """Return the entries of the feed of all posts."""
    feed = ElementTree.fromstring(site.files["/feed.atom"].read_bytes())
    found = []
    for entry in feed.iter(f"{_ATOM}entry"):
        link = next(one.get("href", "") for one in entry.iter(f"{_ATOM}link"))
        texts = {name: entry.findtext(f"{_ATOM}{name}", "") for name in ("title", "published", "content")}
        lang = entry.get(LANG) or feed.get(LANG) or ""
        found.append(Entry(path=link.removeprefix(site.config.url), lang=lang, **texts))
    return found


def owner_site(factory: pytest.TempPathFactory) -> Site:
    """Return the owner's site, built from copies, once for each process.

    Whatever stands in it: tests must hold for any content.
    """
    return _build_owner_site(factory.getbasetemp())


@cache
def _build_owner_site(folder: Path) -> Site:
    project = folder / "owner" / "site"
    for name in ("content", "theme"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("site.toml", "pelicanconf.py"):
        shutil.copy(ROOT / name, project)
    build_site(project, as_of=ALL_DUE)
    return Site(project, ALL_DUE)


PACKAGES = ROOT / "node_modules"


def require_package(path: str) -> Path:
    """Return the file *path* of an npm package; skip the test, or fail in CI, without it."""
    if (file := PACKAGES / path).is_file():
        return file
    message = f"{path} is not in node_modules/: make test"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
