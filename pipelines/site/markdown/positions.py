"""Where in its source a part of a page was written.

A converter writes the lines of each block on its element (``stamp``), or in a
comment before raw HTML; ``Positions`` reads them from the parsed tree, and takes
them out again before the page is published. Functions of trees and texts. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from selectolax.lexbor import LexborHTMLParser, LexborNode

SPAN_ATTRIBUTE = "data-at"
SPAN_PREFIX = "\ue002"  # a private-use character: no text of an author may hold it
_SPAN = re.compile(rf"{SPAN_PREFIX}(\d+)-(\d+)")


def line_span(first: int, last: int) -> str:
    """Return the value that says "written on the lines *first* to *last*", counted from 1."""
    return f"{SPAN_PREFIX}{first}-{last}"


def strip_comments(tree: LexborHTMLParser) -> None:
    """Take all but elements and text out of *tree*; what is behind a comment with lines has these lines."""
    if tree.root is None:
        return
    nodes = list(tree.root.traverse(include_text=True))
    for node in (one for one in nodes if not one.is_element_node and not one.is_text_node):
        text = _comment_text(node)
        if _SPAN.fullmatch(text):
            behind = node.next
            while behind is not None and not _SPAN.fullmatch(_comment_text(behind)):
                if behind.is_element_node:
                    if (behind.attributes.get(SPAN_ATTRIBUTE) or "").startswith(SPAN_PREFIX):
                        break
                    behind.attrs[SPAN_ATTRIBUTE] = text
                behind = behind.next
        node.remove()


def _has_span(node: LexborNode) -> bool:
    """Return whether *node* is in an element that carries lines."""
    up: LexborNode | None = node
    while up is not None and _span_of(up) is None:
        up = up.parent
    return up is not None


def _comment_text(node: LexborNode) -> str:
    return (node.comment_content or "") if node.is_comment_node else ""


def strip_spans(tree: LexborHTMLParser) -> None:
    """Take the lines out of *tree*."""
    for node in tree.css(f"[{SPAN_ATTRIBUTE}]"):
        if (node.attributes[SPAN_ATTRIBUTE] or "").startswith(SPAN_PREFIX):
            del node.attrs[SPAN_ATTRIBUTE]


class Positions:
    """Finds the lines of one document."""

    def __init__(self, body: str, body_line: int, definitions: Mapping[str, int]) -> None:
        """Take the Markdown *body*, the line of the file on which it begins, and those of link targets."""
        self._body, self._first = body, body_line
        self._definitions = definitions
        self._lines: list[str] = []
        self._held: tuple[tuple[int, int], str] = (0, 0), ""  # the block that was looked at last

    def of(self, node: LexborNode | None, *needles: str) -> int:
        """Return the line of the file on which *node* was written.

        *needles* are how its author may have written it, best first; they are
        looked for in the lines of the block that holds *node*, nowhere else.
        """
        return self._place(node, 0, needles) if node is not None else self._first

    def of_words(self, block: LexborNode, shown: str, *needles: str) -> list[int]:
        """Return the lines of every place where *block* shows the text *shown*."""
        text = block.text()
        first, last = _span_of(block) or (1, text.count("\n") + 1)
        return [
            self._within(first, last, needles, partial(text.count, "\n", 0, one.start()))
            for one in re.finditer(re.escape(shown), text)
        ]

    def in_text(self, html: str, at: int, *needles: str) -> int:
        """Return the line of what stands at *at* in *html*, the text that the tree was parsed from."""
        start = max(0, html.rfind(SPAN_PREFIX, 0, at))
        before = _SPAN.match(html, start)  # the lines that were written last before it
        raw = before and html.startswith("<!--", max(0, start - 4))
        tree = LexborHTMLParser(html[:at] + SPAN_PREFIX + html[at:], is_fragment=True)
        strip_comments(tree)
        for node in tree.root.traverse(include_text=True) if tree.root else ():
            if node.is_text_node and SPAN_PREFIX in node.text():
                if raw and not _has_span(node):
                    break
                return self._place(node, node.text().partition(SPAN_PREFIX)[0].count("\n"), needles)
            if node.is_element_node and any(
                SPAN_PREFIX in (value or "")[1:] for value in node.attributes.values()
            ):
                return self._place(node, 0, needles)
        # In raw HTML outside of an element, or in what a parser keeps out of the tree.
        return self._within(int(before[1]), int(before[2]), needles, lambda: 0) if before else self._first

    def _place(self, node: LexborNode, breaks: int, needles: Sequence[str]) -> int:
        """Return the line of *node*, or of what stands behind so many line *breaks* of its text."""
        block = node
        while (span := _span_of(block)) is None:
            if block.parent is None:
                return self._within(*self._between(block), needles, lambda: breaks)
            block = block.parent
        return self._within(*span, needles, lambda: breaks + _newlines_before(node, block))

    def _between(self, top: LexborNode) -> tuple[int, int]:
        """Return the lines between the blocks before and behind *top*, which is in no block itself."""
        before, behind = top.prev, top.next
        while before is not None and _span_of(before) is None:
            before = before.prev
        while behind is not None and _span_of(behind) is None:
            behind = behind.next
        over, under = before and _span_of(before), behind and _span_of(behind)
        first = over[1] + 1 if over else 1
        last = under[0] - 1 if under else self._body.count("\n") + 1
        return over if over and first > last else (first, last)  # a block that an element has closed early

    def text(self, line: int) -> str:
        """Return the text of the *line* of the file."""
        lines = self._body.split("\n")
        return lines[line - self._first] if 0 <= line - self._first < len(lines) else ""

    def _within(self, start: int, end: int, needles: Sequence[str], guess: Callable[[], int]) -> int:
        """Return the line of the first of *needles* that is there; *guess* says which, of several."""
        text = self._block(start, end)
        for needle in needles:
            words = next(filter(str.strip, needle.split("\n")), "").strip()
            if not words:
                continue
            if not (count := text.count(words)):
                text, words = text.lower(), words.lower()
                count = text.count(words)
            if count == 1:
                return self._first + start - 1 + text.count("\n", 0, text.find(words))
            if count:
                hits = [line for line, written in enumerate(text.split("\n")) if words in written]
                near = guess() if len(hits) > 1 else 0
                return self._first + start - 1 + min(hits, key=lambda line: abs(line - near))
            text = self._block(start, end)
        for needle in needles:
            if line := self._definitions.get(needle):
                return self._first + line - 1
        return self._first + start - 1 + max(0, min(guess(), text.count("\n")))

    def _block(self, start: int, end: int) -> str:
        """Return the lines *start* to *end* of the body."""
        if self._held[0] != (start, end):
            self._lines = self._lines or self._body.split("\n")
            self._held = (start, end), "\n".join(self._lines[start - 1 : end])
        return self._held[1]


def _span_of(node: LexborNode) -> tuple[int, int] | None:
    """Return the first and the last line that are written on *node*, if there are any."""
    found = _SPAN.match(node.attributes.get(SPAN_ATTRIBUTE) or "") if node.is_element_node else None
    return (int(found[1]), int(found[2])) if found else None


def _newlines_before(node: LexborNode, block: LexborNode) -> int:
    """Count the line breaks of *block* before its *node*: each is the end of a line of the source."""
    count = 0
    while node.mem_id != block.mem_id and node.parent is not None:
        sibling = node.prev
        while sibling is not None:
            count += sibling.text().count("\n")
            sibling = sibling.prev
        node = node.parent
    return count
