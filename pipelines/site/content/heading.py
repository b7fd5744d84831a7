"""Take the title of a page from the heading that its text begins with.

A pure function. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt

_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<text>.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_PARAGRAPH = re.compile(r" {0,3}(?![ \t#>`~|<=]|[-*+][ \t]|\d+[.)][ \t])\S.*")  # the text of a setext heading
_ATTRIBUTES = re.compile(r"[ \t]*\{[:#.][^{}]*\}$")  # {#id .class}

_SKIPPED = re.compile(
    r"(?:[ \t]*\n|[ \t]*<!--(?:(?!-->).)*-->[ \t]*\n|(?:[ \t]*<a[ \t][^<>\n]*></a>)+[ \t]*\n)*", re.DOTALL
)
_MAX_HEADING = 1000  # characters; the time to parse them may grow with their square


class Heading(NamedTuple):
    """The heading that a text begins with."""

    text: str  # without markup
    level: int  # 1 to 6
    first: int  # its first line, counted from 0
    last: int  # the line after its last one

    def removed_from(self, body: str) -> str:
        """Return *body* with empty lines for the heading: all other lines keep their numbers."""
        lines = body.split("\n")
        lines[self.first : self.last] = [""] * (self.last - self.first)
        return "\n".join(lines)


def leading_heading(body: str) -> Heading | None:
    """Return the heading that *body* begins with, or None.

    Blank lines, comments and empty anchors before it do not count.
    """
    skipped = _SKIPPED.match(body)
    start = skipped.end() if skipped else 0
    first = body.count("\n", 0, start)
    line, _, rest = body[start:].partition("\n")
    if found := _ATX.fullmatch(line):
        text, level, last = found["text"] or "", len(found["marks"]), first + 1
    elif _PARAGRAPH.fullmatch(line) and (under := _UNDERLINE.fullmatch(rest.partition("\n")[0])):
        text, level, last = line, 1 if under[1][0] == "=" else 2, first + 2
    else:
        return None
    if len(text) > _MAX_HEADING:
        return None
    plain = _plain_text(_ATTRIBUTES.sub("", text))
    return Heading(plain, level, first, last) if plain else None


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _plain_text(markdown: str) -> str:
    """Return inline *markdown* without its markup."""
    words: list[str] = []
    for token in _parser().parseInline(markdown)[0].children or ():
        if token.type in ("text", "code_inline", "text_special", "image"):
            words.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            words.append(" ")
    return " ".join("".join(words).split())
