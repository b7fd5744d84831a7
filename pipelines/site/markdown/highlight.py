"""Write a block of code as HTML, highlighted by Pygments.

Both dialects use it, so that the same code looks the same. A function of
values. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from html import escape

from msgspec import Struct
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.util import ClassNotFound

from pipelines.core.errors import suggest
from pipelines.site.markdown import limits
from pipelines.site.markdown.code_languages import is_plain, lexer_name

OPTIONS = ("title", "hl_lines", "linenums")


class CodeInfo(Struct, frozen=True):
    """What the first line of a fence says."""

    language: str = ""
    title: str = ""  # shown above the code
    marked: tuple[int, ...] = ()  # lines with another background, from 1
    unknown: tuple[str, ...] = ()  # options that have no effect
    first: int = 0  # the number of the first line; 0 shows none


# The ends of marked lines before this one, and its own beginning, if it is marked.
_LINE_START = re.compile(r'((?:</span>)?(?:<span class="hll">)?)(.*)', re.DOTALL)
MAX_HINTS = 100  # findings in code from which on none names a similar language
# What is wrong, the fix, and the name of the check.
CodeFinding = tuple[str, str, str]


def code_block(
    code: str, info: CodeInfo, span: str = "", *, hint: bool = True
) -> tuple[str, list[CodeFinding]]:
    """Return *code* as HTML, and the findings in *info*; *span* is an attribute of the element.

    Without *hint*, the fix names no similar language: the search takes milliseconds.
    """
    findings: list[CodeFinding] = [
        (f"code block with an unknown option {key!r}", suggest(key, OPTIONS), "code-option")
        for key in info.unknown
    ]
    at = f" {span}" if span else ""
    if info.language == "plantuml":
        return f'<pre{at} class="plantuml">\n{escape(code, quote=False)}</pre>', findings
    caption = f'<span class="filename">{escape(info.title)}</span>' if info.title else ""
    plain = is_plain(info.language)
    lexer = None if plain else _lexer(info.language)
    if lexer is None and not plain:
        what = f"code block in an unknown language {info.language!r}"
        findings.append((what, _language_fix(info.language if hint else ""), "code-language"))
    if lexer is None or not limits.may_highlight(code):
        html = escape(code, quote=False) + "\n"
    else:
        html = highlight(code, lexer, _formatter(info.marked))
    if info.first:
        html = _numbered(html, info.first)
    return f'<div{at} class="highlight">{caption}<pre><code>{html}</code></pre></div>', findings


def first_line(text: str) -> int:
    """Return the number of the first line that the value of an option names: 0, none, for ``false``."""
    found = re.match(r"\s*(\d{1,6})", text)
    if found:
        return int(found[1])
    return 0 if text.strip().lower() in ("false", "no", "off") else 1


def _numbered(html: str, first: int) -> str:
    """Return highlighted *html* with the number of each line, which the stylesheet shows.

    The numbers are not text, so that neither a copy of the code nor a screen reader has them.
    """
    lines = html.removesuffix("\n").split("\n")
    end = "</span>" if lines[-1] == "</span>" else ""  # of a marked last line
    if end:
        lines.pop()
    width = len(str(first + len(lines) - 1))
    for index, line in enumerate(lines):
        number = f'<span class="lineno" data-line="{first + index:>{width}}" aria-hidden="true"></span>'
        before, after = _LINE_START.match(line).groups()  # type: ignore[union-attr]  # it matches any text
        lines[index] = f"{before}{number}{after}"
    return "\n".join(lines) + f"\n{end}"


def line_numbers(text: str) -> tuple[int, ...]:
    """Return the lines that *text* names: ``1 3-5`` is 1, 3, 4 and 5."""
    found: list[int] = []
    for first, last in re.findall(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?", text)[:100]:
        found += range(int(first), min(int(last or first), int(first) + 1_000) + 1)
    return tuple(found[:10_000])


@cache
def _languages() -> frozenset[str]:
    return frozenset(alias for _, aliases, _, _ in get_all_lexers() for alias in aliases)


@lru_cache(maxsize=1024)
def _language_fix(language: str) -> str:
    suggestion = suggest(language, _languages()) if language else ""
    return suggestion if suggestion.startswith("did") else "use a name that Pygments knows, or text"


@cache
def _lexer(language: str) -> Lexer | None:
    # Cached: Pygments searches its whole table for each lookup, which took 7 % of a build, and for an unknown
    # name the installed packages, too.
    if lexer_name(language).lower() not in _languages():
        return None
    try:
        return get_lexer_by_name(lexer_name(language), stripnl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=64)
def _formatter(marked: tuple[int, ...]) -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True, hl_lines=list(marked))
