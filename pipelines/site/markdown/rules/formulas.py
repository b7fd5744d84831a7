r"""Formulas: ``$…$`` by pandoc's rule, GitLab's ``$`…`$``, and blocks between ``$$``.

Pandoc: a non-space character follows the first $ and precedes the last one,
behind which there is no digit, so that ``$5-$10`` is text. No reads, no writes,
no network.
"""

from __future__ import annotations

import re
from html import escape

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_DOLLAR = re.compile(r"(?<!\\)\$")
_DISPLAY = re.compile(r"\$\$((?:[^$\\]|\\.)+)\$\$(?!\$)", re.DOTALL)
_GITLAB = re.compile(r"\$`([^`\n]+)`\$")


def inline_formula(state: StateInline, silent: bool) -> bool:
    """Parse a formula within a line."""
    src, start = state.src, state.pos
    if src[start] != "$":
        return False
    if src.startswith("$`", start) and (found := _GITLAB.match(src, start, state.posMax)):
        return _emit(state, found[1], found.end(), silent, "$`")
    if src.startswith("$$", start):
        found = _DISPLAY.match(src, start, state.posMax)
        if found and found[1].strip():
            return _emit(state, found[1].strip(), found.end(), silent)
        end = start
        while end < state.posMax and src[end] == "$":
            end += 1
        if not silent:
            state.append_pending(src[start:end])
        state.pos = end
        return True
    if start + 2 >= state.posMax or src[start + 1].isspace():
        return False
    closing = _DOLLAR.search(src, start + 2, state.posMax)
    if (
        closing is None
        or src[closing.start() - 1].isspace()
        or src[closing.end() : closing.end() + 1].isdigit()
    ):
        return False
    return _emit(state, src[start + 1 : closing.start()], closing.end(), silent)


def _emit(state: StateInline, tex: str, end: int, silent: bool, markup: str = "") -> bool:
    if not silent:
        token = state.push("formula", "span", 0)
        token.content, token.markup = tex, markup
    state.pos = end
    return True


def formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse lines between ``$$``, or one line that has it on both sides."""
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("$$", begin) or state.is_code_block(start):
        return False
    first = state.src[begin + 2 : state.eMarks[start]].rstrip()
    if first.endswith("$$") and first[:-2].strip():
        if "$$" in first[:-2]:
            return False
        following, tex = start + 1, first[:-2]
    else:
        if "$$" in first or start < getattr(state, "unclosed_formula", 0):
            return False
        following, line = start + 1, ""
        while following < end and not state.isEmpty(following):
            if state.sCount[following] < state.blkIndent:
                break
            line = state.src[state.bMarks[following] : state.eMarks[following]].rstrip()
            following += 1
            if line.endswith("$$"):
                break
        else:
            line = ""
        if not line.endswith("$$"):
            state.unclosed_formula = following  # type: ignore[attr-defined]  # none begins before this line
            return False
        text = state.getLines(start + 1, following, state.blkIndent, False).rstrip()
        tex = f"{first}\n{text.removesuffix('$$')}"
    if not silent:
        token = state.push("formula_block", "div", 0)
        token.content = tex.strip()
        token.map = [start, following]
        state.line = following
    return True


def formula_html(tex: str, span: str, *, block: bool) -> str:
    """Return *tex* as html/postprocess.py expects it; *span* is an attribute."""
    code = escape(tex, quote=False)
    if block:
        return f'<div class="arithmatex" {span}>\\[{code}\\]</div>\n'
    return f'<span class="arithmatex">\\({code}\\)</span>'
