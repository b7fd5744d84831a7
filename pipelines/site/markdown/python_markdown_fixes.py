r"""Fix what Python-Markdown and its extensions take for markup, or do not.

- ``## C#`` keeps its #: a closing sequence needs a space before it.
- ``{a, b}`` is text: an attribute list holds a .class, an #id or key=value.
- ``$5-$10`` is text: no digit follows a formula (pandoc's rule).
- ``2. b`` after an indented paragraph is the next item (Python-Markdown 845).
- A row with more cells than its header keeps them in its last cell, as in CommonMark (rules/tables.py).

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

import markdown
from markdown.blockprocessors import ListIndentProcessor
from markdown.extensions.tables import TableProcessor
from pymdownx.arithmatex import RE_BRACKET_INLINE, RE_SMART_DOLLAR_INLINE

_HEADING = re.compile(r"(?:^|\n)(?P<level>#{1,6})(?P<header>[^\n]*?)(?:(?<![ \t])[ \t]+#+[ \t]*)?(?:\n|$)")
_LIST = r"\{\:?[ ]*(?=[^\}\n]*(?:(?<![^\s{:])[.#][A-Za-z_]|[A-Za-z_][\w:-]*=[^\s}=]))([^\}\n ][^\n]*)\}"
_TEXT = re.compile(r"\w")
_NEXT_ITEM = re.compile(r"\n(?=(?:[*+-]|\d+\.)[ ])")


# A row of a table, its number of cells, and that of its header.
LongRow = tuple[Element, int, int]


def apply_fixes(converter: markdown.Markdown, long_rows: list[LongRow]) -> None:
    """Replace the patterns of *converter*, whose extensions are loaded; it will append to *long_rows*."""
    blocks: Any = converter.parser.blockprocessors
    blocks.register(_Tables(converter.parser, blocks["table"].config, long_rows), "table", 75)
    blocks["hashheader"].RE = _HEADING
    blocks.register(_IndentedBlock(converter.parser), "indent", 90)
    attributes: Any = converter.treeprocessors["attr_list"]
    attributes.HEADER_RE = re.compile(rf"[ ]+{_LIST}[ ]*$")
    attributes.BLOCK_RE = re.compile(rf"\n[ ]*{_LIST}[ ]*$")
    attributes.INLINE_RE = re.compile(rf"^{_LIST}")
    formula: Any = converter.inlinePatterns["arithmatex-inline"]
    pattern = rf"(?:{RE_SMART_DOLLAR_INLINE}(?!(?<=\$)\d)|{RE_BRACKET_INLINE})"
    formula.compiled_re = re.compile(pattern, re.DOTALL | re.UNICODE)


class _IndentedBlock(ListIndentProcessor):
    """Ends an indented paragraph before the next item of the list."""

    def run(self, parent: Element, blocks: list[str]) -> None:
        found = _NEXT_ITEM.search(blocks[0])
        if found:
            blocks[0:1] = [blocks[0][: found.start()], blocks[0][found.end() :]]
        super().run(parent, blocks)


class _Tables(TableProcessor):
    """Keeps the cells of a row beyond those of the header: the original drops them."""

    def __init__(self, parser: Any, config: dict[str, Any], long_rows: list[LongRow]) -> None:
        super().__init__(parser, config)
        self.long_rows = long_rows

    def _build_row(self, row: str, parent: Element, align: Sequence[str | None]) -> None:
        super()._build_row(row, parent, align)  # type: ignore[misc]
        columns, cells = len(align), self._split_row(row)  # type: ignore[attr-defined]
        if len(cells) > columns and not cells[0].strip():  # | at the start of this row alone
            del cells[0]
        while len(cells) > columns and not _TEXT.search(cells[-1]):  # of punctuation only, such as a second |
            cells.pop()
        if len(cells) > columns:
            self.long_rows.append((parent[-1], len(cells), columns))
            cells[columns - 1 :] = ["|".join(cells[columns - 1 :])]
        for cell, text in zip(parent[-1], cells, strict=False):
            cell.text = text.strip(" ")
