"""Check the limits of a CommonMark conversion on the tokens of its blocks and texts.

markdown-it-py takes quadratic time for long runs of ``[``; what reads the HTML
behind it, for many elements in one. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token

from pipelines.site.markdown import limits
from pipelines.site.markdown.limits import LimitExceeded

_DELIMITER_ROW = re.compile(r"^[ \t>]*\|?[ \t]*:?-[|: \t-]*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FEW_COLUMNS = 10  # of tables that are counted when they are parsed
_FEW_BRACKETS = 1_000  # of one text: any are fast


def check_tables(text: str) -> None:
    """Raise LimitExceeded for tables of *text* with too many cells, before they are parsed."""
    total = largest = rows = 0  # cells of the paragraphs before, and of this one; its lines
    end = -1  # of the paragraph
    for found in _DELIMITER_ROW.finditer(text) if "|" in text else ():
        columns = found[0].count("|") + 1
        if columns > limits.MAX_TABLE_COLUMNS:
            what = f"a table of {columns} columns; the limit is {limits.MAX_TABLE_COLUMNS}"
            raise LimitExceeded(what, "split it", first_line(found[0]))
        if found.start() > end:
            blank = _BLANK_LINE.search(text, found.end())
            end = blank.start() if blank else len(text)
            total, largest, rows = total + largest, 0, text.count("\n", found.end(), end)
        largest = max(largest, columns * rows if columns > _FEW_COLUMNS else 0)
        if total + largest > limits.MAX_TABLE_CELLS:
            what = f"tables of more than {limits.MAX_TABLE_CELLS} cells a page"
            raise LimitExceeded(what, "split them", first_line(found[0]))


def check_size(tokens: Sequence[Token]) -> None:
    """Raise LimitExceeded for more blocks than a page may have; called before each inner block."""
    if len(tokens) > limits.MAX_TOKENS:
        what = f"has more than {limits.MAX_TOKENS // 5} blocks in other blocks"
        raise LimitExceeded(what, "split it into several pages", "")


def check_blocks(tokens: Sequence[Token]) -> None:
    """Raise LimitExceeded for an element with too many children, and for too large tables."""
    children = [0]
    cells = 0
    for token in tokens:
        if token.nesting < 0:
            if token.type == "tr_close" and (cells := cells + children[-1]) > limits.MAX_TABLE_CELLS:
                what = f"tables of more than {limits.MAX_TABLE_CELLS} cells a page"
                raise LimitExceeded(what, "split them", "")
            children.pop()
            continue
        if token.type != "inline":
            children[-1] += 1
            if children[-1] > limits.MAX_SIBLINGS:
                _raise_siblings(sum(one.nesting >= 0 and one.level == token.level for one in tokens), "")
        if token.nesting > 0:
            children.append(0)


def _raise_siblings(count: int, start: str) -> None:
    what = f"has {count} blocks, items or rows in one element"
    raise LimitExceeded(what, f"split them; the limit is {limits.MAX_SIBLINGS}", start)


def check_text(text: str, cost: int) -> int:
    """Return *cost* plus that of the links and images of *text*; raise LimitExceeded above the limit."""
    brackets = text.count("[")
    if brackets > _FEW_BRACKETS:
        cost += limits.bracket_cost(text)
        if cost > limits.MAX_LINK_COST:
            fix = r"close each [, or write \[ and \] where it is text"
            raise LimitExceeded("has too many unclosed [", fix, first_line(text))
    if brackets > 1 and text.count("![") > 1:
        cost += limits.image_cost(text) * limits.IMAGE_WEIGHT
        if cost > limits.MAX_LINK_COST:
            what = "has too many images in the text of images"
            raise LimitExceeded(what, r"close each ](, or write !\[ where it is text", first_line(text))
    return cost


def check_children(text: str, children: Sequence[Token]) -> None:
    """Raise LimitExceeded for a *text* with too many elements."""
    if len(children) > limits.MAX_SIBLINGS:
        elements = sum(one.nesting >= 0 and one.type not in ("text", "softbreak") for one in children)
        if elements > limits.MAX_SIBLINGS:
            _raise_siblings(elements, first_line(text))


def first_line(text: str) -> str:
    """Return the beginning of *text*, by which its line is found."""
    return text.strip().split("\n")[0][:60]
