r"""Fix what Python-Markdown and its extensions take for markup, or do not.

- ``## C#`` keeps its #: a closing sequence needs a space before it.
- ``{a, b}`` is text: an attribute list holds a .class, an #id or key=value.
- ``$5-$10`` is text: no digit follows a formula (pandoc's rule).
- ``2. b`` after an indented paragraph is the next item (Python-Markdown 845).

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element

import markdown
from markdown.blockprocessors import ListIndentProcessor
from pymdownx.arithmatex import RE_BRACKET_INLINE, RE_SMART_DOLLAR_INLINE

_HEADING = re.compile(r"(?:^|\n)(?P<level>#{1,6})(?P<header>[^\n]*?)(?:(?<![ \t])[ \t]+#+[ \t]*)?(?:\n|$)")
_LIST = r"\{\:?[ ]*(?=[^\}\n]*(?:(?<![^\s{:])[.#][A-Za-z_]|[A-Za-z_][\w:-]*=[^\s}=]))([^\}\n ][^\n]*)\}"
_NEXT_ITEM = re.compile(r"\n(?=(?:[*+-]|\d+\.)[ ])")


def apply_fixes(converter: markdown.Markdown) -> None:
    """Replace the patterns of *converter*, whose extensions are loaded."""
    blocks: Any = converter.parser.blockprocessors
    blocks["hashheader"].RE = _HEADING
    blocks.register(_IndentedBlock(converter.parser), "indent", 90)
    attributes: Any = converter.treeprocessors["attr_list"]
    attributes.HEADER_RE = re.compile(rf"[ ]+{_LIST}[ ]*$")
    attributes.BLOCK_RE = re.compile(rf"\n[ ]*{_LIST}[ ]*$")
    attributes.INLINE_RE = re.compile(rf"^{_LIST}")
    formula: Any = converter.inlinePatterns["arithmatex-inline"]
    pattern = rf"(?:{RE_SMART_DOLLAR_INLINE}(?!(?<=\$)\d)|{RE_BRACKET_INLINE})"
    formula.compiled_re = re.compile(pattern, re.DOTALL | re.UNICODE)


class _IndentedBlock(ListIndentProcessor):
    """Ends an indented paragraph before the next item of the list."""

    def run(self, parent: Element, blocks: list[str]) -> None:
        found = _NEXT_ITEM.search(blocks[0])
        if found:
            blocks[0:1] = [blocks[0][: found.start()], blocks[0][found.end() :]]
        super().run(parent, blocks)
