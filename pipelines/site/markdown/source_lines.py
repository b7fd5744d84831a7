"""Track the source lines of each block through Python-Markdown.

Python-Markdown keeps no positions, so ``SourceLines`` wraps its block parser: a
block processor consumes lines from the front of a text, and a nested text
consists of lines of the block around it. Each block element carries its lines
in an attribute until postprocessing (positions.py). A function of texts. No
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
from pipelines.site.markdown.preprocessors import KeptTabs, TrackedFences, TrackedRawHtml

# The prefix of a nested line: > of quotations, list markers, the label of a footnote.
_PREFIX = re.compile(r"(?:[ \t>*+:-]|\d+\.|\[\^[^\]]*\]:)*")
_SEARCH_WINDOW = 200  # lines searched for one line, which may be generated and not in the text
# Processors that may put the text before a definition back in front of the text after it.
_DEFINITION_PROCESSORS = (ReferenceProcessor, AbbrBlockprocessor, FootnoteBlockProcessor)


@dataclass(slots=True)
class _NumberedText:
    """A text with the source line of each of its lines (from 1; 0: unknown)."""

    lines: Sequence[str] = ()
    numbers: Sequence[int] = ()
    end: int = 0  # the last line of the source, if the text extends to it


@dataclass(slots=True)
class _ParseFrame:
    """The state of one call of the block parser."""

    parent: Element
    text: _NumberedText
    blocks: list[str]  # the remaining blocks; the block processors change this list
    original: list[str] = field(init=False)
    starts: list[int] = field(init=False)  # index of the first line of each original block
    unchanged: int = field(init=False)  # number of original blocks at the end of the list
    at: int = 0  # index of the first line of the current block
    cursor: int = 0  # index of the first line that is not part of a nested text

    def __post_init__(self) -> None:
        self.original = list(self.blocks)
        self.unchanged = len(self.blocks)
        self.starts = []
        line = 0
        for block in self.blocks:
            self.starts.append(line)
            line += block.count("\n") + 2
        self.starts.append(line)

    def first_unchanged(self) -> int:
        """Return the index of the first line of the blocks that no processor has changed."""
        count, left = len(self.original), len(self.blocks)
        same = min(self.unchanged, left)
        while same and self.blocks[left - same] is not self.original[count - same]:
            same -= 1
        self.unchanged = same
        return self.starts[count - same]

    def first_remaining(self) -> int:
        """Return the index of the first line of the remaining blocks.

        Counted from the end: a processor puts back the last lines of what it consumed.
        """
        line = self.first_unchanged()
        for block in reversed(self.blocks[: len(self.blocks) - self.unchanged]):
            line -= block.count("\n") + 2
        return max(line, 0)

    def source_line(self, index: int) -> int:
        """Return the source line of the line *index*."""
        return self.text.numbers[min(index, len(self.text.numbers) - 1)] if self.text.numbers else 0

    def last_source_line(self, end: int) -> int:
        """Return the last source line of the text before the line *end*."""
        lines = self.text.lines
        following = next((index for index in range(end, len(lines)) if lines[index].strip()), None)
        if following is None:
            return max(self.text.end, max(self.text.numbers, default=0))
        return self.text.numbers[following] - 1


class SourceLines:
    """Tracks the conversions of one converter, one after the other."""

    def __init__(self, converter: markdown.Markdown) -> None:
        """Wrap the parsers of *converter*, whose extensions are loaded."""
        self.fence = (0, 0)  # first and last line of the fence that is being formatted
        self.definitions: dict[str, int] = {}  # target of a link definition -> its line
        self._fenced = _NumberedText()  # the source, with placeholders for fences
        self._top: _NumberedText | None = None  # the same with placeholders for raw HTML, until it is parsed
        self._frames: list[_ParseFrame] = []
        self._footnotes: dict[str, list[_NumberedText]] = {}  # text of a footnote -> its lines
        self._footnote_count = 0
        self._enabled = True
        original = converter.preprocessors["fenced_code_block"]
        converter.preprocessors.register(KeptTabs(converter, original), "fenced_raw_block", 31.05)
        converter.preprocessors.register(TrackedFences(converter, original, self), "fenced_code_block", 25)
        converter.preprocessors.register(TrackedRawHtml(converter, self), "html_block", 20)
        converter.treeprocessors.register(_RawHtmlSpans(converter), "source_lines", -10)
        converter.parser.parseBlocks = self.parse  # type: ignore[method-assign]
        self._parser = converter.parser

    def reset(self, enabled: bool) -> None:
        """Begin a conversion; unless *enabled*, its elements carry no lines."""
        self.definitions = {}
        self._fenced, self._top = _NumberedText(), None
        self._frames.clear()
        self._footnotes.clear()
        self._footnote_count = 0
        self._enabled = enabled

    def fences_replaced(self, lines: list[str], spans: Sequence[tuple[int, int]]) -> None:
        """Record *lines*, in which one line replaces each of *spans*."""
        numbers: list[int] = []
        before = 0
        for start, end in spans:
            numbers += [*range(before + 1, start + 1), start + 1]
            before = end
        numbers += range(before + 1, before + 1 + len(lines) - len(numbers))
        self._fenced = _NumberedText(lines, numbers)

    def html_replaced(self, lines: list[str], numbers: Sequence[int]) -> None:
        """Record *lines*; *numbers* are their lines in the text of ``fences_replaced``."""
        known = self._fenced.numbers
        self._top = _NumberedText(
            lines, [known[min(number, len(known)) - 1] for number in numbers], known[-1]
        )

    def parse(self, parent: Element, blocks: list[str]) -> None:
        """Replace BlockParser.parseBlocks: set the line spans of the new elements, too."""
        outer = self._frames[-1] if self._frames else None
        start = outer.cursor if outer else 0
        frame = _ParseFrame(parent, self._numbered("\n\n".join(blocks)), blocks)
        if outer and outer.parent is not parent:
            if parent.tag == "div":  # the first line of an admonition is not part of the nested text
                self._set_span(parent, outer, start, outer.cursor)
            else:
                self._set_span(parent, frame, 0, len(frame.text.lines))
        self._frames.append(frame)
        while blocks:
            frame.cursor = max(frame.cursor, frame.at)
            count, last = len(parent), parent[-1] if len(parent) else None
            for processor in self._parser.blockprocessors:
                block = blocks[0]
                if processor.test(parent, block) and processor.run(parent, blocks) is not False:
                    break
            following = frame.first_remaining() if blocks else len(frame.text.lines)
            self._set_spans(frame, parent, count, last, following)
            if isinstance(processor, _DEFINITION_PROCESSORS):
                put_back = self._record_definitions(processor, frame, block, following)
                following = frame.at if put_back else following
            frame.at = frame.cursor = following
        self._frames.pop()

    def _numbered(self, text: str) -> _NumberedText:
        """Return *text* with its source lines."""
        lines = text.split("\n")
        if self._frames:
            return _NumberedText(lines, self._aligned(lines, self._frames[-1]))
        if self._top is not None and len(self._top.lines) == len(lines):
            top, self._top = self._top, None
            return top
        footnotes = self._footnotes.get(text.rstrip())
        return footnotes.pop(0) if footnotes else _NumberedText(lines, [0] * len(lines))

    def _aligned(self, lines: Sequence[str], frame: _ParseFrame) -> list[int]:
        """Return the source line of each of *lines*, which are part of the current block of *frame*."""
        end = frame.first_unchanged()
        numbers, frame.cursor = _align(lines, frame.text, frame.cursor, end)
        if not any(numbers):  # HTML with Markdown in it: the block was a placeholder
            first, last = frame.source_line(frame.at), frame.last_source_line(end)
            known = self._fenced.numbers
            inside = [index for index, number in enumerate(known) if first <= number <= last]
            if inside:
                numbers, _ = _align(lines, self._fenced, inside[0], inside[-1] + 1)
        before = next(filter(None, numbers), frame.source_line(frame.at))
        for index, number in enumerate(numbers):
            is_placeholder = bool(index and lines[index].strip())  # of the line after the last known one
            before = numbers[index] = number or before + is_placeholder
        return numbers

    def _set_spans(
        self, frame: _ParseFrame, parent: Element, count: int, last: Element | None, following: int
    ) -> None:
        """Set the line spans of the elements added to *parent*, which had *count* children before."""
        replaced = last is not None and (len(parent) < count or parent[count - 1] is not last)
        for child in parent[count - 1 if replaced else count :]:
            one_line = child.tag in ("h1", "h2", "h3", "h4", "h5", "h6", "hr")
            self._set_span(child, frame, frame.cursor if one_line else frame.at, following)
            if child.tag == "table":
                for index, row in enumerate(child.iter("tr")):
                    self._set_span(row, frame, line := frame.at + (index and index + 1), line + 1)
        newest = parent[-1] if len(parent) else None
        if newest is not None and newest.tag == "dl":
            new = takewhile(lambda one: SPAN_ATTRIBUTE not in one.attrib or one.tag == "dd", reversed(newest))
            terms = [one for one in new if one.tag == "dt"][::-1]
            span = last.get(SPAN_ATTRIBUTE) if replaced and last is not None else None
            first = int(span[1:].partition("-")[0]) if span else frame.source_line(frame.at)
            for line, term in enumerate(terms, first):
                if self._enabled and first:
                    term.set(SPAN_ATTRIBUTE, line_span(line, line))

    def _set_span(self, element: Element, frame: _ParseFrame, start: int, end: int) -> None:
        """Set the span of *element* to the lines from *start* to before *end*, unless it has one."""
        lines = frame.text.lines
        while start < end - 1 and not lines[start].strip():
            start += 1
        first = frame.source_line(start)
        if self._enabled and first and SPAN_ATTRIBUTE not in element.attrib:
            element.set(SPAN_ATTRIBUTE, line_span(first, max(first, frame.last_source_line(end))))

    def _record_definitions(
        self, processor: BlockProcessor, frame: _ParseFrame, block: str, following: int
    ) -> bool:
        """Record the definitions in *block*; return whether the text before them was put back."""
        pattern: re.Pattern[str] = processor.RE  # type: ignore[attr-defined]
        found = pattern.search(block)
        if isinstance(processor, ReferenceProcessor):
            index, seen = frame.at, 0
            for one in pattern.finditer(block):
                index, seen = index + block.count("\n", seen, one.start()), one.start()
                target = one.group(2).lstrip("<").rstrip(">")
                self.definitions.setdefault(target, frame.source_line(index))
        elif isinstance(processor, FootnoteBlockProcessor):
            known = processor.footnotes.footnotes
            added = list(islice(reversed(known.values()), len(known) - self._footnote_count))
            cursor = frame.at
            for text in reversed(added):
                lines = text.split("\n")
                numbers, cursor = _align(lines, frame.text, cursor, max(frame.first_unchanged(), following))
                self._footnotes.setdefault(text.rstrip(), []).append(_NumberedText(lines, numbers))
            self._footnote_count = len(known)
        return found is not None and block[: found.start()].strip() != ""


def _align(lines: Sequence[str], outer: _NumberedText, start: int, end: int) -> tuple[list[int], int]:
    """Return the source line of each of *lines* (0: not found), and the index after the last one.

    Each is searched in *outer* from *start* to before *end*, in order: as the
    end of a line there, after markers of quotations and lists.
    """
    numbers = []
    end = min(end, len(outer.lines))
    for line in lines:
        text, number = line.strip(), 0
        for index in range(start, min(end, start + _SEARCH_WINDOW)) if text else ():
            written = outer.lines[index].rstrip()
            if written.endswith(text) and _PREFIX.fullmatch(written, 0, len(written) - len(text)):
                number, start = outer.numbers[index], index + 1
                break
        numbers.append(number)
    return numbers, start


class _RawHtmlSpans(Treeprocessor):
    """Insert a comment with the line span before raw HTML, which replaces its placeholder."""

    def run(self, root: Element) -> None:
        for parent in [one for one in root.iter() if isinstance(one.tag, str)]:
            for child in list(parent):
                placeholder = HTML_PLACEHOLDER_RE.fullmatch(child.text or "")
                if child.tag != "p" or len(child) or not placeholder:
                    continue
                html = self.md.htmlStash.rawHtmlBlocks[int(placeholder[1])]
                span = child.attrib.pop(SPAN_ATTRIBUTE, "")
                if span and SPAN_PREFIX not in str(html):  # the HTML of a fence has its span
                    parent.insert(list(parent).index(child), Comment(AtomicString(span)))
