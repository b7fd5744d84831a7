"""Where in its source a part of a page was written.

A converter writes the lines of each block on its element (``stamp``), or in a
comment before raw HTML; ``Positions`` reads them from the parsed tree, and takes
them out again before the page is published. Functions of trees and texts. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from selectolax.lexbor import LexborHTMLParser, LexborNode

ATTRIBUTE = "data-at"
SIGN = "\ue002"  # a private-use character: no text of an author may hold it
_STAMP = re.compile(rf"{SIGN}(\d+)-(\d+)")


def stamp(first: int, last: int) -> str:
    """Return the value that says "written on the lines *first* to *last*", counted from 1."""
    return f"{SIGN}{first}-{last}"


def settle(tree: LexborHTMLParser) -> None:
    """Take all but elements and text out of *tree*; what is behind a comment with lines has these lines."""
    html = tree.html or ""
    if tree.root is None or ("<!" not in html and "<?" not in html):
        return
    nodes = list(tree.root.traverse(include_text=True))
    for node in (one for one in nodes if not one.is_element_node and not one.is_text_node):
        text = (node.comment_content or "") if node.is_comment_node else ""
        if _STAMP.fullmatch(text):
            behind = node.next
            while behind is not None and not behind.is_comment_node:
                if behind.is_element_node:
                    if (behind.attributes.get(ATTRIBUTE) or "").startswith(SIGN):
                        break
                    behind.attrs[ATTRIBUTE] = text
                behind = behind.next
        node.remove()


def remove(tree: LexborHTMLParser) -> None:
    """Take the lines out of *tree*."""
    for node in tree.css(f"[{ATTRIBUTE}]"):
        if (node.attributes[ATTRIBUTE] or "").startswith(SIGN):
            del node.attrs[ATTRIBUTE]


class Positions:
    """Finds the lines of one document."""

    def __init__(self, body: str, body_line: int, definitions: Mapping[str, int]) -> None:
        """Take the Markdown *body*, the line of the file on which it begins, and those of link targets."""
        self._body, self._first = body, body_line
        self._definitions = definitions
        self._lines: list[str] = []

    def of(self, node: LexborNode | None, *needles: str) -> int:
        """Return the line of the file on which *node* was written.

        *needles* are how its author may have written it, best first; they are
        looked for in the lines of the block that holds *node*, nowhere else.
        """
        block = node
        while block is not None:
            if found := _STAMP.match(block.attributes.get(ATTRIBUTE) or ""):
                break
            block = block.parent
        if block is None or node is None:
            return self._first
        return self._within(found, needles, lambda: _breaks_before(node, block))

    def of_words(self, block: LexborNode, shown: str, *needles: str) -> list[int]:
        """Return the lines of every place where *block*, which was stamped, shows the text *shown*."""
        found = _STAMP.match(block.attributes.get(ATTRIBUTE) or "")
        text = block.text()
        places = [one.start() for one in re.finditer(re.escape(shown), text)] if found else []
        return [
            self._within(found, needles, lambda at=at: text.count("\n", 0, at))  # type: ignore[misc]
            for at in places
        ]

    def in_text(self, html: str, at: int, *needles: str) -> int:
        """Return the line of what stands at *at* in *html*, as it was before it was parsed."""
        found = _STAMP.match(html, max(0, html.rfind(SIGN, 0, at)))
        return self._within(found, needles, lambda: 0) if found else self._first

    def text(self, line: int) -> str:
        """Return the text of the *line* of the file."""
        lines = self._body.split("\n")
        return lines[line - self._first] if 0 <= line - self._first < len(lines) else ""

    def _within(self, found: re.Match[str] | None, needles: Sequence[str], guess: Callable[[], int]) -> int:
        """Return the line of the first of *needles* that is there; *guess* says which, of several."""
        assert found is not None
        start, end = int(found[1]), int(found[2])
        self._lines = self._lines or self._body.split("\n")
        block = self._lines[start - 1 : end]
        for needle in needles:
            words = next(filter(str.strip, needle.split("\n")), "").strip()
            hits = [line for line, text in enumerate(block) if words in text] if words else []
            if not hits and words:
                hits = [line for line, text in enumerate(block) if words.lower() in text.lower()]
            if hits:
                near = guess() if len(hits) > 1 else 0
                return self._first + start - 1 + min(hits, key=lambda line: abs(line - near))
        for needle in needles:
            if line := self._definitions.get(needle):
                return self._first + line - 1
        return self._first + start - 1 + max(0, min(guess(), len(block) - 1))


def _breaks_before(node: LexborNode, block: LexborNode) -> int:
    """Count the line breaks of *block* before its *node*: each is the end of a line of the source."""
    count = 0
    while node.mem_id != block.mem_id and node.parent is not None:
        sibling = node.prev
        while sibling is not None:
            count += sibling.text().count("\n")
            sibling = sibling.prev
        node = node.parent
    return count
