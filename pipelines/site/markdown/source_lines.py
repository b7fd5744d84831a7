"""Tell each block of a converted page which lines of the source it was written on.

Python-Markdown keeps no positions, so its block parser is followed here: a
block processor takes lines from the front of a text, and a nested text is made
of the lines of the block around it. Each block element carries its lines as an
attribute until the page is finished (positions.py). A function of texts. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from xml.etree.ElementTree import Comment, Element

import markdown
from markdown.blockprocessors import BlockProcessor, ReferenceProcessor
from markdown.extensions.abbr import AbbrBlockprocessor
from markdown.extensions.footnotes import FootnoteBlockProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString

from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, SPAN_PREFIX, line_span
from pipelines.site.markdown.preprocessors import TrackedFences, TrackedRawHtml

# What stands before the text of a nested line: quotation marks, signs of items, the name of a footnote.
_PREFIX = re.compile(r"(?:[ \t>*+:-]|\d+\.|\[\^[^\]]*\]:)*")
_SEARCH_WINDOW = (
    200  # lines that are looked at for one: what does not come of the text would take all of it each time
)
# These may put the text before a definition back in front of the text behind it.
_DEFINITION_PROCESSORS = (ReferenceProcessor, AbbrBlockprocessor, FootnoteBlockProcessor)


@dataclass(slots=True)
class _NumberedText:
    """A text, and the line of the source that each of its lines was written on (from 1; 0: unknown)."""

    lines: Sequence[str] = ()
    numbers: Sequence[int] = ()
    end: int = 0  # the last line of the source, where the text goes so far


@dataclass(slots=True)
class _ParseFrame:
    """One text that is being parsed, block by block."""

    parent: Element
    text: _NumberedText
    blocks: list[str]  # what is left of it; the block processors change this list
    original: list[str] = field(init=False)
    starts: list[int] = field(init=False)  # index of the first line of each original block
    same: int = field(init=False)  # how many blocks at the end are the original ones
    at: int = 0  # index of the first line of the current block
    cursor: int = 0  # index of the first line that no nested text has claimed

    def __post_init__(self) -> None:
        self.original = list(self.blocks)
        self.same = len(self.blocks)
        self.starts = []
        line = 0
        for block in self.blocks:
            self.starts.append(line)
            line += block.count("\n") + 2
        self.starts.append(line)

    def unread(self) -> int:
        """Return the index of the first line of the blocks that nobody has touched."""
        self.same = min(self.same, len(self.blocks))
        count, left = len(self.original), len(self.blocks)
        while self.same and self.blocks[left - self.same] is not self.original[count - self.same]:
            self.same -= 1
        return self.starts[count - self.same]

    def next(self) -> int:
        """Return the index of the first line of the first block that is left.

        Counted from the end: what a processor puts back are the last lines of what it took.
        """
        line = self.unread()
        for block in reversed(self.blocks[: len(self.blocks) - self.same]):
            line -= block.count("\n") + 2
        return max(line, 0)

    def number(self, index: int) -> int:
        """Return the line of the source of the line *index*."""
        return self.text.numbers[min(index, len(self.text.numbers) - 1)] if self.text.numbers else 0

    def last(self, end: int) -> int:
        """Return the last line of the source of what is written before the line *end*."""
        lines = self.text.lines
        behind = next((index for index in range(end, len(lines)) if lines[index].strip()), None)
        if behind is None:
            return max(self.text.end, max(self.text.numbers, default=0))
        return self.text.numbers[behind] - 1


class SourceLines:
    """Follows one conversion after the other of one converter."""

    def __init__(self, converter: markdown.Markdown) -> None:
        """Connect to *converter*, whose extensions are loaded."""
        self.fence = (0, 0)  # first and last line of the fence whose formatter runs
        self.definitions: dict[str, int] = {}  # target of a link definition -> its line
        self._fenced = _NumberedText()  # the source with fences replaced by placeholders
        self._top: _NumberedText | None = None  # the same without raw HTML, until it is parsed
        self._frames: list[_ParseFrame] = []
        self._notes: dict[str, list[_NumberedText]] = {}  # text of a footnote -> where it was written
        self._known = 0  # footnotes that are in there
        self._stamping = True
        plain = converter.preprocessors["fenced_code_block"]
        converter.preprocessors.register(TrackedFences(converter, plain, self), "fenced_code_block", 25)
        converter.preprocessors.register(TrackedRawHtml(converter, self), "html_block", 20)
        converter.treeprocessors.register(_RawHtmlSpans(converter), "source_lines", -10)
        converter.parser.parseBlocks = self.parse  # type: ignore[method-assign]
        self._parser = converter.parser

    def reset(self, stamping: bool) -> None:
        """Begin a conversion; without *stamping*, its elements carry no lines."""
        self.definitions = {}
        self._fenced, self._top = _NumberedText(), None
        self._frames.clear()
        self._notes.clear()
        self._known = 0
        self._stamping = stamping

    def replaced(self, lines: list[str], spans: Sequence[tuple[int, int]]) -> None:
        """Take note of *lines*, in which each of *spans* was replaced by one line."""
        numbers: list[int] = []
        before = 0
        for start, end in spans:
            numbers += [*range(before + 1, start + 1), start + 1]
            before = end
        numbers += range(before + 1, before + 1 + len(lines) - len(numbers))
        self._fenced = _NumberedText(lines, numbers)

    def extracted(self, lines: list[str], numbers: Sequence[int]) -> None:
        """Take note of *lines*, each from the line *numbers* of the text that ``replaced`` was told."""
        known = self._fenced.numbers
        self._top = _NumberedText(
            lines, [known[min(number, len(known)) - 1] for number in numbers], known[-1]
        )

    def parse(self, parent: Element, blocks: list[str]) -> None:
        """Do what BlockParser.parseBlocks does, and stamp the elements that come of it."""
        around = self._frames[-1] if self._frames else None
        unclaimed = around.cursor if around else 0
        frame = _ParseFrame(parent, self._text("\n\n".join(blocks)), blocks)
        if around and around.parent is not parent:
            if parent.tag == "div":  # its first line, as that of an admonition, is not in the nested text
                self._stamp(parent, around, unclaimed, around.cursor)
            else:
                self._stamp(parent, frame, 0, len(frame.text.lines))
        self._frames.append(frame)
        while blocks:
            frame.cursor = max(frame.cursor, frame.at)
            count, last = len(parent), parent[-1] if len(parent) else None
            for processor in self._parser.blockprocessors:
                block = blocks[0]
                if processor.test(parent, block) and processor.run(parent, blocks) is not False:
                    break
            following = frame.next() if blocks else len(frame.text.lines)
            self._elements(frame, parent, count, last, following)
            if isinstance(processor, _DEFINITION_PROCESSORS):
                before = self._defined(processor, frame, block, following)
                following = frame.at if before else following
            frame.at = frame.cursor = following
        self._frames.pop()

    def _text(self, text: str) -> _NumberedText:
        """Return *text* with the lines of the source that it was written on."""
        lines = text.split("\n")
        if self._frames:
            return _NumberedText(lines, self._aligned(lines, self._frames[-1]))
        if self._top is not None and len(self._top.lines) == len(lines):
            top, self._top = self._top, None
            return top
        notes = self._notes.get(text.rstrip())
        return notes.pop(0) if notes else _NumberedText(lines, [0] * len(lines))

    def _aligned(self, lines: Sequence[str], frame: _ParseFrame) -> list[int]:
        """Return the line of the source of each of *lines*, which come of the current block of *frame*."""
        around, end = frame.text, frame.unread()
        numbers, frame.cursor = _align(lines, around, frame.cursor, end)
        if not any(numbers):  # HTML with Markdown in it: the block was a placeholder
            first, last = frame.number(frame.at), frame.last(end)
            known = self._fenced.numbers
            inside = [index for index, number in enumerate(known) if first <= number <= last]
            if inside:
                numbers, _ = _align(lines, self._fenced, inside[0], inside[-1] + 1)
        before = next(filter(None, numbers), frame.number(frame.at))
        for index, number in enumerate(numbers):
            skipped = bool(index and lines[index].strip())  # a placeholder, for what is written behind
            before = numbers[index] = number or before + skipped
        return numbers

    def _elements(
        self, frame: _ParseFrame, parent: Element, count: int, last: Element | None, following: int
    ) -> None:
        """Stamp what a block processor has added to *parent*, which had *count* children."""
        gone = last is not None and (len(parent) < count or parent[count - 1] is not last)
        for child in parent[count - 1 if gone else count :]:
            alone = child.tag in ("h1", "h2", "h3", "h4", "h5", "h6", "hr")
            self._stamp(child, frame, frame.cursor if alone else frame.at, following)
            if child.tag == "table":
                for index, row in enumerate(child.iter("tr")):
                    self._stamp(row, frame, line := frame.at + (index and index + 1), line + 1)
        newest = parent[-1] if len(parent) else None
        if newest is not None and newest.tag == "dl":
            new = takewhile(lambda one: SPAN_ATTRIBUTE not in one.attrib or one.tag == "dd", reversed(newest))
            terms = [one for one in new if one.tag == "dt"][::-1]
            written = last.get(SPAN_ATTRIBUTE) if gone and last is not None else None
            first = int(written[1:].partition("-")[0]) if written else frame.number(frame.at)
            for line, term in enumerate(terms, first):
                if self._stamping and first:
                    term.set(SPAN_ATTRIBUTE, line_span(line, line))

    def _stamp(self, element: Element, frame: _ParseFrame, start: int, end: int) -> None:
        """Write on *element* the lines from index *start* to before *end*, unless it has some."""
        lines = frame.text.lines
        while start < end - 1 and not lines[start].strip():
            start += 1
        first = frame.number(start)
        if self._stamping and first and SPAN_ATTRIBUTE not in element.attrib:
            element.set(SPAN_ATTRIBUTE, line_span(first, max(first, frame.last(end))))

    def _defined(self, processor: BlockProcessor, frame: _ParseFrame, block: str, following: int) -> bool:
        """Take note of definitions in *block*; return whether text before them was put back."""
        pattern: re.Pattern[str] = processor.RE  # type: ignore[attr-defined]
        found = pattern.search(block)
        if isinstance(processor, ReferenceProcessor):
            index, seen = frame.at, 0
            for one in pattern.finditer(block):
                index, seen = index + block.count("\n", seen, one.start()), one.start()
                self.definitions.setdefault(one.group(2).lstrip("<").rstrip(">"), frame.number(index))
        elif isinstance(processor, FootnoteBlockProcessor):
            known = processor.footnotes.footnotes
            added = list(islice(reversed(known.values()), len(known) - self._known))
            cursor = frame.at
            for text in reversed(added):
                lines = text.split("\n")
                numbers, cursor = _align(lines, frame.text, cursor, max(frame.unread(), following))
                self._notes.setdefault(text.rstrip(), []).append(_NumberedText(lines, numbers))
            self._known = len(known)
        return found is not None and block[: found.start()].strip() != ""


def _align(lines: Sequence[str], around: _NumberedText, start: int, end: int) -> tuple[list[int], int]:
    """Return the numbers of *lines* (0: not found), and the index behind the last one.

    Each is looked for in *around* from *start* to before *end*, in order: it
    is the end of a line there, behind signs of quotations and items.
    """
    numbers = []
    end = min(end, len(around.lines))
    for line in lines:
        text, number = line.strip(), 0
        for index in range(start, min(end, start + _SEARCH_WINDOW)) if text else ():
            written = around.lines[index].rstrip()
            if written.endswith(text) and _PREFIX.fullmatch(written, 0, len(written) - len(text)):
                number, start = around.numbers[index], index + 1
                break
        numbers.append(number)
    return numbers, start


class _RawHtmlSpans(Treeprocessor):
    """Write the lines of raw HTML before it: the HTML replaces the paragraph of its placeholder."""

    def run(self, root: Element) -> None:
        for parent in [one for one in root.iter() if isinstance(one.tag, str)]:
            for child in list(parent):
                held = HTML_PLACEHOLDER_RE.fullmatch(child.text or "")
                if child.tag != "p" or len(child) or not held:
                    continue
                stashed = self.md.htmlStash.rawHtmlBlocks[int(held[1])]
                written = child.attrib.pop(SPAN_ATTRIBUTE, "")
                if written and SPAN_PREFIX not in str(stashed):  # the HTML of a fence has its lines
                    mark = Comment(AtomicString(written))
                    parent.insert(list(parent).index(child), mark)
