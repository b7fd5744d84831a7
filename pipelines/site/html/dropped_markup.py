"""Find what an author wrote and no reader would see.

Markdown and HTML both drop in silence: ``List<String>`` loses a word to an
element that does not exist, ``[Note]: important`` is a link that nobody uses.
Functions of texts and trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from pipelines.site.html.allowlist import HTML_ELEMENTS

# The tokens of HTML in which a "<" begins markup (WHATWG, tokenization): comments, what HTML takes for a
# comment although it is none, and tags, whose attributes may hold any of these signs.
_TOKEN = re.compile(
    r"""(?P<comment><!--(?:-?>|.*?--!?>))
    |(?P<lost><!--.*|<(?:\?|!|/(?![A-Za-z]))[^>]*>?)
    |</?(?P<name>[A-Za-z][^\s/>]*+)
     (?:[\s/]++(?:[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>][^\s>]*+)?)?)?)*+(?P<end>>?)""",
    re.DOTALL | re.VERBOSE,
)
# Most pages hold nothing of this: reading their tokens one by one is spared.
_TAG_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_SUSPECT = re.compile(r"<(?:[?!]|/(?![A-Za-z]))|</?[A-Za-z][^<>]*\Z")
# Python-Markdown's own rules for what defines a link, a footnote and an abbreviation.
_NESTING_PREFIX = r"^[ \t]*(?:>[ \t]*|(?:[-*+:]|\d+\.)[ \t]+)*"  # of quotations and lists
_DEFINITION = re.compile(_NESTING_PREFIX + r"\[(?P<name>[^\[\]]*)\]: *(?P<target>\S+)", re.MULTILINE)
_ABBREVIATION = re.compile(_NESTING_PREFIX + r"\*\[(?P<name>(?:(?!\n\s*\n)[^\\])*?)\] ?:.*", re.MULTILINE)
_FENCE = re.compile(r"\s*(?:>\s?)*(`{3,}|~{3,})")


# What XML 1.0 forbids (feeds are XML) and what is no character; a reference may bring it in.
_FORBIDDEN_CODE_POINTS = frozenset(
    [*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF]
)


@dataclass(frozen=True, slots=True)
class DroppedMarkup:
    """Something that would vanish."""

    text: str
    fix: str
    needle: str  # how it was written
    at: int = 0  # where it stands in the text that was looked at


def find_forbidden_character(html: str, taken: str, *, references: bool = True) -> DroppedMarkup | None:
    """Return the first character of *html* that no page can show, or that the build itself has *taken*.

    Without *references*, ``&#1;`` is no such character: it may stand in code.
    """
    if not (references and "&#" in html) and not any(sign in html for sign in taken):
        return None
    for found in re.finditer(f"[{taken}]|&#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<dec>[0-9]+))", html):
        if not references and found[0].startswith("&"):
            continue
        digits, base = (found["hex"], 16) if found["hex"] else (found["dec"], 10)
        number = int(digits[:9], base) if digits else ord(found[0])
        if number in _FORBIDDEN_CODE_POINTS or number in map(ord, taken):
            what = f"has a character that no page can show (U+{number:04X})"
            return DroppedMarkup(what, "remove it", found[0], found.start())
    return None


def find_dropped_tags(html: str, tree: LexborHTMLParser) -> Iterator[DroppedMarkup]:
    """Yield what of *html* is in *tree*, its parsed form, in no way; other markup is for html_audit.py."""
    fix = "put it in `backticks`, or write &lt; for its <"
    told: set[str] = set()
    if not _SUSPECT.search(html) and set(_TAG_NAME.findall(html)) <= HTML_ELEMENTS.keys():
        return
    for found in _TOKEN.finditer(html):
        written, name = found[0], found["name"]
        if found["lost"] or (name and not found["end"] and found.end() == len(html)):
            what = f"{' '.join(written.split())[:40]} would not be seen"
            yield DroppedMarkup(what, fix, written[:12], found.start())
        elif name and name not in told and name.lower() not in HTML_ELEMENTS and not _in_tree(tree, name):
            told.add(name)
            yield DroppedMarkup(
                f"<{name}> is no element of a text in HTML", fix, written.partition(">")[0], found.start()
            )


def _in_tree(tree: LexborHTMLParser, name: str) -> bool:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        return tree.css_matches(name)
    root = tree.root
    return any((node.tag or "").lower() == name.lower() for node in (root.traverse() if root else ()))


def find_dropped_definitions(body: str, text: str) -> Iterator[DroppedMarkup]:
    """Yield the definitions of the Markdown *body* that the page does not use; *text* is the page's."""
    if "]:" not in body and "*[" not in body:
        return
    prose = _blank_fences(body)
    rest = _ABBREVIATION.sub("", prose)
    for one in _ABBREVIATION.finditer(prose):
        seen = one["name"].strip() and one["name"].strip() in rest
        if not seen and f"*[{one['name']}]" not in text:
            what = f"abbreviation *[{one['name']}] is used nowhere, so that nobody sees it"
            yield DroppedMarkup(what, "mend its name, or remove it", one[0].strip(), _definition_offset(one))
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
        note = name.startswith("^")
        if name in first and (note or first[name] != target):
            what = "footnote" if note else "link"
            yield DroppedMarkup(
                f"{what} {shown} is defined twice, and one is lost", "rename one", written, at
            )
        elif name not in used and f"{shown}:" not in text:
            what = "footnote" if note else "link definition"
            fix = f"write {shown} where it belongs" + ("" if note else ", or \\[ if it is text")
            yield DroppedMarkup(f"{what} {shown} is used nowhere, so that nobody sees it", fix, written, at)
        first.setdefault(name, target)


def _definition_offset(found: re.Match[str]) -> int:
    """Return where the words of a definition begin: an empty one may begin with line breaks."""
    return found.start() + len(found[0]) - len(found[0].lstrip())


def _reference_key(name: str) -> str:
    return " ".join(name.lower().split())


def _blank_fences(body: str) -> str:
    """Return *body* with the signs of fenced code replaced by blanks, so that every place stays."""
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
