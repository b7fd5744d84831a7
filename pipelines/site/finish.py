"""Look over one rendered page, and take out the bytes that nobody needs.

A function of the page's text. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import minify_html
from selectolax.lexbor import LexborHTMLParser, LexborNode

_OTHER_HOST = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//", re.A)
# What a page loads by itself, as opposed to what a reader may follow.
_EMBEDS = (
    "img, script, iframe, embed, object, audio, video, source, track, input[type=image], svg image, svg use"
)
_LOADING = ("src", "data", "poster", "href", "xlink:href")
_LINKS_LOADED = frozenset(
    (
        *("stylesheet", "icon", "apple-touch-icon", "mask-icon", "manifest", "preload", "modulepreload"),
        *("prefetch", "prerender", "preconnect", "dns-prefetch"),
    )
)
_NOT_PROSE = ["pre", "code", "kbd", "samp", "script", "style", "math", "svg", "textarea", "annotation"]
# What Markdown, Jinja or Pelican leave in a text when they did not understand it, and the way out.
_LEFTOVERS = (
    (
        r"\{\{[^}\n]*(?:\}\})?|\{%[^%\n]*(?:%\})?|\{#[^#\n]*|%\}",
        "Jinja",
        "take it out: only templates run it",
    ),
    (r"\{(?:filename|static|attach|tag|category|author|index)\}\S*", "a link", "write [words]({filename}…)"),
    (r"!?\[[^\]\n]*\]\([^)\s]*\)?", "a link", "write it as [words](target)"),
    (r"\[\[[^\]\n]+\]\]", "a link", "write it as [words](target)"),
    (r"\[[^\]\n]+\]\[[^\]\n]*\]", "a link", "add a line that defines it, as in [name]: target"),
    (r"\[[^\]\n]+\] \((?:https?://|[^)\s]+\.md\b)[^)\s]*\)", "a link", "take out the space between ] and ("),
    (r"(?<!\w)\*\*[^*\n]+\*\*(?!\w)|(?<!\w)__[^_\n]+__(?!\w)", "emphasis", "put no space inside the signs"),
    (r"~~[^~\n]+~~", "a strike-through", "write <del>…</del>"),
    (r"^\s*(?:```|~~~)[^\n]*", "a block of code", "close it with the same signs on a line of their own"),
    (r"^#{1,6} \S[^\n]*", "a heading", "put a blank line before it"),
    (r"\|[ \t]*:?(?:-{3,}|[–—]+-?):?[ \t]*\|", "a table", "put a blank line before it"),
    (r"\[\^[^\]\s]+\]", "a footnote", "add a line that begins with its sign, a colon and its text"),
    (r"\{:\s*[.#\w][^}\n]*\}?", "an attribute list", "put it at the end of what it is about"),
    (r"^!!! .*", "an admonition", "put a blank line before it"),
    (r"<!(?:--|–|—).*", "a comment", "close it with -->"),
)
_PATTERNS = tuple((re.compile(pattern, re.MULTILINE), what, remedy) for pattern, what, remedy in _LEFTOVERS)
# Typography, and what an author typed for it.
_TYPED = {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "--", "—": "---", "…": "..."}
# A line of a paragraph, which a blank line above (or four spaces) would have made an item.
_ITEM = re.compile(r"(?:\A\s*(?=[-*+])|\S[ \t]*\n[ \t]*)((?:[-*+]|1\.)[ \t][^\n]*)")
_SIGN = re.compile(r"^[ \t]*(?:[-*+]|1\.)[ \t]", re.M)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a page; *needles* are what to search for in the source, best first."""

    text: str
    remedy: str
    needles: tuple[str, ...] = ()
    kind: Literal["url", "markup", "text"] = "markup"  # what the needles are


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks of the whole site need to know of one page."""

    ids: frozenset[str]
    links: tuple[str, ...]  # every href of a reader's link, once
    loads: tuple[str, ...]  # every URL that the page asks for by itself, once
    findings: tuple[Finding, ...]
    hidden: bool  # robots: noindex


def minify(html: str) -> str:
    """Return *html* in fewer bytes; browsers build the same tree of it."""
    return minify_html.minify(
        html,
        keep_closing_tags=True,
        keep_html_and_head_opening_tags=True,
        keep_comments=False,
        minify_css=False,
        minify_js=False,
    )


def inspect(html: str) -> Facts:
    """Return the facts of a page."""
    tree = LexborHTMLParser(html)
    findings: list[Finding] = []
    ids = Counter(node.attributes["id"] or "" for node in tree.css("[id]"))
    for name in sorted(name for name, count in ids.items() if count > 1):
        needles = (f"#{name}", f'id="{name}"', f"id={name}", f"id='{name}'")
        findings.append(Finding(f"id {name!r} stands twice", "rename one", needles))
    findings.extend(_pictures(tree))
    findings.extend(_headings(tree))
    findings.extend(_inline(tree))
    loads = list(_loads(tree, findings))
    links = [node.attributes.get("href") or "" for node in tree.css("a[href], area[href]")]
    hidden = tree.css_matches("meta[name=robots][content~=noindex]")
    findings.extend(_leftovers(tree))  # takes nodes out of the tree: last
    return Facts(
        ids=frozenset(ids),
        links=tuple(dict.fromkeys(links)),
        loads=tuple(dict.fromkeys(loads)),
        findings=tuple(findings),
        hidden=hidden,
    )


def _pictures(tree: LexborHTMLParser) -> list[Finding]:
    remedy = 'write ![what it shows](…); alt="" if it only decorates'
    return [
        Finding("image without an alt text", remedy, (node.attributes.get("src") or "",), kind="url")
        for node in tree.css("img:not([alt])")
    ]


def _headings(tree: LexborHTMLParser) -> list[Finding]:
    found: list[Finding] = []
    before = 0
    for node in tree.css("h1, h2, h3, h4, h5, h6"):
        level, text = int((node.tag or "h0")[1]), node.text().strip().rstrip("#").strip()
        signs = "#" * level
        needles = (f"{signs} {text}", f"{signs}{text}", text)
        if level == 1 and before:
            found.append(Finding(f"a second <h1>: {text!r}", "begin with ##: the title is the <h1>", needles))
        elif level > before + 1:
            what = f"heading {text!r} is of level {level} after level {before}"
            found.append(Finding(what, f"make it level {before + 1}", needles))
        if not text:
            found.append(Finding(f"an empty heading <h{level}>", "give it words", (signs,)))
        before = level
    if not before:
        found.append(Finding("a page without a heading", "let the template write an <h1>"))
    return found


def _inline(tree: LexborHTMLParser) -> list[Finding]:
    found: list[Finding] = []
    for node in tree.css("style, script:not([src])"):
        if node.tag == "script" and node.attributes.get("type") == "application/ld+json":
            continue  # data: it is not run
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
    for node in tree.css("a[href]"):
        if re.match(r"\s*javascript:", node.attributes.get("href") or "", re.IGNORECASE):
            found.append(Finding("inline script in a link", "move it to theme/js", ("javascript:",)))
    for node in _with_handlers(tree):
        for name in node.attributes:
            if name.startswith("on"):
                found.append(Finding(f"inline handler {name}", "move it to theme/js", (f"{name}=", name)))
    return found


def _with_handlers(tree: LexborHTMLParser) -> list[LexborNode]:
    if not tree.html or not re.search(r"\son[a-z]+\s*=", tree.html):  # spares a walk over every node
        return []
    root = tree.root
    nodes = root.traverse() if root else ()
    return [node for node in nodes if any(name.startswith("on") for name in node.attributes)]


def _loads(tree: LexborHTMLParser, findings: list[Finding]) -> list[str]:
    urls: list[str] = []
    for node in tree.css(_EMBEDS):
        urls += [v for a in _LOADING if (v := node.attributes.get(a)) and not v.startswith("#")]
        for candidate in (node.attributes.get("srcset") or "").split(","):
            urls += candidate.split()[:1]
    for node in tree.css("link[href]"):
        if _LINKS_LOADED & set((node.attributes.get("rel") or "").lower().split()):
            urls.append(node.attributes.get("href") or "")
    for url in urls:
        if _OTHER_HOST.match(url):
            remedy = "put the file into content/, or link to it"
            findings.append(Finding(f"embeds {url} of another host", remedy, (url,), kind="url"))
    for node in tree.css("form[action], [formaction], a[ping]"):
        for attribute in ("action", "formaction", "ping"):
            url = node.attributes.get(attribute) or ""
            if _OTHER_HOST.match(url):
                findings.append(Finding(f"sends to {url} of another host", "link to it instead", (url,)))
    return [url for url in urls if not _OTHER_HOST.match(url) and not url.startswith("data:")]


def _leftovers(tree: LexborHTMLParser) -> list[Finding]:
    tree.strip_tags(_NOT_PROSE)
    body = tree.body
    text = body.text() if body else ""
    found = [
        _leftover(what, shown, remedy)
        for pattern, what, remedy in _PATTERNS
        for shown in dict.fromkeys(one[0].strip() for one in pattern.finditer(text))
    ]
    if _SIGN.search(text):
        remedy = "put a blank line before the list, and four spaces before an inner one"
        for node in tree.css("p, li, dd, td"):
            for item in _ITEM.findall(node.text(deep=False)):
                found.append(_leftover("an item of a list", item.strip(), remedy))
    return found


def _leftover(what: str, shown: str, remedy: str) -> Finding:
    typed = "".join(_TYPED.get(sign, sign) for sign in shown)
    text = f"{what} was not understood: {typed if len(typed) <= 60 else typed[:59] + '…'!r}"
    remedy = f"{remedy}, or put it in `backticks` if the reader is to see it"
    return Finding(text, remedy, (shown, typed), kind="text")
