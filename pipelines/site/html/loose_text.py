"""Wrap loose text at the top level of a fragment in paragraphs.

Python-Markdown puts a fence without blank lines around it into the paragraph.
HTML allows no block there: the parser closes the paragraph before the fence,
and the text after it has no paragraph. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_TEXT_NODE = "-text"
_INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i", "img"),
        *("ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u"),
        *("var", "wbr", _TEXT_NODE, "-comment"),
    )
)


def wrap_loose_text(tree: LexborHTMLParser) -> LexborHTMLParser:
    """Return *tree*, a fragment, with its top-level text in paragraphs."""
    if not any(node.tag == _TEXT_NODE and node.text().strip() for node in _top_level(tree)):
        return tree
    done, run = "", ""
    for node in _top_level(tree):
        html = node.html or ""
        if node.tag in _INLINE:
            run += html
        else:
            done, run = done + _paragraph(run), ""
            done += "" if html == "<p></p>" else html
    return LexborHTMLParser(done + _paragraph(run), is_fragment=True)


def _top_level(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    root = tree.root
    yield from root.iter(include_text=True) if root else ()  # the first level of a fragment


def _paragraph(run: str) -> str:
    return f"\n<p>{run.strip()}</p>\n" if run.strip() else run
