"""Read the examples of a specification of Markdown, and normalize HTML as its own tests do.

Functions of texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import NamedTuple

_FENCE = "`" * 32
_PART = re.compile(
    rf"^{_FENCE} example(?P<options>[^\n]*)\n(?P<markdown>.*?)^\.\n(?P<html>.*?)^{_FENCE}$"
    r"|^\#{1,6} +(?P<section>[^\n]*)$",
    re.DOTALL | re.MULTILINE,
)
_BLOCKS = frozenset(
    "address article aside blockquote dd details dialog div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary"
    " table tbody td tfoot th thead tr ul".split()
)


class Example(NamedTuple):
    """One example: Markdown and the HTML that it must give."""

    number: int  # counted from 1, as in the published specification
    section: str  # the heading above it
    markdown: str
    html: str


def read_examples(spec: str) -> list[Example]:
    """Return the examples of a spec.txt; ``→`` in it stands for a tab."""
    examples: list[Example] = []
    section = ""
    for part in _PART.finditer(spec.partition("<!-- END TESTS -->")[0]):
        if part["section"] is not None:
            section = part["section"].strip()
            continue
        texts = (part[name].replace("→", "\t") for name in ("markdown", "html"))
        examples.append(Example(len(examples) + 1, section, *texts))
    return examples


def normalize(html: str) -> str:
    """Return *html* in the form that the specification's own tests compare.

    Its rules (test/normalize.py of the specification): whitespace is collapsed
    outside of <pre> and has no meaning beside a block, attributes have no order,
    ``<br />`` is ``<br>``, and references are the characters that they name.
    """
    normalizer = _Normalizer()
    normalizer.feed(html)
    normalizer.close()
    return "".join(normalizer.parts).strip()


class _Normalizer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.in_pre = 0
        self.beside_block = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS and self.parts and not self.in_pre:
            self.parts[-1] = self.parts[-1].rstrip()
        written = "".join(f' {name}="{escape(value or "")}"' for name, value in sorted(attrs))
        self.parts.append(f"<{tag}{written}>")
        self.in_pre += tag == "pre"
        self.beside_block = tag in _BLOCKS or tag == "br"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.in_pre -= tag == "pre"
        if tag in _BLOCKS and self.parts and not self.in_pre and tag != "pre":
            self.parts[-1] = self.parts[-1].rstrip()
        self.parts.append(f"</{tag}>")
        self.beside_block = tag in _BLOCKS

    def handle_data(self, data: str) -> None:
        if not self.in_pre:
            data = re.sub(r"\s+", " ", data)
            data = data.lstrip() if self.beside_block else data
        if data:
            self.parts.append(escape(data, quote=False))
            self.beside_block = self.beside_block and not data.strip()

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self.parts.append(f"<![{data}]]>")

    def handle_pi(self, data: str) -> None:
        self.parts.append(f"<?{data}>")
