"""Find unparsed markup: Markdown, Jinja or Pelican syntax that the result shows as text.

Functions of trees and texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from itertools import islice

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

_CODE_ELEMENTS = "pre, code, kbd, samp, script, style, math, svg, textarea, annotation, iframe, .filename"
CODE = "\ufffc"  # stands for code and formulas in a text (Unicode: object replacement character)
_BACKSLASH_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_ESCAPED = re.compile(rf"{_BACKSLASH_ESCAPE.pattern}|&(?:#\w+|\w+);")
# (strings of which each match contains one, pattern, what it is, fix)
# No part of a pattern may match the pattern's own beginning: time would be quadratic.
_Rules = tuple[tuple[tuple[str, ...], str, str, str], ...]
_SHARED: _Rules = (
    (
        ("{{", "{%", "{#"),
        r"\{\{(?:[^{}\n]|\{(?!\{))*\}\}|\{%[^%\n]*%\}|\{# [^#\n]*#\}",
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
    (
        ("][",),
        r"(?<![\w\])])\[[^\[\]\n]+\]\[[^\[\]\n]*\](?!\[)",
        "link",
        "add a line that defines it, as in [name]: target",
    ),
    (
        ("]", "("),
        r"\[[^\[\]\n]+\] \((?:https?://|[^)\s]+\.md\b)[^)\s]*\)",
        "link",
        "remove the space between ] and (",
    ),
    (
        ("```", "~~~"),
        r"^[ \t]*(?:```|~~~)[^\n]*",
        "code block",
        "close it with the same characters on a line of their own",
    ),
    (
        ("|",),
        r"\|[ \t]*:?(?:-{3,}|[–—]+-?):?[ \t]*\|",
        "table",
        "put a blank line before it, and give each row as many cells as the first",
    ),
    (
        ("[^",),
        r"\[\^(?!\w-\w)[^\[\]\s]+\]",
        "footnote",
        "add a line that defines it, as in [^1]: text",
    ),
    (("{:",), r"\{:[ \t]*[.#\w][^}\n]*\}?", "attribute list", "put it at the end of its element"),
    (("!!!",), r"^!!! \w+(?:[ \t]+[\"“][^\n]*)?$", "admonition", "put a blank line before it"),
    (("<!",), r"<!(?:--|–|—).*", "comment", "close it with -->"),
)
# Not an operator (2 ** 3 ** 4) and not a glob (**/*.js): with spaces inside at the start of a line only.
_EMPHASIS = r"(?:(?<![\w*/.])\*\*(?![\s/*.])|^\*\*(?=[ \t]))[^*\n]+\*\*(?![\w*/])"
_COMMONMARK: _Rules = (
    (("**",), _EMPHASIS, "emphasis", "remove the spaces inside the markers"),
    (("##",), r"^#{2,6}[^\W\d_][^\n]*", "heading", "write a space after its #"),
    (("$$",), r"^[ \t]*\$\$(?=[ \t]*\n[^$]+\$\$[ \t]*$)", "math", "remove the blank lines in it"),
)
_PYTHON_MARKDOWN: _Rules = (
    (
        ("**", "__"),
        rf"{_EMPHASIS}|(?<!\w)__[^_\n]+__(?!\w)",
        "emphasis",
        "remove the spaces inside the markers",
    ),
    (("~~",), r"~~(?! )[^~\n]+~~", "strike-through", "write <del>…</del>"),
    (("##",), r"^#{2,6} \S[^\n]*", "heading", "put a blank line before it"),
    (
        ("$$",),
        r"^[ \t]*\$\$(?!\$)(?=[^$]+\$\$[ \t]*$)[^\n]*",
        "math",
        "put a blank line before it, and one after it",
    ),
)


def _compiled(*tables: _Rules) -> tuple[tuple[tuple[str, ...], re.Pattern[str], str, str], ...]:
    return tuple(
        (signs, re.compile(pattern, re.M), what, fix)
        for rules in tables
        for signs, pattern, what, fix in rules
    )


_PATTERNS = {
    "commonmark": _compiled(_SHARED, _COMMONMARK),
    "python-markdown": _compiled(_SHARED, _PYTHON_MARKDOWN),
}
# Typographic characters -> what the author typed.
_TYPED = {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "--", "—": "---", "…": "...", CODE: "`…`"}
# A line of a paragraph that a blank line above (or four spaces) would make a list item in Python-Markdown.
_ITEM = re.compile(r"(?:\A\s*(?=[-*+])|\S[ \t]*\n[ \t]*)((?:[-*+]|1\.)[ \t][^\n]*)")
_ITEM_START = re.compile(r"^[ \t]*(?:[-*+]|1\.)[ \t]", re.M)
MAX_REPORTED = 100  # on a page: the line of each is a search
_LABEL = re.compile(r"^[ \t>]*\[([^\[\]\n]+)\]:", re.M)  # of a link definition


class UnparsedMarkup(Struct, frozen=True):
    """Markup that the page would show as text."""

    text: str
    fix: str
    shown: str  # on the page
    typed: str  # in the source
    severity: str = "error"  # "warning" where the author may mean the text


def find_unparsed(tree: LexborHTMLParser, source: str, dialect: str) -> list[UnparsedMarkup]:
    """Return the unparsed markup of *tree*, made of *source*; removes code and formulas from it.

    What the author escaped is not reported, and no more than ``MAX_REPORTED``.
    """
    strip_code(tree)
    body = tree.body or tree.root
    text = body.text() if body else ""
    matches = (
        (what, shown, fix)
        for signs, pattern, what, fix in _PATTERNS[dialect]
        if any(sign in text for sign in signs)
        for shown in dict.fromkeys(one[0].strip() for one in pattern.finditer(text))
    )
    first = list(islice(matches, MAX_REPORTED))
    is_reference = any("][" in shown for _, shown, _ in first)
    labels = [one.lower() for one in _LABEL.findall(source)][:MAX_REPORTED] if is_reference else []
    found = [_unparsed(what, shown, fix, _severity(what, shown, labels)) for what, shown, fix in first]
    if dialect == "python-markdown" and _ITEM_START.search(text):
        fix = "put a blank line before the list, and four spaces before an inner one"
        for node in tree.css("p, li, dd, td"):
            for item in _ITEM.findall(node.text(deep=False)):
                found.append(_unparsed("list item", item.strip(), fix, "error"))
    if "\\" in source or "&" in source:
        bare = _ESCAPED.sub(CODE, source)
        meant = unescape(_BACKSLASH_ESCAPE.sub(r"\1", source))
        found = [one for one in found if _occurs(one, bare) or not _occurs(one, meant)]
    return [*dict.fromkeys(found)]  # the lines of each are all of its occurrences


def _occurs(one: UnparsedMarkup, text: str) -> bool:
    return one.shown in text or one.typed in text


def _severity(what: str, shown: str, labels: Sequence[str]) -> str:
    """Return "warning" for brackets that look like none of *labels* (of links): they may be text."""
    if what != "link" or "][" not in shown:
        return "error"
    label = shown[1:-1].partition("][")[2]
    from difflib import get_close_matches

    is_meant = not label or get_close_matches(label.lower(), labels, n=1, cutoff=0.75)
    return "error" if is_meant else "warning"


def strip_code(tree: LexborHTMLParser) -> LexborHTMLParser:
    """Replace code, formulas and drawings in *tree* by ``CODE``, and return it."""
    for node in tree.css(_CODE_ELEMENTS):
        node.replace_with(CODE)
    return tree


def heading_text(node: LexborNode) -> str:
    """Return the text of a heading, without its permalink."""
    return node.text().strip().rstrip("#").strip()


def _unparsed(what: str, shown: str, fix: str, severity: str) -> UnparsedMarkup:
    typed = "".join(_TYPED.get(character, character) for character in shown)
    text = f"unparsed {what}: {typed if len(typed) <= 60 else typed[:59] + '…'!r}"
    fix = f"{fix}, or put it in `backticks` to show it"
    return UnparsedMarkup(text, fix, shown, typed, severity)
