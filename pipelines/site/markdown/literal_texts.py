"""Find the signs within a text that CommonMark or GitLab parse and Python-Markdown shows.

Functions of tokens. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markdown_it.token import Token

# Characters that a backslash escapes in Python-Markdown, smarty, tables and arithmatex.
_ESCAPED = frozenset("\\`*_{}[]()>#+-.!\"'|$")
_SIGNS = re.compile(r"[~=^:\\]|\$`")
_STRIKE = "write <del>…</del>"
# Tokens: (what it is, fix, severity). A sign that a reader skips is a warning; what reads wrong an error.
_KINDS = {
    "s_open": ("strike-through", _STRIKE, "error"),
    "mark_open": ("mark", "write <mark>…</mark>", "warning"),
    "sup_open": ("superscript", "write <sup>…</sup>", "warning"),
    "emoji": ("emoji", "write the character", "warning"),
}


class Row(NamedTuple):
    """A finding: its line in the body, what is wrong, the fix, the check and its severity."""

    line: int
    text: str
    fix: str
    check: str
    severity: str = "error"


def find(token: Token, parse: Callable[[Token], Sequence[Token]], line: int) -> Iterator[Row]:
    """Yield the finding of each kind in the text of *token*, which begins on *line*; *parse* parses it."""
    text = token.content
    if not _SIGNS.search(text):
        return
    lines = text.split("\n")
    at = 0  # the index of the line
    seen: set[tuple[int, str]] = set()
    for inner in parse(token):
        what, fix, severity = _KINDS.get(inner.type, ("", "", "warning"))
        if what == "strike-through" and inner.markup == "~":
            severity = "warning"  # may be "about"
        elif inner.type == "hardbreak" and lines[at].endswith("\\"):
            what, fix = "line break", "end the line with two spaces"
        elif inner.type == "text_special" and inner.info == "escape":
            if inner.content not in _ESCAPED and not inner.content.startswith("\\"):
                what, fix = "escape", "write the character without the backslash, or as &#…;"
        elif inner.type == "formula" and inner.markup:
            what, fix, severity = "formula", "write $…$", "error"
        if what and (at, what) not in seen:
            seen.add((at, what))
            yield Row(line + at, f"unparsed {what}: {_shown(lines[at])}", fix, "unparsed-markup", severity)
        at = min(at + (inner.type in ("softbreak", "hardbreak")), len(lines) - 1)


def _shown(source: str) -> str:
    text = source.strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")
