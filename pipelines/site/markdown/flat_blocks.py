"""Find the blocks that CommonMark nests or parses and Python-Markdown shows flat or as text.

Python-Markdown wants four spaces for each level of a list, a blank line before
most blocks and ``markdown="1"`` in HTML, and says nothing where they are
missing. The blocks of both are compared line by line; a block that only
Python-Markdown parses is not reported. Functions of texts. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct, field
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.markdown import commonmark, limits, literal_texts, positions
from pipelines.site.markdown.literal_texts import Row

_KINDS = {
    tag: kind
    for kind, tags in {
        "item": "li dd",
        "quote": "blockquote",
        "table": "table",
        "heading": "h1 h2 h3 h4 h5 h6",
        "code": "pre",
        "box": "details",
        "rule": "hr",
    }.items()
    for tag in tags.split()
}
_CLASSES = {"highlight": "code", "admonition": "box", "arithmatex": "formula"}  # of <div>
_BLANK_LINE = "put a blank line before it"
# Tokens of CommonMark: (kind, what it is called, the fix where it is shown as text).
_LEAVES = {
    "paragraph_open": ("", "a paragraph", _BLANK_LINE),
    "heading_open": ("heading", "a heading", "write it in one line that begins with ##"),
    "table_open": ("table", "a table", _BLANK_LINE),
    "fence": ("code", "code", _BLANK_LINE),
    "code_block": ("code", "code", "indent it by four more spaces than the text around it"),
    "formula_block": ("formula", "a formula", _BLANK_LINE),
    "hr": ("rule", "a rule", _BLANK_LINE),
    "alert_open": ("box", "an alert", "write !!! note, and indent its text by four spaces"),
    "admonition_open": ("box", "an admonition", "write !!! with a blank line before it, or <details>"),
}
_CONTAINERS = {"list_item": "item", "dd": "item", "blockquote": "quote", "admonition": "box"}
_QUOTE_SIGN = re.compile(r" {0,3}> ?")
_RAW_HTML = re.compile(rf"<!--{positions.SPAN_PREFIX}(\d+)-(\d+)-->")
_TILDE = re.compile(r"[ \t>]*~[ \t]")
_PARENTHESIS = re.compile(r"[ \t>]*\d{1,9}\)")


class _Shown(Struct):
    """Which blocks the HTML of Python-Markdown has on each line, counted from 1."""

    depths: dict[str, list[int]]  # kind -> for each line, how many elements of it are around it
    items: set[int] = field(default_factory=set)  # lines on which an item begins
    raw: dict[int, int] = field(default_factory=dict)  # line in raw HTML -> the first line of that


class _Container(Struct):
    kind: str  # "item", "quote", "box" or "list"
    line: int  # its first
    reported: bool = False  # a finding in it: the others follow from that


def findings(body: str, html: str) -> Iterator[Row]:
    """Yield what of *body* is flat or text in *html*, Python-Markdown's with the lines of its blocks."""
    try:
        parsed = commonmark.Blocks(body)
        yield from _compare(parsed, body.split("\n"), html)
    except (limits.LimitExceeded, RecursionError):
        return  # CommonMark would refuse the text


def _compare(parsed: commonmark.Blocks, lines: Sequence[str], html: str) -> Iterator[Row]:
    shown = _shown(html, len(lines))
    around: list[_Container] = []
    in_raw: dict[int, list[int]] = {}  # first line of raw HTML -> lines of the Markdown in it
    marked: set[int] = set()  # of those, the ones that have markup
    for index, token in enumerate(parsed.tokens):
        name, _, what = token.type.rpartition("_")
        kind = "list" if name.endswith(("_list", "dl")) else _CONTAINERS.get(name, "")
        line = token.map[0] + 1 if token.map else 0
        if kind and what == "close":
            around.pop()
        if token.type in _LEAVES and line in shown.raw:
            in_raw.setdefault(shown.raw[line], []).append(line)
            plain = token.type == "paragraph_open" and not around
            if not plain or any(one.type not in _PLAIN for one in parsed.texts(parsed.tokens[index + 1])):
                marked.add(line)
        elif token.type in _LEAVES and line:
            yield from _leaf(token.type, line, around, shown, lines)
        elif token.type == "inline" and line and line not in shown.raw and not shown.depths["code"][line]:
            yield from literal_texts.find(token, parsed.texts, line)
        if kind and what == "open":
            around.append(_Container(kind, line))
    for inner in in_raw.values():
        if len(inner) > 1 or inner[0] in marked:
            text = f"unparsed Markdown in an HTML element: {_short(lines[inner[0] - 1])}"
            yield Row(inner[0], text, 'write markdown="1" in the tag around it', "unparsed-markup")


_PLAIN = frozenset(("text", "softbreak", "html_inline"))


def _leaf(
    token: str, line: int, around: Sequence[_Container], shown: _Shown, lines: Sequence[str]
) -> Iterator[Row]:
    """Yield the finding in the block that *token* opens on *line*, within the containers *around*."""
    kind, name, fix = _LEAVES[token]
    source = lines[line - 1]
    if any(one.reported for one in around):
        return
    items = [one for one in around if one.kind == "item"]
    quotes = sum(one.kind == "quote" for one in around)
    if shown.depths["item"][line] < len(items):
        first = next((one for one in reversed(around) if one.kind == "list" and one.line == line), None)
        if first is not None or items[-1].line == line:
            name = "a list item"
            outer = [one for one in around if one.kind == "list"]
            (first or outer[-1]).reported = True
            if line not in shown.items:
                fix = "put a blank line before the list, and four spaces before an inner one"
                fix = "write 1. instead of 1)" if _PARENTHESIS.match(source) else fix
                fix = "write : instead of ~" if _TILDE.match(source) else fix
                yield Row(line, f"unparsed list item: {_short(source)}", fix, "unparsed-markup")
                return
            items.pop()
        else:
            items[-1].reported = True
        yield _not_nested(name, line, source, around, len(items))
    elif token == "code_block" and items and not shown.depths[kind][line]:
        items[-1].reported = True
        yield _not_nested(name, line, source, around, len(items) + 1)
    elif shown.depths["quote"][line] < quotes:
        next(one for one in reversed(around) if one.kind == "quote").reported = True
        yield Row(line, f"unparsed quotation: {_short(source)}", _BLANK_LINE, "unparsed-markup")
    elif kind and not shown.depths[kind][line]:
        line += kind == "table"  # its row of dashes
        text = f"unparsed {name.split()[-1]}: {_short(lines[line - 1])}"
        yield Row(line, text, fix, "unparsed-markup")


def _not_nested(name: str, line: int, source: str, around: Sequence[_Container], levels: int) -> Row:
    """Return the finding in a block that needs the indent of so many *levels* of items."""
    kinds = [one.kind for one in around]
    for _ in range(kinds[: kinds.index("item")].count("quote")):
        found = _QUOTE_SIGN.match(source)
        source = source[found.end() :] if found else source
    text = source.expandtabs(4)
    indent, needed = len(text) - len(text.lstrip(" ")), 4 * (levels + kinds.count("box"))
    what = f"{name} is indented by {indent} spaces, so that it is not part of the item above"
    if indent >= needed:
        what, fix = f"{name} is not part of the item above", f"{_BLANK_LINE}, or write dialect: commonmark"
    else:
        fix = f"indent it by {needed} spaces, or write dialect: commonmark"
    return Row(line, what, fix, "list-indent", "warning")


def _shown(html: str, count: int) -> _Shown:
    """Return which blocks *html* has on each of *count* lines."""
    kinds = {*_KINDS.values(), *_CLASSES.values()}
    done = _Shown({kind: [0] * (count + 2) for kind in kinds})
    for first, last in _RAW_HTML.findall(html):
        done.raw.update(dict.fromkeys(range(int(first), min(int(last), count) + 1), int(first)))
    tree = LexborHTMLParser(html, is_fragment=True)
    stack: list[tuple[LexborNode, dict[str, int]]] = [(tree.root, {})] if tree.root else []
    while stack:
        node, around = stack.pop()
        names = (node.attributes.get("class") or "").split() if node.tag == "div" else []
        kind = _CLASSES.get(names[0], "") if names else _KINDS.get(node.tag or "", "")
        around = around | {kind: around.get(kind, 0) + 1} if kind else around
        span = positions.span_lines(node.attributes.get(positions.SPAN_ATTRIBUTE) or "")
        if span:
            for name, number in around.items():
                depths = done.depths[name]
                for line in range(span[0], min(span[1], count) + 1):
                    depths[line] = max(depths[line], number)
            if node.tag in ("li", "dd"):
                done.items.add(span[0])
        stack += [(child, around) for child in node.iter()]
    return done


def _short(source: str) -> str:
    text = source.strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")
