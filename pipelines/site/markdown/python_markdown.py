"""Convert Markdown to HTML with Python-Markdown, Pelican's own dialect, in one configuration.

A function of the text. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

import markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString
from pymdownx.superfences import SuperFencesException

from pipelines.site.content.slugs import slugify
from pipelines.site.markdown import flat_blocks, heading_levels, limits
from pipelines.site.markdown.converted import Converted, Source
from pipelines.site.markdown.highlight import MAX_HINTS, code_block
from pipelines.site.markdown.limits_extension import LimitsExtension
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, line_span, span_lines
from pipelines.site.markdown.python_markdown_fixes import LongRow, apply_fixes
from pipelines.site.markdown.rules import tables, typography
from pipelines.site.markdown.rules.code_info import parse_info
from pipelines.site.markdown.rules.formulas import formula_html
from pipelines.site.markdown.source_lines import SourceLines

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def convert(source: Source) -> Converted:
    """Convert the body and the summary of *source*.

    Raises LimitExceeded and RecursionError for a text that exceeds a limit.
    """
    converter, lines, long_rows = _converter(source.lang)
    converter.reset()
    long_rows.clear()
    lines.reset(enabled=True)
    found: list[tuple[int, str, str, str]] = []  # (line of the body, what is wrong, fix, check)
    converter.code_findings = found  # type: ignore[attr-defined]  # _format_fence appends to it
    converter.body = source.body  # type: ignore[attr-defined]  # read by _DemoteHeadings
    try:
        with limits.limit_call_depth():
            html = converter.convert(source.body)
            definitions = lines.definitions
            toc = str(getattr(converter, "toc", ""))
            sections = len(getattr(converter, "toc_tokens", ()))
            found += [_surplus(*row) for row in long_rows]
            converter.reset()
            lines.reset(enabled=False)
            summary = converter.convert(source.summary).strip() if source.summary else ""
    except (limits.LimitExceeded, RecursionError):
        _converter.cache_clear()  # an interrupted converter would convert the next page wrongly
        raise
    summary = re.sub(r"\A<p>(.*)</p>\Z", r"\1", summary, flags=re.DOTALL)
    toc = re.sub(r"\A<div class=\"toc\">\s*|\s*</div>\s*\Z", "", toc)
    findings = tuple(source.finding(*one) for one in found)
    flat = tuple(source.finding(*one) for one in flat_blocks.findings(source.body, html))
    toc = toc if sections else ""
    return Converted(html, summary, toc, sections, definitions, findings, "python-markdown", flat)


def _surplus(row: Element, cells: int, columns: int) -> tuple[int, str, str, str]:
    """Return the finding in a *row* of a table with more *cells* than its header has *columns*."""
    span = span_lines(row.get(SPAN_ATTRIBUTE, ""))
    return tables.surplus(span[0] if span else 1, cells, columns)


def _substitutions(lang: str) -> dict[str, str]:
    """Return the quotation marks of the language *lang*, as smarty names them; it knows the English ones."""
    if lang.split("-")[0] == "en":
        return {}
    names = ("left-double-quote", "right-double-quote", "left-single-quote", "right-single-quote")
    return dict(zip(names, typography.quotes(lang), strict=True))


@lru_cache(maxsize=8)
def _converter(lang: str) -> tuple[markdown.Markdown, SourceLines, list[LongRow]]:
    """Return the converter of this process for a language: creating one costs more than a short page.

    With what finds lines in its source, and the list of rows with too many cells that it fills.
    """
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
            "footnotes": {"BACKLINK_TEXT": "↩", "USE_DEFINITION_ORDER": False},  # numbers in the order of use
            "pymdownx.arithmatex": {"generic": True, "smart_dollar": True, "block_tag": "div"},
            "smarty": {"substitutions": _substitutions(lang)},
            "pymdownx.superfences": {
                "preserve_tabs": True,  # a Makefile needs them
                "relaxed_headers": True,  # every info string is one of a fence
                "custom_fences": [{"name": "*", "class": "", "format": _format_fence}],
            },
        },
    )
    converter.treeprocessors.register(_SkipPlainText(converter), "typography", 6.5)  # before smarty, at 6
    converter.treeprocessors.register(_DemoteHeadings(converter), "heading_levels", 5.5)  # before toc, at 5
    long_rows: list[LongRow] = []
    apply_fixes(converter, long_rows)
    lines = SourceLines(converter)
    converter.fence_lines = lambda: lines.fence  # type: ignore[attr-defined]  # read by _format_fence
    return converter, lines, long_rows


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


class _DemoteHeadings(Treeprocessor):
    """Move the headings from the first of level 1 on one level down."""

    def run(self, root: Element) -> None:
        stash = self.md.htmlStash.rawHtmlBlocks
        written = [one for one in root.iter() if one.tag in HEADINGS]
        raw = any(isinstance(one, str) and heading_levels.has_raw_first(one) for one in stash)
        if not raw and not any(one.tag == "h1" for one in written):
            return
        spans = [span_lines(one.get(SPAN_ATTRIBUTE, "")) for one in written if one.tag == "h1"]
        lines = {span[0] for span in spans if span}
        if raw:
            lines.update(heading_levels.raw_first_lines(self.md.body))  # type: ignore[attr-defined]
        self.md.code_findings += heading_levels.findings(sorted(lines))  # type: ignore[attr-defined]
        is_after = False
        for part in self._in_order(root):
            if isinstance(part, Element):
                is_after = is_after or part.tag == "h1"
                part.tag = heading_levels.demoted(part.tag) if is_after else part.tag
            elif is_after:
                stash[part] = heading_levels.demote_raw(str(stash[part]))
            elif heading_levels.has_raw_first(str(stash[part])):
                is_after = True
                stash[part] = heading_levels.demote_raw_from_first(str(stash[part]))

    def _in_order(self, root: Element) -> Iterator[Element | int]:
        """Yield the headings, and the indexes of raw HTML in the stash, in the order of the text."""
        stash = self.md.htmlStash.rawHtmlBlocks
        rest = {index: None for index, one in enumerate(stash) if isinstance(one, str)}
        stack: list[Element | str | None] = [root]
        while stack:
            part = stack.pop()
            if isinstance(part, str):
                for index in map(int, HTML_PLACEHOLDER_RE.findall(part)):
                    if index in rest:
                        del rest[index]
                        yield index
            elif part is not None:
                if part.tag in HEADINGS:
                    yield part
                below = [text for child in part for text in (child, child.tail)]
                stack += [*reversed(below), part.text]
        yield from rest  # within other raw HTML


def _format_fence(
    source: str, _language: str | None, _class: str, options: dict[str, Any], md: Any, **_rest: Any
) -> str:
    """Return one fenced block as HTML."""
    begin, last = md.fence_lines()
    info = parse_info(options["info"])
    if info.language == "math":
        return formula_html(source, f'{SPAN_ATTRIBUTE}="{line_span(begin, last)}"', block=True)
    try:
        span, hint = f'{SPAN_ATTRIBUTE}="{line_span(begin, last)}"', len(md.code_findings) < MAX_HINTS
        html, findings = code_block(source, info, span, hint=hint)
    except Exception as error:  # SuperFences ignores every other exception
        raise SuperFencesException(f"code block in {info.language!r}") from error
    md.code_findings += [(begin, *finding) for finding in findings]
    return html
