"""Limit the size and complexity of a page, so that no input makes a build hang.

Python-Markdown, its extensions and the HTML parsers take quadratic time for
some inputs: unclosed brackets, a block of ten thousand headings. Each function
estimates such a cost in one pass over the text. Limits count characters and
never read a clock: equal inputs give equal faults on every machine.

A unit of cost is 10 to 100 ns, so that a page at one limit takes about 2 s.
"Real" is the largest value in 1,921 documents (EIPs, Rust RFCs, Kubernetes
KEPs; 35 MB). No reads, no writes, no network.
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
MAX_NESTING = 100  # levels of HTML elements: the HTML parser crashes at some thousand. Real: 15
MAX_UNKNOWN = 2_000  # open tags of unknown elements, as <your-name>, which will be text. Real: below 100
MAX_CALL_DEPTH = 1000  # Python frames during one conversion: about 150 levels of > or *
# Blocks.
MAX_SIBLINGS = 10_000  # children of one element: each is searched in the list. Real: 672
MAX_TOKENS = 150_000  # of markdown-it-py; about five an item. Real: 20,000
MAX_TABLE_COLUMNS = 1_000  # of a table. Real: 13
MAX_TABLE_CELLS = 100_000  # of all tables: Markdown pads short rows. Real: 3,292
MAX_BLOCK_COST = 40_000_000  # headings, definitions, rules in a block x its characters. Real: 48,099
MAX_TAG_COST = 20_000_000  # characters read while searching the > of a tag. Real: 3,242
MAX_ABBREVIATION_COST = 40_000_000  # abbreviations x characters of the page. Real: 23,983
MAX_FOOTNOTE_REFERENCES = 1_000  # to one footnote: each searches a free id from 1 on. Real: 8
MAX_TOC_MARKERS = 10  # [TOC] on a page: each walks over the page. Real: 1
# Text.
MAX_BRACKET_COST = 5_000_000  # characters from each [ to its ], or to the end of the text. Real: 20,729
MAX_INLINE_COST = 200_000_000  # markup characters x characters of their text. Real: 19,428,919
MAX_LINK_COST = 1_000_000_000  # the same in CommonMark, whose parser remembers what it skipped
IMAGE_WEIGHT = 1_000  # of MAX_LINK_COST, for a character of an image in the text of another
# Code beyond these is not highlighted: one of the 1,921 documents, with a line of 17,445 characters.
MAX_HIGHLIGHT_COST = 32_000_000  # squared lengths of long lines and of long runs without punctuation
LONG_RUN = 1_000  # characters from which a line or a run counts
MAX_BLANK_RUN = 500  # white space in a row: cubic time in the AutoHotkey lexer. Real: below 500

_SPLIT_FIX = "split it"
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
# Markdown splits a block at each of these lines, and parses the rest of the block again.
_BLOCK_START = re.compile(
    r"^[ \t>]*(?:#|=+[ \t]*$|-+[ \t]*$|(?:[*_-][ \t]*){3,}$|\*\[|:[ \t]|\[\^|!!!)", re.MULTILINE
)
_TABLE_DELIMITER = re.compile(r"^[ \t>]*[|:-][ \t|:-]*$", re.MULTILINE)
_DEEP_LINE = re.compile(rf"^[ \t]*(?:>[ \t]?|\d{{1,9}}\.[ \t]+){{{MAX_NESTING + 1}}}", re.MULTILINE)
_FOOTNOTE_REFERENCE = re.compile(r"\[\^([^\[\]]*)\](?!:)")
_ABBREVIATION = re.compile(r"^[ \t>]*\*\[", re.MULTILINE)
_TOC_MARKER = re.compile(r"^[ \t>]*\[TOC\][ \t]*$", re.MULTILINE)
# The start tag pattern of html.parser, without backtracking.
_OPEN_TAG = re.compile(
    r"<[A-Za-z][^\s/>]*+"
    r"""(?:[\s/]*+(?<=['"\s/])[^\s/>][^\s/=>]*+(?:\s*+=+\s*+(?:'[^']*+'|"[^"]*+"|(?!['"])[^>\s]*+)(?:\s*+,)*+)?+)*+"""
    r"[\s/]*+"
)
_UNCLOSED_VALUE = re.compile(r"""\s*+=+\s*+['"]""")
_ELEMENT = re.compile(r"<!--|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)")
# Void elements, and elements whose end tag may be omitted.
_VOID_OR_IMPLIED_END = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
        *("caption", "option", "optgroup", "rt", "rp"),
    )
)
# The elements of HTML, of today and before. html/unknown_elements.py shows other tags as text.
HTML_NAMES = frozenset(
    """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink
    blockquote body br button canvas caption center cite code col colgroup data datalist dd del details
    dfn dialog div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4
    h5 h6 head header hgroup hr html i iframe image img input ins isindex kbd keygen label legend li
    link main map mark marquee math menu menuitem meta meter nav nobr noembed noframes noscript object
    ol optgroup option output p param picture plaintext pre progress q rb rp rt rtc ruby s samp script
    search section select slot small source span strike strong style sub summary sup svg table tbody td
    template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
    """.split()
)
# HTML elements, even where <a/> looks like SVG's.
_NEVER_SELF_CLOSING = frozenset(("a", "font", "script", "style", "div", "span"))
_BRACKET = re.compile(r"[\[\]]")
_IMAGE_BRACKET = re.compile(r"!?\[|\]\(?")
_LINES, _WORDS, _BLANKS = re.compile(r"[^\n]++"), re.compile(r"[\w\s]++"), re.compile(r"\s++")
_INLINE_MARKUP = re.compile(r"[\[\\$*_`<&\"'!]|--|\.\.\.|>>|  \n")


class LimitExceeded(Exception):
    """A text exceeds a limit: (what is wrong, the fix, what to search for in the source)."""


def check_page(text: str) -> None:
    """Raise LimitExceeded for a page that is too large."""
    if len(text) > MAX_PAGE:
        raise LimitExceeded(
            f"has {len(text)} characters; the limit is {MAX_PAGE}", "split it into several pages", ""
        )


def check_tags(text: str) -> None:
    """Raise LimitExceeded if searching the ends of HTML tags in *text* costs too much.

    *text* has no fenced code: it is the input of the HTML parser.
    """
    work, at = 0, 0
    while found := _OPEN_TAG.search(text, at):
        end = found.end()
        at = end if text.startswith(">", end) else found.start() + 1
        work += end - found.start()
        if _UNCLOSED_VALUE.match(text, end):  # the parser reads to the end of the text
            work += len(text) - end
        if work > MAX_TAG_COST:
            fix = "close the tags with >, or put each < that is text into `backticks`"
            raise LimitExceeded("has too many unclosed HTML tags", fix, found[0][:40].split("\n")[0])


def check_blocks(text: str) -> None:
    """Raise LimitExceeded if parsing the blocks of *text* costs too much.

    *text* has no fenced code and no raw HTML: it is the input of the block parser.
    """
    if found := _DEEP_LINE.search(text):
        what = f"quotations or lists are nested more than {MAX_NESTING} deep"
        raise LimitExceeded(what, "use fewer levels of > or lists", found[0].strip())
    work = cells = 0
    for block in _BLANK_LINE.split(text):
        lines = block.count("\n") + 1
        work += len(_BLOCK_START.findall(block)) * len(block) + _table_row_cost(block)
        first = next((line for line in block.split("\n", 2) if line.strip()), "").strip()
        if work > MAX_BLOCK_COST:
            what = f"a block of {lines} lines has too many headings or definitions"
            raise LimitExceeded(what, "put blank lines between them", first)
        columns = max((rule.count("|") + 1 for rule in _TABLE_DELIMITER.findall(block)), default=0)
        cells += columns * lines if lines > 1 and "|" in block else 0
        if columns > MAX_TABLE_COLUMNS:
            raise LimitExceeded(
                f"a table of {columns} columns; the limit is {MAX_TABLE_COLUMNS}", _SPLIT_FIX, first
            )
        if cells > MAX_TABLE_CELLS:
            raise LimitExceeded(
                f"tables of {cells} cells; the limit is {MAX_TABLE_CELLS} a page", _SPLIT_FIX, first
            )
    if (number := len(_ABBREVIATION.findall(text))) * len(text) > MAX_ABBREVIATION_COST:
        what = f"{number} abbreviations are too many for a page of {len(text)} characters"
        raise LimitExceeded(what, "define fewer abbreviations", "*[")
    if (number := len(_TOC_MARKER.findall(text))) > MAX_TOC_MARKERS:
        raise LimitExceeded(f"has [TOC] {number} times; the limit is {MAX_TOC_MARKERS}", "keep one", "[TOC]")
    for name, number in Counter(_FOOTNOTE_REFERENCE.findall(text)).most_common(1):
        if number > MAX_FOOTNOTE_REFERENCES:
            limit = MAX_FOOTNOTE_REFERENCES
            what = f"footnote [^{name[:40]}] has {number} references; the limit is {limit}"
            raise LimitExceeded(what, "reference it once in each section", f"[^{name}")


def _table_row_cost(block: str) -> int:
    """Return the sum of pipes x backticks in each line of *block*: the table parser compares them."""
    if "`" not in block or "|" not in block:
        return 0
    return sum(line.count("|") * line.count("`") for line in block.split("\n"))


def bracket_cost(text: str) -> int:
    """Return the number of characters from each [ of *text* to its ], or to the end."""
    open_elements: list[int] = []
    work = 0
    for found in _BRACKET.finditer(text):
        if found[0] == "[":
            open_elements.append(found.start())
        elif open_elements:
            work += found.start() - open_elements.pop()
    return work + sum(len(text) - at for at in open_elements)


def image_cost(text: str) -> int:
    """Return the number of characters of the images of *text* that are in the text of another one."""
    open_images: list[int] = []  # -1: a link
    images = work = 0
    for found in _IMAGE_BRACKET.finditer(text):
        if found[0].endswith("["):
            is_image = found[0].startswith("!")
            open_images.append(found.start() if is_image else -1)
            images += is_image
        elif open_images and (start := open_images.pop()) >= 0:
            images -= 1
            work += found.start() - start if images and found[0] == "](" else 0
    return work


def inline_cost(text: str) -> int:
    """Return the number of markup characters of *text* x its length."""
    return len(_INLINE_MARKUP.findall(text)) * len(text)


def may_highlight(code: str) -> bool:
    """Return whether a lexer can highlight *code* in acceptable time.

    The patterns of many lexers backtrack from each position of a long line, of
    a run of words without punctuation, or of white space.
    """
    if max(map(len, _BLANKS.findall(code)), default=0) > MAX_BLANK_RUN:
        return False
    lengths = [len(part) for pattern in (_LINES, _WORDS) for part in pattern.findall(code)]
    return sum(length**2 for length in lengths if length > LONG_RUN) <= MAX_HIGHLIGHT_COST


def check_formula(tex: str) -> None:
    """Raise LimitExceeded for a formula that is too long."""
    if len(tex) > MAX_FORMULA:
        raise LimitExceeded(f"has {len(tex)} characters; the limit is {MAX_FORMULA}", _SPLIT_FIX, "")


def check_nesting(html: str) -> None:
    """Raise LimitExceeded for elements of *html* that are nested too deeply to parse."""
    open_elements: Counter[str] = Counter()
    depth, unknown, at, first = 0, 0, 0, ""
    while found := _ELEMENT.search(html, at):
        at = found.end()
        if found[0] == "<!--":
            if (at := html.find("-->", at)) < 0:
                return
            continue
        name = found["name"].lower()
        in_foreign = open_elements["svg"] + open_elements["math"] > 0
        if name in _VOID_OR_IMPLIED_END or (in_foreign and _is_self_closing(html, at, name)):
            continue
        if not (in_foreign or name in HTML_NAMES or found["end"]):
            unknown += 1
            if unknown > MAX_UNKNOWN:
                what = f"has more than {MAX_UNKNOWN} tags that HTML does not have"
                raise LimitExceeded(what, "put them in `backticks`", found[0])
        elif not found["end"]:
            first = first if depth else found[0]
            open_elements[name] += 1
            depth += 1
        elif open_elements[name]:
            open_elements[name] -= 1
            depth -= 1
        if depth > MAX_NESTING:
            what = f"HTML elements are nested more than {MAX_NESTING} deep"
            raise LimitExceeded(what, f"close {first}> and the elements in it, or use fewer levels", first)


def _is_self_closing(html: str, at: int, name: str) -> bool:
    """Return whether the tag that is open at *at* ends in />, as elements of SVG and MathML may."""
    return name not in _NEVER_SELF_CLOSING and html.find("/>", at) == html.find(">", at) - 1 >= at


@contextmanager
def limit_call_depth(number: int = MAX_CALL_DEPTH) -> Iterator[None]:
    """Raise RecursionError for more than *number* frames below the caller."""
    depth, frame = 0, sys._getframe()
    while frame.f_back:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + number)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
