"""Find in a finished text what Markdown, Jinja or Pelican left because they did not understand it.

Functions of trees and texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

_CODE_ELEMENTS = ["pre", "code", "kbd", "samp", "script", "style", "math", "svg", "textarea", "annotation"]
# What Markdown, Jinja or Pelican leave in a text when they did not understand it, and the way out.
# No part of a pattern may run over what the pattern begins with: time would grow with the square of the text.
# (signs of which one is in every match, pattern, what it is, remedy)
_RULES = (
    (
        ("{", "%}"),
        r"\{\{[^}\n]*(?:\}\})?|\{%[^%\n]*(?:%\})?|\{#[^#\n]*|%\}",
        "Jinja",
        "take it out: only templates run it",
    ),
    (
        ("{",),
        r"\{(?:filename|static|attach|tag|category|author|index)\}\S*",
        "a link",
        "write [words]({filename}…)",
    ),
    (("](",), r"!?\[[^\[\]\n]*\]\([^)\s]*\)?", "a link", "write it as [words](target)"),
    (("[[",), r"\[\[[^\[\]\n]+\]\]", "a link", "write it as [words](target)"),
    (("][",), r"\[[^\[\]\n]+\]\[[^\[\]\n]*\]", "a link", "add a line that defines it, as in [name]: target"),
    (
        ("]", "("),
        r"\[[^\[\]\n]+\] \((?:https?://|[^)\s]+\.md\b)[^)\s]*\)",
        "a link",
        "take out the space between ] and (",
    ),
    (
        ("**", "__"),
        r"(?<!\w)\*\*[^*\n]+\*\*(?!\w)|(?<!\w)__[^_\n]+__(?!\w)",
        "emphasis",
        "put no space inside the signs",
    ),
    (("~~",), r"~~[^~\n]+~~", "a strike-through", "write <del>…</del>"),
    (
        ("```", "~~~"),
        r"^[ \t]*(?:```|~~~)[^\n]*",
        "a block of code",
        "close it with the same signs on a line of their own",
    ),
    (("#",), r"^#{1,6} \S[^\n]*", "a heading", "put a blank line before it"),
    (("|",), r"\|[ \t]*:?(?:-{3,}|[–—]+-?):?[ \t]*\|", "a table", "put a blank line before it"),
    (
        ("[^",),
        r"\[\^[^\[\]\s]+\]",
        "a footnote",
        "add a line that begins with its sign, a colon and its text",
    ),
    (("{:",), r"\{:[ \t]*[.#\w][^}\n]*\}?", "an attribute list", "put it at the end of what it is about"),
    (("!!!",), r"^!!! .*", "an admonition", "put a blank line before it"),
    (("<!",), r"<!(?:--|–|—).*", "a comment", "close it with -->"),
)
_PATTERNS = tuple(
    (signs, re.compile(pattern, re.MULTILINE), what, fix) for signs, pattern, what, fix in _RULES
)
# Typography, and what an author typed for it.
_TYPED = {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "--", "—": "---", "…": "..."}
# A line of a paragraph, which a blank line above (or four spaces) would have made an item.
_ITEM = re.compile(r"(?:\A\s*(?=[-*+])|\S[ \t]*\n[ \t]*)((?:[-*+]|1\.)[ \t][^\n]*)")
_ITEM_START = re.compile(r"^[ \t]*(?:[-*+]|1\.)[ \t]", re.M)


@dataclass(frozen=True, slots=True)
class UnparsedMarkup:
    """Markup that a reader would see as it was written."""

    text: str
    fix: str
    shown: str  # as it stands in the text
    typed: str  # as its author typed it


def find_unparsed(tree: LexborHTMLParser) -> list[UnparsedMarkup]:
    """Return what is left in *tree*, a page or a fragment; takes what is no prose out of it."""
    strip_code(tree)
    body = tree.body or tree.root
    text = body.text() if body else ""
    found = find_unparsed_text(text)
    if _ITEM_START.search(text):
        fix = "put a blank line before the list, and four spaces before an inner one"
        for node in tree.css("p, li, dd, td"):
            for item in _ITEM.findall(node.text(deep=False)):
                found.append(_unparsed("an item of a list", item.strip(), fix))
    return found


def find_unparsed_text(text: str) -> list[UnparsedMarkup]:
    """Return what is left in one *text*."""
    return [
        _unparsed(what, shown, fix)
        for signs, pattern, what, fix in _PATTERNS
        if any(sign in text for sign in signs)
        for shown in dict.fromkeys(one[0].strip() for one in pattern.finditer(text))
    ]


def strip_code(tree: LexborHTMLParser) -> LexborHTMLParser:
    """Take what is no prose out of *tree*, and return it."""
    tree.strip_tags(_CODE_ELEMENTS)
    return tree


def heading_text(node: LexborNode) -> str:
    """Return the words of a heading, without the sign of its link."""
    return node.text().strip().rstrip("#").strip()


def _unparsed(what: str, shown: str, fix: str) -> UnparsedMarkup:
    typed = "".join(_TYPED.get(sign, sign) for sign in shown)
    text = f"{what} was not understood: {typed if len(typed) <= 60 else typed[:59] + '…'!r}"
    fix = f"{fix}, or put it in `backticks` if the reader is to see it"
    return UnparsedMarkup(text, fix, shown, typed)
