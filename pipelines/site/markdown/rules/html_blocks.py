"""HTML blocks with ``markdown="1"``: the lines behind their first one are Markdown.

So Python-Markdown (md_in_html), kramdown and PHP Markdown Extra. In CommonMark
a blank line has the same effect. No reads, no writes, no network.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock

_OPENING = re.compile(
    r"""(<[A-Za-z][\w-]*(?:[ \t]+[^\s<>"'=]+(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\s<>"']+))?)*?)"""
    r"""[ \t]+markdown(?:=(?:"[\w-]*"|'[\w-]*'|[\w-]+))?((?:[ \t]+[^<>]*)?>)[ \t]*\Z"""
)


def opening_tag(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a line that is such a start tag."""
    begin = state.bMarks[start] + state.tShift[start]
    last = state.eMarks[start]
    if not state.src.startswith("<", begin) or state.src.find("markdown", begin, last) < 0:
        return False
    found = _OPENING.match(state.src[begin : min(last, begin + 500)])
    if found is None or state.is_code_block(start):
        return False
    if not silent:
        token = state.push("html_block", "", 0)
        token.content, token.map = f"{found[1]}{found[2]}\n", [start, start + 1]
        state.line = start + 1
    return True
