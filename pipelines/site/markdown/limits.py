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
PAGE = 2 * 2**20  # characters; linear, about 20 s a MB. Real: 171,781
FORMULA = 10_000  # characters of one formula. Real: 222
NESTING = 100  # HTML elements within each other: the HTML parser crashes at some thousand. Real: 15
CALLS = 1000  # Python calls within each other while one text is converted: about 150 levels of > or *
# Blocks.
SIBLINGS = 10_000  # blocks, items, rows or cells side by side: each is looked up in the list. Real: 672
COLUMNS = 1_000  # of a table. Real: 13
CELLS = 100_000  # of all tables: Markdown fills up short rows. Real: 3,292
BLOCK_WORK = 40_000_000  # headings, definitions, rules in a block x its characters. Real: 48,099
TAG_WORK = 20_000_000  # characters that are read in search of the > of a tag. Real: 3,242
ABBREVIATION_WORK = 40_000_000  # abbreviations x characters of the page. Real: 23,983
REFERENCES = 1_000  # references to one footnote: each looks for a free id from 1 on. Real: 8
CONTENTS = 10  # [TOC] on a page: each is filled by a walk over the page. Real: 1
# Text.
BRACKET_WORK = 5_000_000  # characters from each [ to its ], or to the end of the text. Real: 20,729
SIGN_WORK = 200_000_000  # signs that may begin markup x characters of their text. Real: 19,428,919
# Code beyond these is shown without colours: one of the 1,921 documents, with a line of 17,445 characters.
CODE_WORK = 32_000_000  # squares of the lengths of long lines, and of runs without punctuation
CODE_LONG = 1_000  # characters from which on a line or a run counts
CODE_BLANK = 500  # white space in a row: for AutoHotkey, time grows with the cube of it. Real: below 500

_FIX = "divide it"
_BREAK = re.compile(r"\n[ \t]*\n")
# What Markdown takes out of a block line by line, and then looks at the rest of the block again.
_SPLITS = re.compile(
    r"^[ \t>]*(?:#|=+[ \t]*$|-+[ \t]*$|(?:[*_-][ \t]*){3,}$|\*\[|:[ \t]|\[\^|!!!)", re.MULTILINE
)
_RULE_OF_TABLE = re.compile(r"^[ \t>]*[|:-][ \t|:-]*$", re.MULTILINE)
_REFERENCE = re.compile(r"\[\^([^\[\]]*)\](?!:)")
_ABBREVIATION = re.compile(r"^[ \t>]*\*\[", re.MULTILINE)
_CONTENTS = re.compile(r"^[ \t>]*\[TOC\][ \t]*$", re.MULTILINE)
# As html.parser reads the start of a tag, but without going back.
_TAG = re.compile(
    r"<[A-Za-z][^\s/>]*+"
    r"""(?:[\s/]*+(?<=['"\s/])[^\s/>][^\s/=>]*+(?:\s*+=+\s*+(?:'[^']*+'|"[^"]*+"|(?!['"])[^>\s]*+)(?:\s*+,)*+)?+)*+"""
    r"[\s/]*+"
)
_OPEN_VALUE = re.compile(r"""\s*+=+\s*+['"]""")
_ELEMENT = re.compile(r"<!--|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)")
# Elements that hold nothing, or that end where the next one begins.
_FLAT = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
        *("caption", "option", "optgroup", "rt", "rp"),
    )
)
_DRAWN = frozenset(("a", "font", "script", "style", "div", "span"))  # in SVG, <a/> may be HTML's <a>
_BRACKET = re.compile(r"[\[\]]")
_LINES, _WORDS, _BLANKS = re.compile(r"[^\n]++"), re.compile(r"[\w\s]++"), re.compile(r"\s++")
_SIGN = re.compile(r"[\[\\$*_`<&\"'!]|--|\.\.\.|>>|  \n")


class LimitExceeded(Exception):
    """A limit that a text goes beyond: (what is wrong, the fix, what to search for in the source)."""


def check_page(text: str) -> None:
    """Bound the size of a page; raise TooMuch."""
    if len(text) > PAGE:
        raise LimitExceeded(
            f"has {len(text)} characters; the limit is {PAGE}", "make several pages of it", ""
        )


def check_tags(text: str) -> None:
    """Bound the search for the ends of HTML tags in *text*, which holds no fences; raise TooMuch."""
    work, at = 0, 0
    while found := _TAG.search(text, at):
        end = found.end()
        at = end if text.startswith(">", end) else found.start() + 1
        work += end - found.start()
        if _OPEN_VALUE.match(text, end):  # its quote closes nowhere: all of the rest was read
            work += len(text) - end
        if work > TAG_WORK:
            fix = "close its tags with >, or put each < that is text into `backticks`"
            raise LimitExceeded("has too many HTML tags without an end", fix, found[0][:40].split("\n")[0])


def check_blocks(text: str) -> None:
    """Bound what Markdown does again for each part of a block of *text*; raise TooMuch.

    *text* holds neither fences nor HTML: it is what the block parser gets.
    """
    work = cells = 0
    for block in _BREAK.split(text):
        lines = block.count("\n") + 1
        work += len(_SPLITS.findall(block)) * len(block) + _pairs(block)
        first = next((line for line in block.split("\n", 2) if line.strip()), "").strip()
        if work > BLOCK_WORK:
            what = f"a block of {lines} lines is too long for the headings and definitions in it"
            raise LimitExceeded(what, "put blank lines between them", first)
        columns = max((rule.count("|") + 1 for rule in _RULE_OF_TABLE.findall(block)), default=0)
        cells += columns * lines if lines > 1 and "|" in block else 0
        if columns > COLUMNS:
            raise LimitExceeded(f"a table of {columns} columns; the limit is {COLUMNS}", _FIX, first)
        if cells > CELLS:
            raise LimitExceeded(f"tables of {cells} cells; the limit is {CELLS} a page", _FIX, first)
    if (found := len(_ABBREVIATION.findall(text))) * len(text) > ABBREVIATION_WORK:
        what = f"{found} abbreviations are too many for a page of {len(text)} characters"
        raise LimitExceeded(what, "define those that readers need", "*[")
    if (found := len(_CONTENTS.findall(text))) > CONTENTS:
        raise LimitExceeded(f"has [TOC] {found} times; the limit is {CONTENTS}", "keep one", "[TOC]")
    for name, found in Counter(_REFERENCE.findall(text)).most_common(1):
        if found > REFERENCES:
            what = f"footnote [^{name[:40]}] is referred to {found} times; the limit is {REFERENCES}"
            raise LimitExceeded(what, "refer to it once in each section", f"[^{name}")


def _pairs(block: str) -> int:
    """Return the pipes x backticks of the lines of *block*: a row of a table compares them."""
    if "`" not in block or "|" not in block:
        return 0
    return sum(line.count("|") * line.count("`") for line in block.split("\n"))


def bracket_work(text: str) -> int:
    """Return the characters from each [ of *text* to its ], or to the end."""
    opened: list[int] = []
    work = 0
    for found in _BRACKET.finditer(text):
        if found[0] == "[":
            opened.append(found.start())
        elif opened:
            work += found.start() - opened.pop()
    return work + sum(len(text) - at for at in opened)


def sign_work(text: str) -> int:
    """Return the signs of *text* that may begin markup x its characters."""
    return len(_SIGN.findall(text)) * len(text)


def may_highlight(code: str) -> bool:
    """Say whether *code* is within what a lexer reads in linear time; plain code has no limit.

    The patterns of many lexers try again from each place of a long line, of a
    run of words without punctuation, or of white space.
    """
    if max(map(len, _BLANKS.findall(code)), default=0) > CODE_BLANK:
        return False
    lengths = [len(part) for pattern in (_LINES, _WORDS) for part in pattern.findall(code)]
    return sum(length**2 for length in lengths if length > CODE_LONG) <= CODE_WORK


def check_formula(tex: str) -> None:
    """Bound the size of a formula; raise TooMuch."""
    if len(tex) > FORMULA:
        raise LimitExceeded(f"has {len(tex)} characters; the limit is {FORMULA}", "divide it", "")


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
        if name in _FLAT or (opened["svg"] + opened["math"] and _closed(html, at, name)):
            continue
        if not found["end"]:
            first = first if depth else found[0]
            opened[name] += 1
            depth += 1
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
        if depth > NESTING:
            what = f"HTML elements are nested more than {NESTING} deep"
            raise LimitExceeded(what, f"close {first}> and those in it, or use fewer levels", first)


def _closed(html: str, at: int, name: str) -> bool:
    """Say whether the tag that is open at *at* ends in />, as elements of SVG and MathML may."""
    return name not in _DRAWN and html.find("/>", at) == html.find(">", at) - 1 >= at


@contextmanager
def calls(number: int = CALLS) -> Iterator[None]:
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
