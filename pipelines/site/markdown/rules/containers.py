"""Boxes: alerts (``> [!NOTE]``) and admonitions (``!!! note "Title"``, ``??? note``).

Both give the elements that the theme knows: ``div.admonition``, or ``details``
for what begins closed. No reads, no writes, no network.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# https://docs.gitlab.com/user/markdown/#alerts; GitHub has the same five.
_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\][ \t]*([^\n]*)(?:\n|\Z)", re.IGNORECASE)
_ADMONITION = re.compile(r'(!!!|\?\?\?\+?)[ \t]+([\w-]+(?:[ \t]+[\w-]+)*)(?:[ \t]+"([^\n]*)")?[ \t]*\Z')


def find_alerts(state: StateCore) -> None:
    """Turn quotations that begin with a kind in brackets into boxes."""
    if "[!" not in state.src:
        return
    tokens: list[Token] = []
    open_alerts: list[int] = []  # their levels
    skip = 0
    for index, token in enumerate(state.tokens):
        if skip:
            skip -= 1
            continue
        if token.type == "blockquote_open" and state.tokens[index + 1].type == "paragraph_open":
            inline = state.tokens[index + 2]
            if found := _ALERT.match(inline.content):
                kind = found[1].lower()
                token.type, token.tag = "alert_open", "div"
                token.attrJoin("class", f"admonition {kind}")
                title = found[2].strip() or kind.capitalize()
                open_alerts.append(token.level)
                tokens += [token, *title_tokens("p", title, token.map)]
                inline.content = inline.content[found.end() :]
                skip = 0 if inline.content.strip() else 3
                continue
        elif token.type == "blockquote_close" and open_alerts and open_alerts[-1] == token.level:
            open_alerts.pop()
            token.type, token.tag = "alert_close", "div"
        tokens.append(token)
    state.tokens = tokens


def title_tokens(tag: str, title: str, lines: list[int] | None) -> list[Token]:
    """Return the tokens of the title of a box."""
    opening, text, closing = (
        Token("title_open", tag, 1),
        Token("inline", "", 0),
        Token("title_close", tag, -1),
    )
    opening.block = closing.block = True
    if tag == "p":
        opening.attrSet("class", "admonition-title")
    text.content, text.children = title, []
    text.map = [lines[0], lines[0] + 1] if lines else None
    return [opening, text, closing]


def admonition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse ``!!! kind "title"`` and the text below it, which four spaces indent."""
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith(("!!!", "???"), begin) or state.is_code_block(start):
        return False
    found = _ADMONITION.match(state.src[begin : state.eMarks[start]])
    if found is None:
        return False
    if silent:
        return True
    following = last = start + 1
    while following < end:
        if state.isEmpty(following):
            following += 1
        elif state.sCount[following] >= state.blkIndent + 4:
            following = last = following + 1
        else:
            break
    sign, kinds, title = found.groups()
    title = kinds.split()[0].capitalize() if title is None else title
    folded = sign[0] == "?"
    opening = state.push("admonition_open", "details" if folded else "div", 1)
    opening.attrSet("class", kinds if folded else f"admonition {kinds}")
    opening.map = [start, last]
    if sign.endswith("+"):
        opening.attrSet("open", "")
    if title or folded:
        state.tokens += title_tokens("summary" if folded else "p", title or kinds, opening.map)
    before = state.lineMax, state.parentType
    state.lineMax, state.parentType = last, "admonition"
    state.blkIndent += 4
    state.md.block.tokenize(state, start + 1, last)
    state.blkIndent -= 4
    state.lineMax, state.parentType = before
    state.push("admonition_close", opening.tag, -1)
    state.line = last
    return True
