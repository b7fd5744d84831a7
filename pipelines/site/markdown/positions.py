"""Map a node of a converted page to its line in the Markdown source.

The converter writes the source lines of each block into an attribute of its
element (``line_span``), or into a comment before raw HTML. ``Positions`` reads
them from the parsed tree; ``strip_spans`` removes them before publication.
Functions of trees and texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from selectolax.lexbor import LexborHTMLParser, LexborNode

SPAN_ATTRIBUTE = "data-at"
SPAN_PREFIX = "\ue002"  # a private-use character, which is refused in sources
_SPAN = re.compile(rf"{SPAN_PREFIX}(\d{{1,9}})-(\d{{1,9}})")


def line_span(first: int, last: int) -> str:
    """Return the attribute value for the source lines *first* to *last*, counted from 1."""
    return f"{SPAN_PREFIX}{first}-{last}"


def span_lines(value: str) -> tuple[int, int] | None:
    """Return (first, last) of the attribute *value* that line_span() made, or None."""
    found = _SPAN.match(value)
    return (int(found[1]), int(found[2])) if found else None


def strip_comments(tree: LexborHTMLParser) -> None:
    """Remove everything but elements and text from *tree*.

    Elements after a comment with a line span get that span.
    """
    if tree.root is None:
        return
    nodes = list(tree.root.traverse(include_text=True))
    for node in (one for one in nodes if not one.is_element_node and not one.is_text_node):
        text = _comment_text(node)
        if _SPAN.fullmatch(text):
            sibling = node.next
            while sibling is not None and not _SPAN.fullmatch(_comment_text(sibling)):
                if sibling.is_element_node:
                    if (sibling.attributes.get(SPAN_ATTRIBUTE) or "").startswith(SPAN_PREFIX):
                        break
                    sibling.attrs[SPAN_ATTRIBUTE] = text
                sibling = sibling.next
        node.remove()


def _has_span(node: LexborNode) -> bool:
    """Return whether *node* or one of its ancestors has a line span."""
    up: LexborNode | None = node
    while up is not None and _span_of(up) is None:
        up = up.parent
    return up is not None


def _comment_text(node: LexborNode) -> str:
    return (node.comment_content or "") if node.is_comment_node else ""


def strip_spans(tree: LexborHTMLParser) -> None:
    """Remove the line spans from *tree*."""
    for node in tree.css(f"[{SPAN_ATTRIBUTE}]"):
        if (node.attributes[SPAN_ATTRIBUTE] or "").startswith(SPAN_PREFIX):
            del node.attrs[SPAN_ATTRIBUTE]


class Positions:
    """Finds source lines in one document."""

    def __init__(self, body: str, body_line: int, definitions: Mapping[str, int]) -> None:
        """Take the Markdown *body*, its first line in the file, and the lines of link targets."""
        self._body, self._first = body, body_line
        self._definitions = definitions
        self._lines: list[str] = []
        self._cached: tuple[tuple[int, int], str] = (0, 0), ""  # (first and last line, text) of a block
        # Parent -> the child whose newlines before it were counted last: nodes are asked for in order. The
        # child keeps its tree in memory, so that no other has the same addresses.
        self._counted: dict[int, tuple[LexborNode, int]] = {}
        self._found: dict[tuple[int, int, str], list[int]] = {}  # (first, last, needle) -> lines after first

    def line_of(self, node: LexborNode | None, *needles: str) -> int:
        """Return the line of the file on which *node* was written.

        *needles* are spellings that the source may use, best first; they are
        searched in the lines of the block around *node* only.
        """
        return self._line_in_block(node, 0, needles) if node is not None else self._first

    def lines_of_text(self, block: LexborNode, shown: str, *needles: str) -> list[int]:
        """Return the line of each occurrence of *shown* in the text of *block*."""
        text = block.text()
        first, last = _span_of(block) or (1, text.count("\n") + 1)
        found, newlines, at = [], 0, 0
        for one in re.finditer(re.escape(shown), text):
            newlines, at = newlines + text.count("\n", at, one.start()), one.start()
            found.append(self._search(first, last, needles, partial(int, newlines)))
        return found

    def line_at(self, html: str, at: int, *needles: str) -> int:
        """Return the line of the offset *at* in *html*, from which the tree was parsed."""
        start = max(0, html.rfind(SPAN_PREFIX, 0, at))
        before = _SPAN.match(html, start)  # the last span before the offset
        raw = before and html.startswith("<!--", max(0, start - 4))
        tree = LexborHTMLParser(html[:at] + SPAN_PREFIX + html[at:], is_fragment=True)
        strip_comments(tree)
        for node in tree.root.traverse(include_text=True) if tree.root else ():
            if node.is_text_node and SPAN_PREFIX in node.text():
                if raw and not _has_span(node):
                    break
                return self._line_in_block(node, node.text().partition(SPAN_PREFIX)[0].count("\n"), needles)
            if node.is_element_node and any(
                SPAN_PREFIX in (value or "")[1:] for value in node.attributes.values()
            ):
                return self._line_in_block(node, 0, needles)
        # In raw HTML outside of an element, or in markup that the parser drops.
        return self._search(int(before[1]), int(before[2]), needles, lambda: 0) if before else self._first

    def _line_in_block(self, node: LexborNode, newlines: int, needles: Sequence[str]) -> int:
        """Return the line of *node*, or of its text after the given number of *newlines*."""
        block = node
        while (span := _span_of(block)) is None:
            if block.parent is None:
                return self._search(*self._lines_between(block), needles, lambda: newlines)
            block = block.parent
        return self._search(*span, needles, lambda: newlines + self._newlines_before(node, block))

    def _lines_between(self, top: LexborNode) -> tuple[int, int]:
        """Return the lines between the spans of the siblings before and after *top*, which has none."""
        before, after = top.prev, top.next
        while before is not None and _span_of(before) is None:
            before = before.prev
        while after is not None and _span_of(after) is None:
            after = after.next
        previous, following = before and _span_of(before), after and _span_of(after)
        first = previous[1] + 1 if previous else 1
        last = following[0] - 1 if following else self._body.count("\n") + 1
        # No line between: *top* was in the block before, which a parser has closed early.
        return previous if previous and first > last else (first, last)

    def line_text(self, line: int) -> str:
        """Return the text of *line* of the file."""
        lines = self._body.split("\n")
        return lines[line - self._first] if 0 <= line - self._first < len(lines) else ""

    def _search(self, start: int, end: int, needles: Sequence[str], guess: Callable[[], int]) -> int:
        """Return the line of the first of *needles* that occurs; of several, the one nearest to *guess*."""
        for needle in needles:
            wanted = next(filter(str.strip, needle.split("\n")), "").strip()
            if wanted and (lines := self._lines_with(start, end, wanted)):
                near = guess() if len(lines) > 1 else 0
                at = max(0, bisect_left(lines, near) - 1)
                return self._first + start - 1 + min(lines[at : at + 2], key=lambda line: abs(line - near))
        for needle in needles:
            if line := self._definitions.get(needle):
                return self._first + line - 1
        newlines = min(end, self._body.count("\n") + 1 if end > start else start) - start
        return self._first + start - 1 + (max(0, min(guess(), newlines)) if newlines > 0 else 0)

    def _lines_with(self, start: int, end: int, wanted: str) -> list[int]:
        """Return which lines from *start* to *end*, counted from 0, have *wanted*; else in another case."""
        key = start, end, wanted
        if key not in self._found:
            text = self._block(start, end)
            if wanted not in text:
                text, wanted = text.lower(), wanted.lower()
            lines: list[int] = []
            at = line_start = line = 0
            while (at := text.find(wanted, at)) >= 0:
                line += text.count("\n", line_start, at)
                lines.append(line)
                line_start = at
                if (at := text.find("\n", at)) < 0:
                    break
            self._found[key] = lines
        return self._found[key]

    def _newlines_before(self, node: LexborNode, block: LexborNode) -> int:
        """Return the number of newlines in *block* before its *node*: each ends a line of the source."""
        total = 0
        while node.mem_id != block.mem_id and (parent := node.parent) is not None:
            known, known_count = self._counted.get(parent.mem_id, (None, 0))
            count, sibling = 0, node.prev
            while sibling is not None:
                count += sibling.text().count("\n")
                if known is not None and sibling.mem_id == known.mem_id:
                    count += known_count
                    break
                sibling = sibling.prev
            self._counted[parent.mem_id] = node, count
            total += count
            node = parent
        return total

    def _block(self, start: int, end: int) -> str:
        """Return the lines *start* to *end* of the body."""
        if self._cached[0] != (start, end):
            self._lines = self._lines or self._body.split("\n")
            self._cached = (start, end), "\n".join(self._lines[start - 1 : end])
        return self._cached[1]


def _span_of(node: LexborNode) -> tuple[int, int] | None:
    """Return the (first, last) source line of *node*, or None."""
    return span_lines(node.attributes.get(SPAN_ATTRIBUTE) or "") if node.is_element_node else None
