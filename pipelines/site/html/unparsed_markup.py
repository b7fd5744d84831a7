"""Find unparsed markup: Markdown, Jinja or Pelican syntax that the result shows as text.

Functions of trees and texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

_CODE_ELEMENTS = ["pre", "code", "kbd", "samp", "script", "style", "math", "svg", "textarea", "annotation"]
# (strings of which each match contains one, pattern, what it is, fix)
# No part of a pattern may match the pattern's own beginning: time would be quadratic.
_RULES = (
    (
        ("{", "%}"),
        r"\{\{[^}\n]*(?:\}\})?|\{%[^%\n]*(?:%\})?|\{#[^#\n]*|%\}",
        "Jinja",
        "remove it: Jinja works in templates only",
    ),
    (
        ("{",),
        r"\{(?:filename|static|attach|tag|category|author|index)\}\S*",
        "link",
        "write [text]({filename}…)",
    ),
    (("](",), r"!?\[[^\[\]\n]*\]\([^)\s]*\)?", "link", "write it as [text](target)"),
    (("[[",), r"\[\[[^\[\]\n]+\]\]", "link", "write it as [text](target)"),
    (("][",), r"\[[^\[\]\n]+\]\[[^\[\]\n]*\]", "link", "add a line that defines it, as in [name]: target"),
    (
        ("]", "("),
        r"\[[^\[\]\n]+\] \((?:https?://|[^)\s]+\.md\b)[^)\s]*\)",
        "link",
        "remove the space between ] and (",
    ),
    (
        ("**", "__"),
        r"(?<!\w)\*\*[^*\n]+\*\*(?!\w)|(?<!\w)__[^_\n]+__(?!\w)",
        "emphasis",
        "remove the spaces inside the markers",
    ),
    (("~~",), r"~~[^~\n]+~~", "strike-through", "write <del>…</del>"),
    (
        ("```", "~~~"),
        r"^[ \t]*(?:```|~~~)[^\n]*",
        "code block",
        "close it with the same characters on a line of their own",
    ),
    (("#",), r"^#{1,6} \S[^\n]*", "heading", "put a blank line before it"),
    (("|",), r"\|[ \t]*:?(?:-{3,}|[–—]+-?):?[ \t]*\|", "table", "put a blank line before it"),
    (
        ("[^",),
        r"\[\^[^\[\]\s]+\]",
        "footnote",
        "add a line that defines it, as in [^1]: text",
    ),
    (("{:",), r"\{:[ \t]*[.#\w][^}\n]*\}?", "attribute list", "put it at the end of its element"),
    (("!!!",), r"^!!! .*", "admonition", "put a blank line before it"),
    (("<!",), r"<!(?:--|–|—).*", "comment", "close it with -->"),
)
_PATTERNS = tuple(
    (characters, re.compile(pattern, re.MULTILINE), what, fix) for characters, pattern, what, fix in _RULES
)
# Typographic characters -> what the author typed.
_TYPED = {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "--", "—": "---", "…": "..."}
# A line of a paragraph that a blank line above (or four spaces) would make a list item.
_ITEM = re.compile(r"(?:\A\s*(?=[-*+])|\S[ \t]*\n[ \t]*)((?:[-*+]|1\.)[ \t][^\n]*)")
_ITEM_START = re.compile(r"^[ \t]*(?:[-*+]|1\.)[ \t]", re.M)


@dataclass(frozen=True, slots=True)
class UnparsedMarkup:
    """Markup that the page would show as text."""

    text: str
    fix: str
    shown: str  # on the page
    typed: str  # in the source


def find_unparsed(tree: LexborHTMLParser) -> list[UnparsedMarkup]:
    """Return the unparsed markup of *tree*, a page or a fragment; removes code and formulas from it."""
    strip_code(tree)
    body = tree.body or tree.root
    text = body.text() if body else ""
    found = find_unparsed_text(text)
    if _ITEM_START.search(text):
        fix = "put a blank line before the list, and four spaces before an inner one"
        for node in tree.css("p, li, dd, td"):
            for item in _ITEM.findall(node.text(deep=False)):
                found.append(_unparsed("list item", item.strip(), fix))
    return found


def find_unparsed_text(text: str) -> list[UnparsedMarkup]:
    """Return the unparsed markup of one *text*."""
    return [
        _unparsed(what, shown, fix)
        for characters, pattern, what, fix in _PATTERNS
        if any(character in text for character in characters)
        for shown in dict.fromkeys(one[0].strip() for one in pattern.finditer(text))
    ]


def strip_code(tree: LexborHTMLParser) -> LexborHTMLParser:
    """Remove code, formulas and drawings from *tree*, and return it."""
    tree.strip_tags(_CODE_ELEMENTS)
    return tree


def heading_text(node: LexborNode) -> str:
    """Return the text of a heading, without its permalink."""
    return node.text().strip().rstrip("#").strip()


def _unparsed(what: str, shown: str, fix: str) -> UnparsedMarkup:
    typed = "".join(_TYPED.get(character, character) for character in shown)
    text = f"unparsed {what}: {typed if len(typed) <= 60 else typed[:59] + '…'!r}"
    fix = f"{fix}, or put it in `backticks` to show it"
    return UnparsedMarkup(text, fix, shown, typed)
