"""Limits on one page, so that no text stops a build.

Python-Markdown, its extensions and the parsers behind it take time that grows
with the square of some inputs: brackets that nothing closes, a block of ten
thousand headings. Each function here bounds such a product with one pass over
the text. A limit counts the text and never reads a clock: equal inputs give
equal findings on every machine.

A unit of work costs 10 to 100 ns, so that a page at one limit takes about 2 s.
The largest values of 1,921 real documents (EIPs, Rust RFCs, Kubernetes KEPs;
35 MB) stand beside each limit. No reads, no writes, no network.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# One page.
MAX_PAGE = 2 * 2**20  # characters; linear, about 20 s a MB. Real: 171,781
MAX_FORMULA = 10_000  # characters of one formula. Real: 222
MAX_NESTING = 100  # HTML elements within each other: the HTML parser crashes at some thousand. Real: 15
MAX_CALL_DEPTH = (
    1000  # Python calls within each other while one text is converted: about 150 levels of > or *
)
# Blocks.
MAX_SIBLINGS = 10_000  # blocks, items, rows or cells side by side: each is looked up in the list. Real: 672
MAX_TABLE_COLUMNS = 1_000  # of a table. Real: 13
MAX_TABLE_CELLS = 100_000  # of all tables: Markdown fills up short rows. Real: 3,292
MAX_BLOCK_COST = 40_000_000  # headings, definitions, rules in a block x its characters. Real: 48,099
MAX_TAG_COST = 20_000_000  # characters that are read in search of the > of a tag. Real: 3,242
MAX_ABBREVIATION_COST = 40_000_000  # abbreviations x characters of the page. Real: 23,983
MAX_FOOTNOTE_REFERENCES = 1_000  # references to one footnote: each looks for a free id from 1 on. Real: 8
MAX_TOC_MARKERS = 10  # [TOC] on a page: each is filled by a walk over the page. Real: 1
# Text.
MAX_BRACKET_COST = 5_000_000  # characters from each [ to its ], or to the end of the text. Real: 20,729
MAX_INLINE_COST = 200_000_000  # signs that may begin markup x characters of their text. Real: 19,428,919
# Code beyond these is shown without colours: one of the 1,921 documents, with a line of 17,445 characters.
MAX_HIGHLIGHT_COST = 32_000_000  # squares of the lengths of long lines, and of runs without punctuation
LONG_RUN = 1_000  # characters from which on a line or a run counts
MAX_BLANK_RUN = 500  # white space in a row: for AutoHotkey, time grows with the cube of it. Real: below 500

_FIX = "divide it"
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
# What Markdown takes out of a block line by line, and then looks at the rest of the block again.
_BLOCK_START = re.compile(
    r"^[ \t>]*(?:#|=+[ \t]*$|-+[ \t]*$|(?:[*_-][ \t]*){3,}$|\*\[|:[ \t]|\[\^|!!!)", re.MULTILINE
)
_TABLE_DELIMITER = re.compile(r"^[ \t>]*[|:-][ \t|:-]*$", re.MULTILINE)
_FOOTNOTE_REFERENCE = re.compile(r"\[\^([^\[\]]*)\](?!:)")
_ABBREVIATION = re.compile(r"^[ \t>]*\*\[", re.MULTILINE)
_TOC_MARKER = re.compile(r"^[ \t>]*\[TOC\][ \t]*$", re.MULTILINE)
# As html.parser reads the start of a tag, but without going back.
_OPEN_TAG = re.compile(
    r"<[A-Za-z][^\s/>]*+"
    r"""(?:[\s/]*+(?<=['"\s/])[^\s/>][^\s/=>]*+(?:\s*+=+\s*+(?:'[^']*+'|"[^"]*+"|(?!['"])[^>\s]*+)(?:\s*+,)*+)?+)*+"""
    r"[\s/]*+"
)
_UNCLOSED_VALUE = re.compile(r"""\s*+=+\s*+['"]""")
_ELEMENT = re.compile(r"<!--|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)")
# Elements that hold nothing, or that end where the next one begins.
_VOID_OR_IMPLIED_END = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
        *("caption", "option", "optgroup", "rt", "rp"),
    )
)
_NEVER_SELF_CLOSING = frozenset(
    ("a", "font", "script", "style", "div", "span")
)  # in SVG, <a/> may be HTML's <a>
_BRACKET = re.compile(r"[\[\]]")
_LINES, _WORDS, _BLANKS = re.compile(r"[^\n]++"), re.compile(r"[\w\s]++"), re.compile(r"\s++")
_INLINE_MARKUP = re.compile(r"[\[\\$*_`<&\"'!]|--|\.\.\.|>>|  \n")


class LimitExceeded(Exception):
    """A limit that a text goes beyond: (what is wrong, the fix, what to search for in the source)."""


def check_page(text: str) -> None:
    """Bound the size of a page; raise TooMuch."""
    if len(text) > MAX_PAGE:
        raise LimitExceeded(
            f"has {len(text)} characters; the limit is {MAX_PAGE}", "make several pages of it", ""
        )


def check_tags(text: str) -> None:
    """Bound the search for the ends of HTML tags in *text*, which holds no fences; raise TooMuch."""
    work, at = 0, 0
    while found := _OPEN_TAG.search(text, at):
        end = found.end()
        at = end if text.startswith(">", end) else found.start() + 1
        work += end - found.start()
        if _UNCLOSED_VALUE.match(text, end):  # its quote closes nowhere: all of the rest was read
            work += len(text) - end
        if work > MAX_TAG_COST:
            fix = "close its tags with >, or put each < that is text into `backticks`"
            raise LimitExceeded("has too many HTML tags without an end", fix, found[0][:40].split("\n")[0])


def check_blocks(text: str) -> None:
    """Bound what Markdown does again for each part of a block of *text*; raise TooMuch.

    *text* holds neither fences nor HTML: it is what the block parser gets.
    """
    work = cells = 0
    for block in _BLANK_LINE.split(text):
        lines = block.count("\n") + 1
        work += len(_BLOCK_START.findall(block)) * len(block) + _table_row_cost(block)
        first = next((line for line in block.split("\n", 2) if line.strip()), "").strip()
        if work > MAX_BLOCK_COST:
            what = f"a block of {lines} lines is too long for the headings and definitions in it"
            raise LimitExceeded(what, "put blank lines between them", first)
        columns = max((rule.count("|") + 1 for rule in _TABLE_DELIMITER.findall(block)), default=0)
        cells += columns * lines if lines > 1 and "|" in block else 0
        if columns > MAX_TABLE_COLUMNS:
            raise LimitExceeded(
                f"a table of {columns} columns; the limit is {MAX_TABLE_COLUMNS}", _FIX, first
            )
        if cells > MAX_TABLE_CELLS:
            raise LimitExceeded(
                f"tables of {cells} cells; the limit is {MAX_TABLE_CELLS} a page", _FIX, first
            )
    if (found := len(_ABBREVIATION.findall(text))) * len(text) > MAX_ABBREVIATION_COST:
        what = f"{found} abbreviations are too many for a page of {len(text)} characters"
        raise LimitExceeded(what, "define those that readers need", "*[")
    if (found := len(_TOC_MARKER.findall(text))) > MAX_TOC_MARKERS:
        raise LimitExceeded(f"has [TOC] {found} times; the limit is {MAX_TOC_MARKERS}", "keep one", "[TOC]")
    for name, found in Counter(_FOOTNOTE_REFERENCE.findall(text)).most_common(1):
        if found > MAX_FOOTNOTE_REFERENCES:
            limit = MAX_FOOTNOTE_REFERENCES
            what = f"footnote [^{name[:40]}] is referred to {found} times; the limit is {limit}"
            raise LimitExceeded(what, "refer to it once in each section", f"[^{name}")


def _table_row_cost(block: str) -> int:
    """Return the pipes x backticks of the lines of *block*: a row of a table compares them."""
    if "`" not in block or "|" not in block:
        return 0
    return sum(line.count("|") * line.count("`") for line in block.split("\n"))


def bracket_cost(text: str) -> int:
    """Return the characters from each [ of *text* to its ], or to the end."""
    opened: list[int] = []
    work = 0
    for found in _BRACKET.finditer(text):
        if found[0] == "[":
            opened.append(found.start())
        elif opened:
            work += found.start() - opened.pop()
    return work + sum(len(text) - at for at in opened)


def inline_cost(text: str) -> int:
    """Return the signs of *text* that may begin markup x its characters."""
    return len(_INLINE_MARKUP.findall(text)) * len(text)


def may_highlight(code: str) -> bool:
    """Say whether *code* is within what a lexer reads in linear time; plain code has no limit.

    The patterns of many lexers try again from each place of a long line, of a
    run of words without punctuation, or of white space.
    """
    if max(map(len, _BLANKS.findall(code)), default=0) > MAX_BLANK_RUN:
        return False
    lengths = [len(part) for pattern in (_LINES, _WORDS) for part in pattern.findall(code)]
    return sum(length**2 for length in lengths if length > LONG_RUN) <= MAX_HIGHLIGHT_COST


def check_formula(tex: str) -> None:
    """Bound the size of a formula; raise TooMuch."""
    if len(tex) > MAX_FORMULA:
        raise LimitExceeded(f"has {len(tex)} characters; the limit is {MAX_FORMULA}", "divide it", "")


def check_nesting(html: str) -> None:
    """Bound the depth of the elements in *html*, before anything builds a tree of it; raise TooMuch."""
    opened: Counter[str] = Counter()
    depth, at, first = 0, 0, ""
    while found := _ELEMENT.search(html, at):
        at = found.end()
        if found[0] == "<!--":
            if (at := html.find("-->", at)) < 0:
                return
            continue
        name = found["name"].lower()
        if name in _VOID_OR_IMPLIED_END or (
            opened["svg"] + opened["math"] and _is_self_closing(html, at, name)
        ):
            continue
        if not found["end"]:
            first = first if depth else found[0]
            opened[name] += 1
            depth += 1
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
        if depth > MAX_NESTING:
            what = f"HTML elements are nested more than {MAX_NESTING} deep"
            raise LimitExceeded(what, f"close {first}> and those in it, or use fewer levels", first)


def _is_self_closing(html: str, at: int, name: str) -> bool:
    """Say whether the tag that is open at *at* ends in />, as elements of SVG and MathML may."""
    return name not in _NEVER_SELF_CLOSING and html.find("/>", at) == html.find(">", at) - 1 >= at


@contextmanager
def limit_call_depth(number: int = MAX_CALL_DEPTH) -> Iterator[None]:
    """Raise RecursionError below *number* calls within each other, however deep the caller is."""
    depth, frame = 0, sys._getframe()
    while frame.f_back:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + number)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
