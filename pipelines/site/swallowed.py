"""Find what an author wrote and no reader would see.

Markdown and HTML both drop in silence: ``List<String>`` loses a word to an
element that does not exist, ``[Note]: important`` is a link that nobody uses.
Functions of texts and trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Elements of HTML that may stand in the text of a page (WHATWG, flow content and its parts).
ELEMENTS = frozenset(
    (
        *("a", "abbr", "address", "area", "article", "aside", "audio", "b", "bdi", "bdo", "blockquote"),
        *("br", "button", "canvas", "caption", "cite", "code", "col", "colgroup", "data", "datalist"),
        *("dd", "del", "details", "dfn", "dialog", "div", "dl", "dt", "em", "embed", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hgroup", "hr", "i", "iframe", "img", "input", "ins", "kbd", "label", "legend", "li", "main"),
        *("map", "mark", "math", "menu", "meter", "nav", "noscript", "object", "ol", "optgroup"),
        *("option", "output", "p", "param", "picture", "pre", "progress", "q", "rp", "rt", "ruby", "s"),
        *("samp", "script", "section", "select", "small", "source", "span", "strong", "style", "sub"),
        *("summary", "sup", "svg", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "time"),
        *("tr", "track", "u", "ul", "var", "video", "wbr"),
    )
)
_TAG = re.compile(r"</?([A-Za-z][^\s/>]*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# What HTML takes for a comment although it is none, or for one that goes on to the end of the page.
_DECLARATION = re.compile(
    r"<(?:\?|!(?!--)|/(?![A-Za-z]))[^>]*>?|<!--(?!.*?-->).*|</?[A-Za-z][^<>]*\Z", re.DOTALL
)
# Python-Markdown's own rules for what defines a link, a footnote and an abbreviation.
_INSIDE = r"^[ \t]*(?:>[ \t]*|(?:[-*+:]|\d+\.)[ \t]+)*"  # of quotations and lists
_DEFINITION = re.compile(_INSIDE + r"\[(?P<name>[^\[\]]*)\]: *(?P<target>\S+)", re.MULTILINE)
_ABBREVIATION = re.compile(_INSIDE + r"\*\[(?P<name>(?:(?!\n\s*\n)[^\\])*?)\] ?:.*", re.MULTILINE)
_FENCE = re.compile(r"\s*(?:>\s?)*(`{3,}|~{3,})")


# What XML 1.0 forbids (feeds are XML) and what is no character; a reference may bring it in.
_UNSEEN = frozenset([*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that would vanish."""

    text: str
    remedy: str
    needle: str  # what to search for in the source


def lost_character(html: str, taken: str) -> Loss | None:
    """Return the first character of *html* that no page can show, or that the build itself has *taken*."""
    if "&#" not in html and not any(sign in html for sign in taken):
        return None
    for found in re.finditer(f"[{taken}]|&#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<dec>[0-9]+))", html):
        digits, base = (found["hex"], 16) if found["hex"] else (found["dec"], 10)
        number = int(digits[:9], base) if digits else ord(found[0])
        if number in _UNSEEN or number in map(ord, taken):
            return Loss(f"has a character that no page can show (U+{number:04X})", "remove it", found[0])
    return None


def lost_tags(html: str, tree: LexborHTMLParser) -> Iterator[Loss]:
    """Yield what of *html* the parser takes for markup although it is none; *tree* is *html*, parsed."""
    remedy = "put it in `backticks`, or write &lt; for its <"
    for found in _DECLARATION.findall(html):
        yield Loss(f"{' '.join(found.split())[:40]} would not be seen", remedy, found[:12])
    html = _COMMENT.sub("", html)
    names = {name for name in _TAG.findall(html) if name.lower() not in ELEMENTS}
    if not names:
        return
    drawn = {(node.tag or "").lower() for node in _nodes(tree) if _in_picture(node)}
    for name in sorted(names):
        if name.lower() not in drawn:
            yield Loss(f"<{name}> is no element of a text in HTML", remedy, f"<{name}")


def _nodes(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    root = tree.root
    yield from root.traverse() if root else ()


def _in_picture(node: LexborNode) -> bool:
    """Say whether *node* is part of an SVG or a formula, which have elements of their own."""
    up = node.parent
    while up is not None:
        if up.tag in ("svg", "math"):
            return True
        up = up.parent
    return False


def lost_definitions(body: str, text: str) -> Iterator[Loss]:
    """Yield the definitions of the Markdown *body* that the page does not use; *text* is the page's."""
    if "]:" not in body and "*[" not in body:
        return
    prose = _without_fences(body)
    for one in _ABBREVIATION.finditer(prose):
        seen = one["name"].strip() and one["name"].strip() in _ABBREVIATION.sub("", prose)
        if not seen and f"*[{one['name']}]" not in text:
            what = f"abbreviation *[{one['name']}] is used nowhere, so that nobody sees it"
            yield Loss(what, "mend its name, or remove it", one[0].strip())
    found = [(_key(one["name"]), one["target"], one[0].strip()) for one in _DEFINITION.finditer(prose)]
    if not found:
        return
    used = {_key(name) for name in re.findall(r"\[([^\[\]]+)\]", _DEFINITION.sub("", prose))}
    first: dict[str, str] = {}
    for name, target, written in found:
        shown = f"[{written.partition(']:')[0].removeprefix('[')}]"
        note = name.startswith("^")
        if name in first and (note or first[name] != target):
            what = "footnote" if note else "link"
            yield Loss(f"{what} {shown} is defined twice, and one is lost", "rename one", written)
        elif name not in used and f"{shown}:" not in text:
            what = "footnote" if note else "link definition"
            remedy = f"write {shown} where it belongs" + ("" if note else ", or \\[ if it is text")
            yield Loss(f"{what} {shown} is used nowhere, so that nobody sees it", remedy, written)
        first.setdefault(name, target)


def _key(name: str) -> str:
    return " ".join(name.lower().split())


def _without_fences(body: str) -> str:
    """Return *body* with the lines of fenced code left empty."""
    lines, fence = [], ""
    for line in body.split("\n"):
        sign = _FENCE.match(line)
        if fence:
            if sign and sign[1].startswith(fence) and not line[sign.end() :].strip():
                fence = ""
            line = ""
        elif sign:
            fence, line = sign[1], ""
        lines.append(line)
    return "\n".join(lines)
