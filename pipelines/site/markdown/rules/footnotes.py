"""Footnotes, numbered in the order of their first references.

The plugin of mdit-py-plugins parses the definitions; references need one
search each here, and the ids are those of Python-Markdown, so that links to
them survive a change of the dialect. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote.index import footnote_def

from pipelines.site.markdown import limits

_LABEL = re.compile(r"\[\^([^\]\[\s]+)\]")


def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse ``[^label]: text``."""
    begin = state.bMarks[start] + state.tShift[start]
    found = _LABEL.match(state.src, begin, state.eMarks[start])
    if found is None or not state.src.startswith(":", found.end()):
        return False
    return footnote_def(state, start, end, silent)


def reference(state: StateInline, silent: bool) -> bool:
    """Parse ``[^label]`` of a defined footnote."""
    if not state.src.startswith("[^", state.pos) or "footnotes" not in state.env:
        return False
    found = _LABEL.match(state.src, state.pos, state.posMax)
    notes: dict[str, Any] = state.env["footnotes"]
    if found is None or f":{found[1]}" not in notes["refs"]:
        return False
    if not silent:
        used: dict[str, int] = notes.setdefault("used", {})  # label -> references, in order
        count = used[found[1]] = used.get(found[1], 0) + 1
        if count > limits.MAX_FOOTNOTE_REFERENCES:
            name, limit = found[1][:40], limits.MAX_FOOTNOTE_REFERENCES
            what = f"footnote [^{name}] has more than {limit} references"
            raise limits.LimitExceeded(what, "reference it once in each section", f"[^{name}")
        token = state.push("footnote_ref", "", 0)
        token.meta = {"label": found[1], "count": count, "number": list(used).index(found[1]) + 1}
    state.pos = found.end()
    return True


def reference_html(token: Token) -> str:
    """Return a reference as a number."""
    label, count = escape(token.meta["label"]), token.meta["count"]
    ident = f"fnref:{label}" if count == 1 else f"fnref{count}:{label}"
    number = token.meta["number"]
    return f'<sup id="{ident}"><a class="footnote-ref" href="#fn:{label}">{number}</a></sup>'


def move_to_end(state: StateCore) -> None:
    """Put the footnotes in use behind the text, each with links back."""
    if "footnotes" not in state.env:
        return
    text: list[Token] = []
    notes: dict[str, list[Token]] = {}
    open_notes: list[list[Token]] = []
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            open_notes.append(notes.setdefault(token.meta["label"], []))
        elif token.type == "footnote_reference_close":
            open_notes.pop()
        else:
            (open_notes[-1] if open_notes else text).append(token)
    state.tokens = text
    used: dict[str, int] = state.env["footnotes"].get("used", {})
    if not used:
        return
    state.tokens.append(_html('<div class="footnote">\n<hr>\n<ol>\n'))
    for label, count in used.items():
        body = notes.get(label, [])
        state.tokens.append(_html(f'<li id="fn:{escape(label)}">\n'))
        links = "".join(f"&#160;{_link_back(label, number)}" for number in range(1, count + 1))
        if body and body[-1].type == "paragraph_close" and body[-2].children is not None:
            back = Token("html_inline", "", 0)
            back.content = links
            body[-2].children.append(back)
            state.tokens += body
        else:
            state.tokens += [*body, _html(f"<p>{links.removeprefix('&#160;')}</p>\n")]
        state.tokens.append(_html("</li>\n"))
    state.tokens.append(_html("</ol>\n</div>\n"))


def _link_back(label: str, number: int) -> str:
    ident = f"fnref:{escape(label)}" if number == 1 else f"fnref{number}:{escape(label)}"
    return f'<a class="footnote-backref" href="#{ident}">↩</a>'


def _html(text: str) -> Token:
    token = Token("html_block", "", 0)
    token.content = text
    return token
