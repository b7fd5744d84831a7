"""Find cells that GFM drops: those beyond the columns of the header.

Most are the two halves of a ``|`` in code, which needs a backslash even there
(https://github.github.com/gfm/#example-200). No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token

_TEXT = re.compile(r"\w")  # a trailing backslash or a second | is no loss


def dropped_cells(tokens: Sequence[Token], body: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line, what is wrong, fix, check) of each row with more cells than its header."""
    lines: list[str] = []
    columns = 0
    for token in tokens:
        if token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and columns and token.map:
            lines = lines or body.split("\n")
            row = lines[token.map[0]]
            if row.count("|") > columns and any(map(_TEXT.search, lost := _cells(row)[columns:])):
                what = (
                    f"a table row has {columns + len(lost)} cells, its header {columns}: the rest is dropped"
                )
                yield token.map[0] + 1, what, r"write \| for a | that is text, in code too", "dropped-markup"


def _cells(row: str) -> list[str]:
    cells = [cell.strip() for cell in escapedSplit(row.strip(" \t>"))]
    if cells and not cells[0]:
        cells.pop(0)
    return cells[:-1] if cells and not cells[-1] else cells
