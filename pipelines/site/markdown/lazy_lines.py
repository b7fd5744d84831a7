"""Continue a paragraph with lines that are indented by less than its list item's content.

By CommonMark, such a line belongs to the innermost block that its indent
reaches. Where it is indented by four more than that one, it would be code,
which cannot interrupt a paragraph: nothing that it begins with can, either.
markdown-it-py compares with the item alone. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

_INTERRUPTED = ("paragraph", "reference", "blockquote")  # what rules end that ask with these parents


class LazyState(StateBlock):
    """The state of the parser of blocks, which knows the indents of all open blocks."""

    def __init__(self, text: str, md: MarkdownIt, env: dict[str, Any], tokens: list[Token]) -> None:
        super().__init__(text, md, env, tokens)
        self.indents: list[int] = []  # of the content of open blocks; 0 is that of a page or quotation

    def is_code_block(self, line: int) -> bool:
        """Return whether *line* is indented like code in the block that it belongs to."""
        indent = self.sCount[line]
        if indent - self.blkIndent >= 4:
            return True
        if indent >= self.blkIndent or indent < 4 or self.parentType not in _INTERRUPTED:
            return False
        return indent - _reached(reversed(self.indents), indent) >= 4


def _reached(indents: Iterable[int], indent: int) -> int:
    return next((one for one in indents if one <= indent), 0)
