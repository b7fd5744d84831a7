"""Keep the cells that GFM drops: those beyond the columns of the header.

Most are the two halves of a ``|`` in code, which needs a backslash even there
(https://github.github.com/gfm/#example-200). Functions of tokens. No reads, no
writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

_PIPE = re.compile(r"(?<!\\)\|")
_TEXT = re.compile(r"\w")  # cells without it, such as a trailing backslash, may be dropped


def keep_surplus_cells(tokens: Sequence[Token], body: str) -> Iterator[tuple[int, str, str, str]]:
    """Put the cells that a row has too many into its last cell, as they were typed.

    *tokens* are those of the blocks of *body*, before their text is parsed. Yields
    (line, what is wrong, fix, check) of each such row.
    """
    lines: list[str] = []
    columns = 0
    rest: tuple[int, str] | None = None  # (number of cells, text from the last column on) of this row
    cell = 0
    for token in tokens:
        if token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and columns and token.map:
            lines = lines or body.split("\n")
            row = lines[token.map[0]]
            rest, cell = (_rest(row, columns) if row.count("|") >= columns else None), 0
            if rest:
                yield surplus(token.map[0] + 1, rest[0], columns)
        elif token.type == "inline" and rest:
            cell += 1
            if cell == columns:
                token.content = rest[1]


def surplus(line: int, cells: int, columns: int) -> tuple[int, str, str, str]:
    """Return the finding in a row on *line* with more *cells* than its header has *columns*."""
    what = f"a table row has {cells} cells, its header {columns}: the last one shows the rest"
    return line, what, r"write \| for a | that is text, in code too", "table-cells"


def _rest(row: str, columns: int) -> tuple[int, str] | None:
    """Return the number of cells of *row*, and its text from the last column on; None without surplus."""
    row = row.strip(" \t>").removeprefix("|")
    ends = [found.start() for found in _PIPE.finditer(row)]
    if ends and not row[ends[-1] + 1 :].strip():
        row = row[: ends.pop()]
    if len(ends) < columns or not _TEXT.search(row[ends[columns - 1] :]):
        return None
    start = ends[columns - 2] + 1 if columns > 1 else 0
    return len(ends) + 1, row[start:].strip().replace(r"\|", "|")
