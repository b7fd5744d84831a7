"""Move headings one level down from the first of level 1 on: that is the title of the page.

``#`` becomes <h2>, ``##`` after it <h3>, down to <h6>, so that the outline stays
as written. Headings before the first ``#`` stay. Functions of values. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

DEEPEST = 6
_RAW_TAG = re.compile(r"(</?h)([1-6])(?=[\s/>])", re.IGNORECASE)
_RAW_FIRST = re.compile(r"<h1[\s/>]", re.IGNORECASE)


def demoted(tag: str) -> str:
    """Return the element one level below the heading *tag*, "h1" to "h6"."""
    return f"h{min(int(tag[1]) + 1, DEEPEST)}"


def has_raw_first(html: str) -> bool:
    """Return whether the raw *html* has an ``<h1>``."""
    return _RAW_FIRST.search(html) is not None


def demote_raw(html: str) -> str:
    """Return *html* with each heading one level down."""
    return _RAW_TAG.sub(lambda tag: f"{tag[1]}{min(int(tag[2]) + 1, DEEPEST)}", html)


def demote_raw_from_first(html: str) -> str:
    """Return *html* with its first ``<h1>`` and each heading after it one level down."""
    found = _RAW_FIRST.search(html)
    return html[: found.start()] + demote_raw(html[found.start() :]) if found else html


def raw_first_lines(body: str, code: Container[int] = ()) -> Iterator[int]:
    """Yield the lines of *body*, counted from 1, that have an ``<h1>`` outside of code spans and *code*."""
    for number, line in enumerate(body.split("\n"), 1):
        found = _RAW_FIRST.search(line)
        if found and number not in code and line.count("`", 0, found.start()) % 2 == 0:
            yield number


def findings(lines: Iterable[int]) -> list[tuple[int, str, str, str]]:
    """Return (line, what is wrong, fix, check) of each heading of the first level, on *lines*."""
    text = "a heading of level 1, which is the title of the page: it and all below moved one level down"
    return [(line, text, "begin with ##", "heading-level-1") for line in lines]
