"""Inspect and minify one rendered page.

A function of the page's text. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import minify_html
from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.html import allowlist
from pipelines.site.html.unparsed_markup import heading_text

_OTHER_HOST = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}", re.A)  # \ as browsers read it
_HANDLER = re.compile(r"on[a-z]+\s*=")
# Elements that load a resource, unlike links.
_EMBEDDING = (
    "img, script, iframe, embed, object, audio, video, source, track, input[type=image], svg image, svg use,"
    " svg feImage"
)
_HEADING = "h1, h2, h3, h4, h5, h6"
_LOADING_ATTRIBUTES = ("src", "data", "poster", "href", "xlink:href")
_LOADED_LINK_TYPES = frozenset(
    (
        *("stylesheet", "icon", "apple-touch-icon", "mask-icon", "manifest", "preload", "modulepreload"),
        *("prefetch", "prerender", "preconnect", "dns-prefetch"),
    )
)


class Finding(Struct, frozen=True):
    """A fault of a page, before it is attributed to a template or a document."""

    text: str
    fix: str
    needles: tuple[str, ...] = ()  # what to search for in the templates, best first
    url: str = ""  # the embedded URL
    heading: int = -1  # index of the heading
    id: str = ""
    check: str = "rendered-page"


class PageFacts(Struct, frozen=True):
    """What the checks of the whole site need of one page."""

    ids: frozenset[str]
    links: tuple[str, ...]  # the href of each link, without repetitions
    loads: tuple[str, ...]  # the URL of each loaded resource, without repetitions
    findings: tuple[Finding, ...]
    hidden: bool  # robots: noindex
    headings: tuple[tuple[int, str], ...] = ()  # (level, text) of each


def minify_page(html: str) -> str:
    """Return *html* minified; browsers build the same tree of it."""
    return minify_html.minify(
        html,
        keep_closing_tags=True,
        keep_html_and_head_opening_tags=True,
        keep_comments=False,
        minify_css=False,
        minify_js=False,
    )


def inspect_page(html: str, image_hosts: frozenset[str] = frozenset()) -> PageFacts:
    """Return the facts of a page; *image_hosts* are the origins whose images it may show."""
    tree = LexborHTMLParser(html)
    findings: list[Finding] = []
    ids = Counter(node.attributes["id"] or "" for node in tree.css("[id]"))
    for name in sorted(name for name, count in ids.items() if count > 1):
        needles = (f"#{name}", f'id="{name}"', f"id={name}", f"id='{name}'")
        findings.append(
            Finding(f"id {name!r} is used twice", "rename one", needles, id=name, check="duplicate-id")
        )
    findings.extend(_images_without_alt(tree))
    headings = tuple((int((node.tag or "h0")[1]), heading_text(node)) for node in tree.css(_HEADING))
    findings.extend(check_headings(headings))
    links = dict.fromkeys(node.attributes.get("href") or "" for node in tree.css("a[href], area[href]"))
    findings.extend(_inline_code(tree, links))
    loads = list(_loaded_urls(tree, findings, image_hosts))
    hidden = tree.css_matches("meta[name=robots][content~=noindex]")
    return PageFacts(
        ids=frozenset(ids),
        links=tuple(links),
        loads=tuple(dict.fromkeys(loads)),
        findings=tuple(findings),
        hidden=hidden,
        headings=headings,
    )


def _images_without_alt(tree: LexborHTMLParser) -> list[Finding]:
    fix = 'write ![what it shows](…), or alt="" for a decoration'
    return [
        Finding("image without an alt text", fix, (url,), url, check="image-alt")
        for url in (node.attributes.get("src") or "" for node in tree.css("img:not([alt])"))
    ]


def check_headings(headings: tuple[tuple[int, str], ...]) -> list[Finding]:
    """Return the findings in the (level, text) of the headings of a page."""
    found: list[Finding] = []
    before = 0
    for index, (level, text) in enumerate(headings):
        needles = (text, f"<h{level}")
        if level == 1 and before:
            fix = "begin with ##: the title is the <h1>"
            what = f"a second <h1>: {text!r}"
            found.append(Finding(what, fix, needles, heading=index, check="heading-level-1"))
        elif level > before + 1:
            what = f"heading {text!r} has level {level} after level {before}"
            fix = f"make it level {before + 1}"
            found.append(Finding(what, fix, needles, heading=index, check="heading-order"))
        if not text:
            what = f"empty heading <h{level}>"
            tag = (f"<h{level}",)
            found.append(Finding(what, "write its text", tag, heading=index, check="heading-order"))
        before = level
    if not before:
        found.append(Finding("a page without a heading", "write an <h1> in the template"))
    return found


def _inline_code(tree: LexborHTMLParser, links: Iterable[str]) -> list[Finding]:
    found: list[Finding] = []
    for node in tree.css("style, script:not([src])"):
        if node.tag == "script" and node.attributes.get("type") == "application/ld+json":
            continue  # data, not executed
        text = (node.text() or "").strip().split("\n")[0][:40]
        found.append(
            Finding(
                f"inline <{node.tag}>",
                f"move it to theme/{'css' if node.tag == 'style' else 'js'}",
                (text, f"<{node.tag}"),
            )
        )
    for node in tree.css("[style]"):
        style = node.attributes.get("style") or ""
        found.append(Finding(f"inline style {style!r}", "give it a class", (f'style="{style}"', style)))
    for link in links:
        if allowlist.url_scheme(link) in ("javascript", "vbscript", "data"):
            found.append(Finding("inline script in a link", "move it to theme/js", ("javascript:",)))
    for node in _nodes_with_handlers(tree):
        for name in node.attributes:
            if name.startswith("on"):
                found.append(Finding(f"inline handler {name}", "move it to theme/js", (f"{name}=", name)))
    return found


def _nodes_with_handlers(tree: LexborHTMLParser) -> list[LexborNode]:
    html = tree.html or ""
    # Avoids a walk over every node. A pattern that begins with letters is found ten times as fast as \son.
    if not any(html[found.start() - 1].isspace() for found in _HANDLER.finditer(html)):
        return []
    root = tree.root
    nodes = root.traverse() if root else ()
    return [node for node in nodes if any(name.startswith("on") for name in node.attributes)]


def _loaded_urls(tree: LexborHTMLParser, findings: list[Finding], image_hosts: frozenset[str]) -> list[str]:
    urls: list[str] = []
    for node in tree.css(_EMBEDDING):
        urls += [v for a in _LOADING_ATTRIBUTES if (v := node.attributes.get(a)) and not v.startswith("#")]
        for candidate in (node.attributes.get("srcset") or "").split(","):
            urls += candidate.split()[:1]
    for node in tree.css("link[href]"):
        if _LOADED_LINK_TYPES & set((node.attributes.get("rel") or "").lower().split()):
            urls.append(node.attributes.get("href") or "")
    for url in urls:
        if _OTHER_HOST.match(url) and not allowlist.has_origin(url, image_hosts):
            fix = "put the file into content/, or link to it"
            findings.append(Finding(f"embeds {url} from another host", fix, (url,), url))
    for node in tree.css("form[action], [formaction], a[ping]"):
        for attribute in ("action", "formaction", "ping"):
            url = node.attributes.get(attribute) or ""
            if _OTHER_HOST.match(url):
                findings.append(Finding(f"sends to {url} on another host", "link to it instead", (url,), url))
    return [url for url in urls if not _OTHER_HOST.match(url) and not url.startswith("data:")]
