"""Find dropped markup: source text that would not appear on the page.

Markdown and HTML parsers drop text silently: ``List<String>`` becomes an
unknown element, ``[Note]: important`` an unused link definition. Functions of
texts and trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from pipelines.site.html.allowlist import HTML_ELEMENTS

# The tokens of HTML that begin with "<" (WHATWG, tokenization): comments, bogus comments, and tags, whose
# attributes may contain the same characters.
_TOKEN = re.compile(
    r"""(?P<comment><!--(?:-?>|.*?--!?>))
    |(?P<lost><!--.*|<(?:\?|!|/(?![A-Za-z]))[^>]*>?)
    |</?(?P<name>[A-Za-z][^\s/>]*+)
     (?:[\s/]++(?:[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>][^\s>]*+)?)?)?)*+(?P<end>>?)""",
    re.DOTALL | re.VERBOSE,
)
# A quick test: the HTML of most pages need not be tokenized.
_TAG_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_SUSPECT = re.compile(r"<(?:[?!]|/(?![A-Za-z]))|</?[A-Za-z][^<>]*\Z")
# Python-Markdown's own rules for what defines a link, a footnote and an abbreviation.
_NESTING_PREFIX = r"^[ \t]*(?:>[ \t]*|(?:[-*+:]|\d+\.)[ \t]+)*"  # of quotations and lists
_DEFINITION = re.compile(_NESTING_PREFIX + r"\[(?P<name>[^\[\]]*)\]: *(?P<target>\S+)", re.MULTILINE)
_ABBREVIATION = re.compile(_NESTING_PREFIX + r"\*\[(?P<name>(?:(?!\n\s*\n)[^\\])*?)\] ?:.*", re.MULTILINE)
_FENCE = re.compile(r"\s*(?:>\s?)*(`{3,}|~{3,})")


# What XML 1.0 forbids (feeds are XML), and surrogates; a character reference may produce them.
_FORBIDDEN_CODE_POINTS = frozenset(
    [*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF]
)


class DroppedMarkup(Struct, frozen=True):
    """Source text that would not appear on the page."""

    text: str
    fix: str
    needle: str  # the source text
    at: int = 0  # its offset in the searched text
    check: str = "dropped-markup"


def find_forbidden_character(html: str, taken: str, *, references: bool = True) -> DroppedMarkup | None:
    """Return the first character of *html* that XML forbids, or that is in *taken*, which the build uses.

    Without *references*, ``&#1;`` does not count: in Markdown it may be code.
    """
    if not (references and "&#" in html) and not any(character in html for character in taken):
        return None
    for found in re.finditer(f"[{taken}]|&#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<dec>[0-9]+))", html):
        if not references and found[0].startswith("&"):
            continue
        digits, base = (found["hex"], 16) if found["hex"] else (found["dec"], 10)
        number = int(digits[:9], base) if digits else ord(found[0])
        if number in _FORBIDDEN_CODE_POINTS or number in map(ord, taken):
            what = f"has a character that is not allowed in a page (U+{number:04X})"
            return DroppedMarkup(what, "remove it", found[0], found.start(), "encoding")
    return None


def find_dropped_tags(html: str, tree: LexborHTMLParser) -> Iterator[DroppedMarkup]:
    """Yield the tags of *html* that *tree*, its parsed form, does not contain.

    sanitizer.py checks the others.
    """
    fix = "put it in `backticks`, or write &lt; for its <"
    reported: set[str] = set()
    if not _SUSPECT.search(html) and set(_TAG_NAME.findall(html)) <= HTML_ELEMENTS.keys():
        return
    for found in _TOKEN.finditer(html):
        written, name = found[0], found["name"]
        if found["lost"] or (name and not found["end"] and found.end() == len(html)):
            what = f"{' '.join(written.split())[:40]} would be dropped"
            yield DroppedMarkup(what, fix, written[:12], found.start())
        elif name and name not in reported and name.lower() not in HTML_ELEMENTS and not _in_tree(tree, name):
            reported.add(name)
            yield DroppedMarkup(
                f"<{name}> is not an HTML element of content", fix, written.partition(">")[0], found.start()
            )


def _in_tree(tree: LexborHTMLParser, name: str) -> bool:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        return tree.css_matches(name)
    root = tree.root
    return any((node.tag or "").lower() == name.lower() for node in (root.traverse() if root else ()))


def find_dropped_definitions(body: str, text: str) -> Iterator[DroppedMarkup]:
    """Yield unused and repeated definitions of the Markdown *body*; *text* is the text of the page."""
    if "]:" not in body and "*[" not in body:
        return
    prose = _blank_fences(body)
    rest = _ABBREVIATION.sub("", prose)
    for one in _ABBREVIATION.finditer(prose):
        seen = one["name"].strip() and one["name"].strip() in rest
        if not seen and f"*[{one['name']}]" not in text:
            what = f"abbreviation *[{one['name']}] is not used"
            yield DroppedMarkup(
                what,
                "fix its name, or remove it",
                one[0].strip(),
                _definition_offset(one),
                "unused-definition",
            )
    found = [
        (_reference_key(one["name"]), one["target"], one[0].strip(), _definition_offset(one))
        for one in _DEFINITION.finditer(prose)
    ]
    if not found:
        return
    used = {_reference_key(name) for name in re.findall(r"\[([^\[\]]+)\]", _DEFINITION.sub("", prose))}
    first: dict[str, str] = {}
    for name, target, written, at in found:
        shown = f"[{written.partition(']:')[0].removeprefix('[')}]"
        is_footnote = name.startswith("^")
        check = "dropped-markup" if is_footnote else "unused-definition"
        if name in first and (is_footnote or first[name] != target):
            what = "footnote" if is_footnote else "link"
            text_of = f"{what} {shown} is defined twice: one is dropped"
            yield DroppedMarkup(text_of, "rename one", written, at, check)
        elif name not in used and f"{shown}:" not in text:
            what = "footnote" if is_footnote else "link definition"
            fix = f"write {shown} in the text" + ("" if is_footnote else ", or \\[ if it is text")
            yield DroppedMarkup(f"{what} {shown} is not used", fix, written, at, check)
        first.setdefault(name, target)


def _definition_offset(found: re.Match[str]) -> int:
    """Return the offset of a definition: the match of an empty one may begin with newlines."""
    return found.start() + len(found[0]) - len(found[0].lstrip())


def _reference_key(name: str) -> str:
    return " ".join(name.lower().split())


def _blank_fences(body: str) -> str:
    """Return *body* with fenced code replaced by spaces, so that offsets stay."""
    lines, fence = [], ""
    for line in body.split("\n"):
        sign = _FENCE.match(line)
        if fence:
            if sign and sign[1].startswith(fence) and not line[sign.end() :].strip():
                fence = ""
            line = " " * len(line)
        elif sign:
            fence, line = sign[1], " " * len(line)
        lines.append(line)
    return "\n".join(lines)
