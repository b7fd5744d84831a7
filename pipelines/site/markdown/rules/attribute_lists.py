"""Attribute lists: ``{.class #id key=value}`` after an element, and Pelican's ``{: .class}``.

They act only when the braces hold nothing else, so that ``{a, b}`` stays text:
behind an image, a link, code or emphasis; at the end of a heading or an item;
in the last line of a paragraph, or on a line below another block. No reads, no
writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_ITEM = r"""(?:[.#][A-Za-z_][\w:-]*|[A-Za-z_][\w:.-]*=(?:"[^"\n{}]*"|'[^'\n{}]*'|[^\s"'=<>`{}]+))"""
_LIST = re.compile(rf"\{{:?[ \t]*({_ITEM}(?:[ \t]+{_ITEM})*)[ \t]*\}}")
_LAST_LINE = re.compile(rf"(?:\A|\n)[ \t]*{_LIST.pattern}[ \t]*\Z")
_AT_END = re.compile(rf"[ \t]*{_LIST.pattern}[ \t]*\Z")
_SPLIT = re.compile(_ITEM)
_BEFORE = frozenset(
    ("image", "code_inline", "link_close", "em_close", "strong_close", "s_close", "mark_close")
)


def parse(text: str) -> dict[str, str] | None:
    """Return the attributes of ``{…}``, or None if *text* is not an attribute list."""
    found = _LIST.fullmatch(text)
    return _attributes(found[1]) if found else None


def _attributes(items: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in _SPLIT.findall(items):
        if item[0] == ".":
            found["class"] = f"{found['class']} {item[1:]}" if "class" in found else item[1:]
        elif item[0] == "#":
            found["id"] = item[1:]
        else:
            key, _, value = item.partition("=")
            found[key] = value[1:-1] if value[0] in "\"'" else value
    return found


def _apply(token: Token, attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        if key == "class":
            token.attrJoin("class", value)
        else:
            token.attrSet(key, value)


def apply_to_blocks(state: StateCore) -> None:
    """Apply the lists in the last lines of paragraphs and at the end of headings and items."""
    if "{" not in state.src:
        return
    tokens = state.tokens
    removed: set[int] = set()
    for index, token in enumerate(tokens):
        if token.type != "inline" or not token.content.endswith("}"):
            continue
        opening = tokens[index - 1]
        pattern = _AT_END if opening.type == "heading_open" else _LAST_LINE
        found = pattern.search(token.content, max(0, token.content.rfind("{") - 80))
        if found is None and opening.hidden and index > 1 and tokens[index - 2].type == "list_item_open":
            opening, found = tokens[index - 2], _AT_END.search(token.content, token.content.rfind("{"))
            if found and token.content[: found.start()].endswith(("`", ")", "*", "_", "]")):
                continue  # of the last element of its text
        if found is None:
            continue
        before = token.content[: found.start()]
        if before.strip():
            _apply(_shown(tokens, index - 1), _attributes(found[1]))
            token.content = before.rstrip()
        elif (target := _block_before(tokens, index - 1)) is not None:
            _apply(target, _attributes(found[1]))
            removed |= {index - 1, index, index + 1}
    if removed:
        state.tokens = [token for index, token in enumerate(tokens) if index not in removed]


def _shown(tokens: Sequence[Token], index: int) -> Token:
    """Return the token at *index*, or the item around it: a tight item has no element of its paragraph."""
    token = tokens[index]
    if token.hidden:
        for before in range(index - 1, -1, -1):
            if tokens[before].type == "list_item_open" and tokens[before].level == token.level - 1:
                return tokens[before]
    return token


def _block_before(tokens: Sequence[Token], index: int) -> Token | None:
    """Return the opening token of the block that ends just before *index*, or None."""
    last = tokens[index - 1] if index else None
    if last is None or last.nesting > 0:
        return None
    if last.nesting == 0:
        return last if last.type in ("fence", "hr", "code_block") else None
    return _opening(tokens, index - 1)


def _opening(tokens: Sequence[Token], closing: int) -> Token | None:
    """Return the token that opens what the one at *closing* closes."""
    level = tokens[closing].level
    for index in range(closing - 1, -1, -1):
        if tokens[index].nesting > 0 and tokens[index].level == level:
            return tokens[index]
    return None


def apply_to_text(tokens: Sequence[Token]) -> None:
    """Apply the lists that directly follow an inline element of *tokens*."""
    for index, token in enumerate(tokens):
        if index == 0 or token.type != "text" or not token.content.startswith("{"):
            continue
        before = tokens[index - 1]
        found = _LIST.match(token.content) if before.type in _BEFORE else None
        if found is None:
            continue
        target = before if before.nesting >= 0 else _opening(tokens, index - 1)
        if target is None:
            continue
        _apply(target, _attributes(found[1]))
        token.content = token.content[found.end() :]
