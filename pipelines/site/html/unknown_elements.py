"""Show elements that HTML does not have as their authors typed them.

``List<String>`` and ``<your-name>`` are text; a browser would drop them. A pair
of tags around a text, as ``<Listing>…</Listing>`` of another generator, is
removed, and the text stays. A function of HTML. No reads, no writes, no network.
"""

from __future__ import annotations

import re

from msgspec import Struct

from pipelines.site.html.allowlist import HTML_ELEMENTS, REFUSED_ELEMENTS

# The sanitizer refuses these by name: they are HTML, or parsers treat them in a way of their own.
_OTHER_ELEMENTS = """
    base bgsound body button center font big head html image isindex keygen link math menuitem meta nobr
    noembed noframes noscript plaintext rb rtc script strike style svg title tt acronym xmp
"""
_KNOWN = HTML_ELEMENTS.keys() | REFUSED_ELEMENTS.keys() | frozenset(_OTHER_ELEMENTS.split())
_TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)|<(?P<end>/?)(?P<name>[A-Za-z][^\s<>/]*+)(?P<rest>(?:[^<>"']|"[^"]*+"|'[^']*+')*+)>""",
    re.DOTALL,
)
# A quick test: the HTML of most pages has no other tags, in attributes and comments neither.
_NAME = re.compile(r"</?([A-Za-z][^\s<>/]*+)")
_ORDINARY = _KNOWN - {"link"}
MAX_REPORTED = 50  # on a page: the line of each is a search
_SPECIAL = re.compile(r"<(?:svg|math|textarea|xmp|style|script|plaintext|title|noembed|template)[\s/>]", re.I)
_HANDLER = re.compile(r"[\s/\"']on\w+\s*=", re.I)
_LINKED = re.compile(r"\b(?:href|rel)\s*=", re.I)
_CLOSED_FRAME = re.compile(r"(<iframe\b(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)/>", re.IGNORECASE)


class UnknownElement(Struct, frozen=True):
    """A tag that was replaced by text, or a pair that was removed."""

    at: int  # offset of its first tag in the HTML before
    needle: str  # in the source
    text: str
    fix: str


def replace_unknown_elements(html: str) -> tuple[str, list[UnknownElement]]:
    """Return *html* with unknown tags as text, or without those of a pair; and the first findings.

    HTML that parsers read in a mode of their own (SVG, scripts) stays: the
    sanitizer refuses what is unknown there. So does a tag with an event handler.
    """
    if set(_NAME.findall(html)) <= _ORDINARY or _SPECIAL.search(html):
        return html, []
    tags = [one for one in _TAG.finditer(html) if one["name"] and _is_unknown(one)]
    if not tags:
        return html, []
    pairs: set[int] = set()  # offsets of tags that have a partner
    open_tags: dict[str, list[int]] = {}
    for tag in tags:
        if not tag["end"]:
            if not tag["rest"].endswith("/"):
                open_tags.setdefault(tag["name"].lower(), []).append(tag.start())
        elif starts := open_tags.get(tag["name"].lower()):
            pairs |= {starts.pop(), tag.start()}
    found: list[UnknownElement] = []
    parts, at = [], 0
    for tag in tags:
        paired = tag.start() in pairs
        parts += [html[at : tag.start()], "" if paired else f"&lt;{tag[0][1:-1]}&gt;"]
        at = tag.end()
        what = f"<{tag['name']}> is not an HTML element of content"
        if paired:
            done = "its tags were removed, what is in it stays", "remove its tags"
        else:
            done = "it is shown as text", "put it in `backticks`, or write &lt; for its <"
        if len(found) < MAX_REPORTED and not (paired and tag["end"]):
            needle = f"<{tag['end']}{tag['name']}"
            found.append(UnknownElement(tag.start(), needle, f"{what}: {done[0]}", done[1]))
    return "".join([*parts, html[at:]]), found


def close_frames(html: str) -> str:
    """Return *html* with an end tag for each ``<iframe … />``, which HTML would leave open."""
    return _CLOSED_FRAME.sub(r"\1></iframe>", html) if "/>" in html and "<iframe" in html else html


def _is_unknown(tag: re.Match[str]) -> bool:
    name = tag["name"].lower()
    if name == "link":  # <link to the page>, a placeholder
        return bool(tag["rest"].strip()) and not _LINKED.search(tag["rest"])
    return name not in _KNOWN and not _HANDLER.search(tag["rest"])
