"""Definition lists, whose definitions may have several terms, each in a line of its own.

mdit_py_plugins.deflist parses one term; PHP Markdown Extra and Python-Markdown
allow more. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from itertools import takewhile

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin

_MAX_TERMS = 20  # of one definition: lines that are read before the parser knows that this is a list
_MARKER = re.compile(r"[:~][ \t]+[^ \t\n]")


def install(md: MarkdownIt) -> None:
    """Add the rule to the parser *md*."""
    deflist_plugin(md)
    one_term = next(rule.fn for rule in md.block.ruler.__rules__ if rule.name == "deflist")

    def definition_list(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if silent:
            return one_term(state, start, end, True)
        line = start
        while (last := _last_term(state, line, end)) >= line:
            first = len(state.tokens)
            if not one_term(state, last, end, False):
                break
            opening = state.tokens[first]
            _set_lines(state.tokens, first + 1, opening.level + 1)
            terms = [token for term in range(line, last) for token in _term(state, term, opening.level + 1)]
            state.tokens[first + 1 : first + 1] = terms
            opening.map = [line, state.line]
            if line > start:  # one list with the definitions before
                del state.tokens[first - 1 : first + 1]
            line = state.line
        return line > start

    options: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote"]}
    md.block.ruler.at("deflist", definition_list, options)


def _set_lines(tokens: list[Token], first: int, level: int) -> None:
    """Give the terms among *tokens* their line; the plugin gives them a range of none."""
    for at in range(first, len(tokens)):
        term = tokens[at]
        if term.type == "dt_open" and term.level == level and term.map:
            term.map = tokens[at + 1].map = [term.map[0], term.map[0] + 1]


def _last_term(state: StateBlock, start: int, end: int) -> int:
    """Return the last of the lines from *start* that are terms, -1 if no definition follows them."""
    lines = range(start, min(start + _MAX_TERMS, end))
    last = start - 1 + sum(1 for _ in takewhile(lambda line: _is_term(state, line), lines))
    if last < start:
        return -1
    below = last + 1
    if below < end and state.isEmpty(below):
        below += 1
    if below >= end or not _is_definition(state, below):
        return -1
    rules = state.md.block.ruler.getRules("paragraph") if last > start else []
    interrupted = any(rule(state, line, end, True) for line in range(start + 1, last + 1) for rule in rules)
    return -1 if interrupted else last


def _is_term(state: StateBlock, line: int) -> bool:
    return (
        not state.isEmpty(line) and state.sCount[line] >= state.blkIndent and not _is_definition(state, line)
    )


def _is_definition(state: StateBlock, line: int) -> bool:
    begin = state.bMarks[line] + state.tShift[line]
    return state.sCount[line] >= state.blkIndent and bool(_MARKER.match(state.src, begin, state.eMarks[line]))


def _term(state: StateBlock, line: int, level: int) -> list[Token]:
    opening, text, closing = Token("dt_open", "dt", 1), Token("inline", "", 0), Token("dt_close", "dt", -1)
    text.content = state.getLines(line, line + 1, state.blkIndent, False).strip()
    text.children = []
    for token in (opening, text, closing):
        token.block, token.level = True, level + (token is text)
    opening.map = text.map = [line, line + 1]
    return [opening, text, closing]
