"""Set the tokens of highlighted code aside while a page is worked on: most elements of a page are such.

Each block keeps its text, between two marks, so that lines, words and searches
stay. Functions of HTML and of trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selectolax.lexbor import LexborHTMLParser

_MARK = "\ufdd0"  # which is not a character; no source with it, or with a reference to it, is set aside
# Text that a parser changes in nothing but its quotes, and tokens side by side, as highlight.py writes them.
_PLAIN = r"[^<>&\r\0\u00a0\ufdd0\ud800-\udfff]*+"
_TEXT = rf"{_PLAIN}(?:&(?:amp|lt|gt|quot|\#39);{_PLAIN})*+"
_TOKENS = re.compile(
    rf'(?<=<pre><code>){_TEXT}(?:<span class="[\w -]+">{_TEXT}</span>{_TEXT})++(?=</code></pre>)', re.ASCII
)
_TAG = re.compile(r"<[^>]*>")
_MARKED = re.compile(rf"{_MARK}code (\d+){_MARK}([^{_MARK}]*){_MARK}")
_REFERENCES = (_MARK, f"{ord(_MARK):x}", str(ord(_MARK)))
# What is shown elsewhere, too, or has rules of its own for what is in it.
_OUTSIDE = ", ".join(
    f"{one} pre" for one in "p h1 h2 h3 h4 h5 h6 a button summary select svg math .admonition-title".split()
)


def set_aside(html: str, source: str) -> tuple[str, list[str]]:
    """Return *html*, made of the Markdown *source*, with the text of each block of code; and its tokens."""
    parts: list[str] = []
    if any(one in source.lower() for one in _REFERENCES):
        return html, parts

    def take(found: re.Match[str]) -> str:
        text = _TAG.sub("", found[0])
        if not text.strip():
            return found[0]
        parts.append(found[0].replace("&quot;", '"').replace("&#39;", "'"))  # as a tree is written
        return f"{_MARK}code {len(parts) - 1}{_MARK}{text}{_MARK}"

    return _TOKENS.sub(take, html), parts


def are_code(tree: LexborHTMLParser, count: int) -> bool:
    """Return whether *tree* has *count* marked texts, each alone in an element for code.

    Raw HTML around a block can make it the text of another element.
    """
    found = 0
    for node in tree.css("pre > code"):
        text = node.child
        alone = text is not None and text.next is None and text.is_text_node
        found += alone and text is not None and text.text().startswith(f"{_MARK}code ")
    return found == count and not tree.css_matches(_OUTSIDE)


def without_marks(html: str) -> str:
    """Return *html* with the text of each block alone."""
    return _MARKED.sub(r"\2", html)


def restore(html: str, parts: Sequence[str]) -> str:
    """Return *html* with the tokens of each block."""
    return _MARKED.sub(lambda found: parts[int(found[1])], html)
