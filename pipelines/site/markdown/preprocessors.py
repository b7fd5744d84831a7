"""Track source lines in the preprocessors that replace fenced code and raw HTML by placeholders.

Subclasses of Python-Markdown's and SuperFences' preprocessors. Functions of
texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import markdown
from markdown.extensions.md_in_html import HtmlBlockPreprocessor, HTMLExtractorExtra
from markdown.util import STX
from pymdownx.superfences import SuperFencesBlockPreprocessor, SuperFencesRawBlockPreprocessor


class LineTracker(Protocol):
    """Receives the replaced lines (source_lines.py)."""

    fence: tuple[int, int]

    def fences_replaced(self, lines: list[str], spans: Sequence[tuple[int, int]]) -> None: ...

    def html_replaced(self, lines: list[str], numbers: Sequence[int]) -> None: ...


class _CommonMarkFences(SuperFencesBlockPreprocessor):  # type: ignore[misc]  # pymdownx is not typed
    """Finds fences by CommonMark's rules for their first and last line."""

    def parse_options(self, m: re.Match[str]) -> bool:
        """Keep the words behind the fence for the formatter, which reads them as CommonMark does."""
        info = m.string[m.end("fence") :].strip()
        if "`" in info and m["fence"].startswith("`"):
            return False  # code within a line
        self.formatter, self.options = self.extension.superfences[0]["formatter"], {"info": info}
        return True

    handle_attrs = handle_unrecognized = parse_options

    def eval_fence(self, ws: str, content: str, start: int, end: int) -> None:
        self.fence_end = _closing_fence(self.fence)
        super().eval_fence(ws, content, start, end)

    def eval_quoted(self, ws: str, content: str, quote_level: int, start: int, end: int) -> None:
        self.fence_end = _closing_fence(self.fence)
        super().eval_quoted(ws, content, quote_level, start, end)


class KeptTabs(_CommonMarkFences, SuperFencesRawBlockPreprocessor):  # type: ignore[misc]
    """Hides fenced code from the step that replaces tabs by spaces."""

    def __init__(self, md: markdown.Markdown, original: Any) -> None:
        super().__init__(md)
        self.config, self.extension = original.config, original.extension


class TrackedFences(_CommonMarkFences):
    """Replaces fenced code, and reports its lines."""

    def __init__(self, md: markdown.Markdown, original: Any, tracker: LineTracker) -> None:
        super().__init__(md)
        self.config, self.extension, self.tracker = original.config, original.extension, tracker

    def process_nested_block(self, ws: str, content: str, start: int, end: int) -> None:
        self.tracker.fence = start + 1, end
        super().process_nested_block(ws, content, start, end)

    def reassemble(self, lines: list[str]) -> list[str]:
        spans = [(start, end) for _, start, end in self.stack]
        done: list[str] = super().reassemble(lines)
        self.tracker.fences_replaced(done, spans)
        return done


@lru_cache(maxsize=64)
def _closing_fence(opening: str) -> re.Pattern[str]:
    """Return the pattern of the line that ends a fence: it may be longer than the first one."""
    return re.compile(rf"{opening}{opening[0]}*[ \t]*$")


class TrackedRawHtml(HtmlBlockPreprocessor):
    """Replaces raw HTML, and reports the source line of each remaining line."""

    def __init__(self, md: markdown.Markdown, tracker: LineTracker) -> None:
        super().__init__(md)
        self.tracker = tracker

    def run(self, lines: list[str]) -> list[str]:
        extractor = _TrackedExtractor(self.md)
        extractor.feed("\n".join(lines))
        extractor.close()
        done = "".join(extractor.cleandoc).split("\n")
        self.tracker.html_replaced(done, extractor.chunks.line_numbers())
        return done


class _NumberedChunks(list[str]):
    """The chunks of the remaining text, each with its first line."""

    def __init__(self, line_of: Callable[[str], int]) -> None:
        super().__init__()
        self._line_of = line_of
        self._lines: list[int] = []

    def append(self, chunk: str) -> None:
        self._lines.append(self._line_of(chunk))
        super().append(chunk)

    def line_numbers(self) -> list[int]:
        """Return the source line of each line of the joined chunks; for a blank one, the line before."""
        found = [0]
        for chunk, line in zip(self, self._lines, strict=True):
            for offset, part in enumerate(chunk.split("\n")):
                if offset:
                    found.append(0)
                if part.strip() and not found[-1]:
                    found[-1] = line + offset
        before = 1
        for index, number in enumerate(found):
            before = found[index] = number or before
        return found


class _TrackedExtractor(HTMLExtractorExtra):
    """Records the line of each chunk of text."""

    _cache: list[str]  # of HTMLExtractor: chunks of the current raw HTML
    mdstack: list[str]  # of HTMLExtractorExtra: open elements with Markdown in them

    def reset(self) -> None:
        super().reset()
        self.start_line = 1  # of the current raw HTML
        self.ending = False
        self.cleandoc = self.chunks = _NumberedChunks(self.line_of)

    def line_of(self, chunk: str) -> int:
        is_placeholder = chunk.startswith(STX) and (bool(self._cache) or self.ending)
        return self.start_line if is_placeholder else int(self.getpos()[0])

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if not self.inraw and not self.mdstack:
            self.start_line = self.getpos()[0]
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.ending = bool(self.mdstack)
        super().handle_endtag(tag)
        self.ending = False
