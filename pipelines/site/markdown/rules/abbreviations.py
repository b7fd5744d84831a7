"""Abbreviations: ``*[HTML]: HyperText Markup Language`` explains each HTML of the text.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from html import escape

from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markdown_it.utils import EnvType

from pipelines.site.markdown import limits

_DEFINITION = re.compile(r"\*\[([^\]\\\n]+)\]:[ \t]*([^\n]*)")


def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse one definition."""
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("*[", begin) or state.is_code_block(start):
        return False
    found = _DEFINITION.match(state.src, begin, state.eMarks[start])
    if found is None:
        return False
    if not silent:
        known = state.env.setdefault("abbreviations", {})
        known.setdefault(found[1].strip(), found[2].strip())
        state.env.setdefault("abbreviation_lines", {}).setdefault(found[1].strip(), start + 1)
        if len(known) * len(state.src) > limits.MAX_ABBREVIATION_COST:
            what = f"{len(known)} abbreviations are too many for a page of {len(state.src)} characters"
            raise limits.LimitExceeded(what, "define fewer abbreviations", "*[")
        state.line = start + 1
    return True


def pattern(env: EnvType) -> re.Pattern[str] | None:
    """Return the pattern of the defined abbreviations, or None without one."""
    known: dict[str, str] = env.get("abbreviations", {})
    if not known:
        return None
    names = sorted(known, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")


def explain(tokens: list[Token], names: re.Pattern[str], env: EnvType) -> list[Token]:
    """Return *tokens* with an ``<abbr>`` around each abbreviation."""
    done: list[Token] = []
    for token in tokens:
        if token.type != "text" or not names.search(token.content):
            done.append(token)
            continue
        at = 0
        for found in names.finditer(token.content):
            done.append(_token("text", token.content[at : found.start()], token))
            title = escape(env["abbreviations"][found[0]])
            env.setdefault("abbreviations_used", set()).add(found[0])
            html = f'<abbr title="{title}">{escape(found[0], quote=False)}</abbr>'
            done.append(_token("html_inline", html, token))
            at = found.end()
        done.append(_token("text", token.content[at:], token))
    return done


def _token(kind: str, content: str, like: Token) -> Token:
    token = Token(kind, "", 0)
    token.content, token.level = content, like.level
    return token
