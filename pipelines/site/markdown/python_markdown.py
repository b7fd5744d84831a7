"""Convert Markdown to HTML with Python-Markdown, in one configuration for every page.

A function of the text alone, so that its result can be cached by digest. Links
and images stay as written; html/postprocess.py resolves them. No reads, no
writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from html import escape
from typing import Any
from xml.etree.ElementTree import Element

import markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.util import ClassNotFound
from pymdownx.superfences import SuperFencesException

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.site.content.metadata import slugify
from pipelines.site.markdown import limits
from pipelines.site.markdown.limits_extension import LimitsExtension
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, line_span
from pipelines.site.markdown.source_lines import SourceLines

# Languages of code that is not highlighted; html/postprocess.py renders "plantuml".
PLAIN_LANGUAGES = frozenset({"", "text", "txt", "plain", "output"})


@dataclass(frozen=True, slots=True)
class Converted:
    """The HTML of one document before its links are resolved.

    Its block elements carry their source lines (positions.py). Later steps use
    nothing else of the converter.
    """

    html: str
    summary: str  # of the front matter, as inline HTML; "" without one
    toc: str  # a nested <ul>, or "" without headings
    sections: int  # headings of the second level
    definitions: Mapping[str, int] = field(default_factory=dict)  # target of a link definition -> its line


def convert_markdown(body: str, summary: str, name: str, body_line: int) -> Converted:
    """Convert *body* and *summary*; *name* and *body_line* locate the faults.

    Raises SourceError for a code block in an unknown language, and for a text
    that exceeds a limit.
    """
    converter, lines = _converter()
    converter.reset()
    lines.reset(enabled=True)
    faults: list[tuple[int, str, str, str]] = []  # (line of the body, what is wrong, fix, check)
    converter.code_faults = faults  # type: ignore[attr-defined]  # _format_fence appends to it
    try:
        limits.check_page(body)
        with limits.limit_call_depth():
            html = converter.convert(body)
            definitions = lines.definitions
            toc = str(getattr(converter, "toc", ""))
            sections = len(getattr(converter, "toc_tokens", ()))
            converter.reset()
            lines.reset(enabled=False)
            summary_html = converter.convert(summary).strip() if summary else ""
        limits.check_nesting(html)
        limits.check_nesting(summary_html)
    except limits.LimitExceeded as error:
        _converter.cache_clear()  # an interrupted converter would convert the next page wrongly
        what, fix, start = error.args
        line = body_line + body.count("\n", 0, max(body.find(start), 0))
        raise SourceError([Fault(name, line, what, fix, "limit")]) from None
    except RecursionError:
        _converter.cache_clear()
        fault = Fault(name, body_line, "is nested too deeply", "use fewer levels of > or lists", "limit")
        raise SourceError([fault]) from None
    if faults:
        raise SourceError(Fault(name, body_line + line - 1, *rest) for line, *rest in faults)
    summary_html = re.sub(r"\A<p>(.*)</p>\Z", r"\1", summary_html, flags=re.DOTALL)
    toc = re.sub(r"\A<div class=\"toc\">\s*|\s*</div>\s*\Z", "", toc)
    return Converted(html, summary_html, toc if sections else "", sections, definitions)


@lru_cache(maxsize=1)
def _converter() -> tuple[markdown.Markdown, SourceLines]:
    """Return the converter of this process: creating one costs more than converting a short page."""
    converter = markdown.Markdown(
        output_format="html",
        extensions=[
            "abbr",
            "admonition",
            "attr_list",
            "def_list",
            "footnotes",
            "md_in_html",
            "sane_lists",
            "smarty",
            "tables",
            "toc",
            "pymdownx.arithmatex",
            "pymdownx.superfences",
            "pymdownx.tasklist",
            LimitsExtension(),
        ],
        extension_configs={
            # The CSP forbids style attributes; html/postprocess.py replaces align by a class.
            "tables": {"use_align_attribute": True},
            "toc": {"permalink": "#", "slugify": lambda text, _: slugify(text), "toc_depth": "2-4"},
            "footnotes": {"BACKLINK_TEXT": "↩"},
            "pymdownx.arithmatex": {"generic": True, "smart_dollar": True, "block_tag": "div"},
            "pymdownx.superfences": {
                "custom_fences": [
                    {"name": "*", "class": "", "format": _format_fence, "validator": _validate_fence}
                ]
            },
        },
    )
    converter.treeprocessors.register(_SkipPlainText(converter), "typography", 6.5)  # before smarty, at 6
    lines = SourceLines(converter)
    converter.fence_lines = lambda: lines.fence  # type: ignore[attr-defined]  # read by _format_fence
    return converter, lines


class _SkipPlainText(Treeprocessor):
    """Exclude texts without quotes, dashes or ellipses from smarty.

    Its dozen patterns on every text of a page take half of the conversion time.
    """

    _typography = re.compile(r"""['"]|--|\.\.\.|<<|>>""")

    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.text and not self._typography.search(element.text):
                element.text = AtomicString(element.text)
            if element.tail and not self._typography.search(element.tail):
                element.tail = AtomicString(element.tail)


def _validate_fence(
    language: str, inputs: dict[str, Any], options: dict[str, Any], attrs: dict[str, Any], md: Any
) -> bool:
    """Split the options of a fence into the supported ones, ``title`` and ``hl_lines``, and unknown ones."""
    for key, value in inputs.items():
        if key in ("title", "hl_lines"):
            options[key] = value
        else:
            options.setdefault("unknown", []).append(key)
    return True


def _format_fence(
    source: str, language: str | None, _class: str, options: dict[str, Any], md: Any, **_rest: Any
) -> str:
    """Return one fenced block as HTML."""
    first, last = md.fence_lines()
    for key in options.get("unknown", ()):
        fix = suggest(key, ("title", "hl_lines"))
        md.code_faults.append((first, f"code block with an unknown option {key!r}", fix, "code-option"))
    try:
        at = f'{SPAN_ATTRIBUTE}="{line_span(first, last)}"'
        return _code_block(source, language or "", options, md, first).replace(" ", f" {at} ", 1)
    except Exception as error:  # SuperFences ignores every other exception
        raise SuperFencesException(f"code block in {language!r}") from error


def _code_block(source: str, language: str, options: dict[str, Any], md: Any, line: int) -> str:
    if language == "plantuml":
        return f'<pre class="plantuml">\n{escape(source, quote=False)}</pre>'
    title = options.get("title")
    caption = f'<span class="filename">{escape(str(title))}</span>' if title else ""
    if language in PLAIN_LANGUAGES:
        return _plain_code(source, caption)
    lexer = _lexer(language)
    if lexer is None:
        what = f"code block in an unknown language {language!r}"
        md.code_faults.append((line, what, _language_fix(language), "code-language"))
        return ""
    if not limits.may_highlight(source):
        return _plain_code(source, caption)
    code = highlight(source, lexer, _formatter(str(options.get("hl_lines", ""))))
    return f'<div class="highlight">{caption}<pre><code>{code}</code></pre></div>'


def _plain_code(source: str, caption: str) -> str:
    code = escape(source, quote=False)
    return f'<div class="highlight">{caption}<pre><code>{code}\n</code></pre></div>'


@cache
def _languages() -> frozenset[str]:
    return frozenset(alias for _, aliases, _, _ in get_all_lexers() for alias in aliases)


@lru_cache(maxsize=1024)
def _language_fix(language: str) -> str:
    suggestion = suggest(language, _languages())
    return suggestion if suggestion.startswith("did") else "use a name that Pygments knows, or text"


@cache
def _lexer(language: str) -> Lexer | None:
    # Cached: Pygments searches its whole table for each lookup, which took 7 % of a build.
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None


@lru_cache(maxsize=64)
def _formatter(lines: str) -> HtmlFormatter[str]:
    marked = [int(number) for number in re.findall(r"\d+", lines)]
    return HtmlFormatter(nowrap=True, hl_lines=marked)
