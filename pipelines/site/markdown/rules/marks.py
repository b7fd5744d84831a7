"""Marks within a line: ``==mark==``, ``x^2^`` and ``:emoji:``.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

_SUPERSCRIPT = re.compile(r"\^((?=[^\s^]*[^\W_])[^\s^\[\]<`]{1,40})\^")
_EMOJI = re.compile(r"(?<!\w):([a-z0-9_+-]+):(?!\w)")


def mark(state: StateInline, silent: bool) -> bool:
    """Parse ``==``, which does not open or close within a word."""
    if silent or not state.src.startswith("==", state.pos):
        return False
    scanned = state.scanDelims(state.pos, False)
    token = state.push("text", "", 0)
    token.content = "=" * scanned.length
    if scanned.length == 2:
        at = len(state.tokens) - 1
        state.delimiters.append(Delimiter(0x3D, 0, at, -1, scanned.can_open, scanned.can_close))
    state.pos += scanned.length
    return True


def close_marks(state: StateInline) -> None:
    """Turn the pairs of delimiters into elements."""
    if "==" not in state.src:
        return
    lists = [
        state.delimiters,
        *(one["delimiters"] for one in state.tokens_meta if one and "delimiters" in one),
    ]
    for delimiters in lists:
        for one in delimiters:
            if one.marker == 0x3D and one.end >= 0:
                for at, kind, nesting in (
                    (one.token, "mark_open", 1),
                    (delimiters[one.end].token, "mark_close", -1),
                ):
                    token = state.tokens[at]
                    token.type, token.tag, token.content = kind, "mark", ""
                    token.nesting = 1 if nesting > 0 else -1


def superscript(state: StateInline, silent: bool) -> bool:
    """Parse ``^…^`` around characters without a space."""
    found = _SUPERSCRIPT.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("sup_open", "sup", 1)
        state.push("text", "", 0).content = found[1]
        state.push("sup_close", "sup", -1)
    state.pos = found.end()
    return True


def emoji(state: StateInline, silent: bool) -> bool:
    """Parse the name of an emoji that GitHub knows."""
    found = _EMOJI.match(state.src, state.pos, state.posMax)
    if found is None or (state.src[state.pos - 1 : state.pos] == ":" and not _is_after_emoji(state)):
        return False
    if (character := _emoji().get(found[1])) is None:
        return False
    if not silent:
        state.push("emoji", "", 0).content = character
    state.pos = found.end()
    return True


def _is_after_emoji(state: StateInline) -> bool:
    """Return whether the character before is the end of an emoji, not a colon of the text."""
    return not state.pending and bool(state.tokens) and state.tokens[-1].type == "emoji"


@cache
def _emoji() -> dict[str, str]:
    """Return the emoji of GitHub by name."""
    from pymdownx import gemoji_db  # loaded when a page has a colon before a word

    known = {
        name.strip(":"): "".join(
            chr(int(part, 16))
            for part in row["unicode_alt" if "unicode_alt" in row else "unicode"].split("-")
        )
        for name, row in gemoji_db.emoji.items()
        if row.get("unicode")
    }
    known.update(
        (alias.strip(":"), known[name.strip(":")])
        for alias, name in gemoji_db.aliases.items()
        if name.strip(":") in known
    )
    return known
