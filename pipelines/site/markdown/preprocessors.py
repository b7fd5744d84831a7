"""The preprocessors of Python-Markdown that replace code and HTML by placeholders, which count lines here.

Functions of texts. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import markdown
from markdown.extensions.md_in_html import HtmlBlockPreprocessor, HTMLExtractorExtra
from markdown.util import STX
from pymdownx.superfences import SuperFencesBlockPreprocessor


class LineTracker(Protocol):
    """What is told which lines were replaced (source_lines.py)."""

    fence: tuple[int, int]

    def replaced(self, lines: list[str], spans: Sequence[tuple[int, int]]) -> None: ...

    def extracted(self, lines: list[str], numbers: Sequence[int]) -> None: ...


class TrackedFences(SuperFencesBlockPreprocessor):  # type: ignore[misc]  # pymdownx is not typed
    """Replaces fences, and says which lines they were."""

    def __init__(self, md: markdown.Markdown, plain: Any, lines: LineTracker) -> None:
        super().__init__(md)
        self.config, self.extension, self.to = plain.config, plain.extension, lines

    def process_nested_block(self, ws: str, content: str, start: int, end: int) -> None:
        self.to.fence = start + 1, end
        super().process_nested_block(ws, content, start, end)

    def reassemble(self, lines: list[str]) -> list[str]:
        spans = [(start, end) for _, start, end in self.stack]
        done: list[str] = super().reassemble(lines)
        self.to.replaced(done, spans)
        return done


class TrackedRawHtml(HtmlBlockPreprocessor):
    """Replaces raw HTML, and says on which line each line that is left was written."""

    def __init__(self, md: markdown.Markdown, lines: LineTracker) -> None:
        super().__init__(md)
        self.to = lines

    def run(self, lines: list[str]) -> list[str]:
        extractor = _TrackedExtractor(self.md)
        extractor.feed("\n".join(lines))
        extractor.close()
        done = "".join(extractor.cleandoc).split("\n")
        self.to.extracted(done, extractor.chunks.numbers())
        return done


class _NumberedChunks(list[str]):
    """The pieces of the text that is left, each with the line on which it begins."""

    def __init__(self, where: Callable[[str], int]) -> None:
        super().__init__()
        self._where = where
        self._lines: list[int] = []

    def append(self, piece: str) -> None:
        self._lines.append(self._where(piece))
        super().append(piece)

    def numbers(self) -> list[int]:
        """Return the line of each line of the joined pieces; a blank one has that of the line before."""
        found = [0]
        for piece, line in zip(self, self._lines, strict=True):
            for offset, part in enumerate(piece.split("\n")):
                if offset:
                    found.append(0)
                if part.strip() and not found[-1]:
                    found[-1] = line + offset
        before = 1
        for index, number in enumerate(found):
            before = found[index] = number or before
        return found


class _TrackedExtractor(HTMLExtractorExtra):
    """Knows where each piece of the text was found."""

    _cache: list[str]  # of HTMLExtractor: pieces of the raw HTML that is being read
    mdstack: list[str]  # of HTMLExtractorExtra: open elements with Markdown in them

    def reset(self) -> None:
        super().reset()
        self.opened = 1  # the line on which the raw HTML begins that is being read
        self.ending = False
        self.cleandoc = self.chunks = _NumberedChunks(self.where)

    def where(self, piece: str) -> int:
        held = piece.startswith(STX) and (bool(self._cache) or self.ending)
        return self.opened if held else int(self.getpos()[0])

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if not self.inraw and not self.mdstack:
            self.opened = self.getpos()[0]
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.ending = bool(self.mdstack)
        super().handle_endtag(tag)
        self.ending = False
