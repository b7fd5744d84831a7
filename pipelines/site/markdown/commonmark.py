"""Convert Markdown to HTML with markdown-it-py: CommonMark 0.31, GFM, and what GitLab adds.

docs/markdown.md has the dialect as its authors see it. A function of the text.
No reads, no writes, no network.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.text_join import text_join
from markdown_it.rules_inline import (
    autolink,
    backtick,
    emphasis,
    entity,
    escape,
    fragments_join,
    html_inline,
    image,
    link,
    link_pairs,
    newline,
    strikethrough,
)
from markdown_it.token import Token

from pipelines.site.markdown import block_limits, heading_levels, limits
from pipelines.site.markdown.converted import Converted, Source
from pipelines.site.markdown.fast_blocks import FastRuler
from pipelines.site.markdown.fast_inline import FastInline, Rule
from pipelines.site.markdown.lazy_lines import LazyState
from pipelines.site.markdown.rendering import Renderer
from pipelines.site.markdown.rules import (
    abbreviations,
    attribute_lists,
    autolinks,
    containers,
    definition_lists,
    definitions,
    footnotes,
    formulas,
    headings,
    html_blocks,
    marks,
    tables,
    typography,
)

_MAX_LEVELS = 100  # of quotations, lists and links in each other
_RULES: dict[str, list[Rule]] = {
    "\n": [newline],
    "\\": [escape],
    "`": [backtick],
    "~": [strikethrough.tokenize],
    "*": [emphasis.tokenize],
    "_": [emphasis.tokenize],
    "[": [link],
    "!": [image],
    "<": [autolink, html_inline],
    "&": [entity],
    "w": [autolinks.url],
    ":": [autolinks.url],
}
_ADDITIONS: dict[str, list[Rule]] = {
    "[": [footnotes.reference, link],
    ":": [autolinks.url, marks.emoji],
    "$": [formulas.inline_formula],
    "=": [marks.mark],
    "^": [marks.superscript],
}
# Where a rule may match; "]" ends the text of a link.
_TERMINATOR = re.compile(
    r"[\n\\`~*_\[\]!<&w:$=^](?:(?<![!w:=])|(?<=!)(?=\[)|(?<=w)(?=ww\.)|(?<==)(?==)|(?<=:)(?=//|(?<!\w:)[a-z0-9_+-]+:(?!\w)))"
)


class _Parsed(NamedTuple):
    tokens: list[Token]
    env: dict[str, Any]  # definitions, by markdown-it-py
    headings: list[tuple[Token, headings.Heading]]
    first_level: list[int]  # lines of headings of the first level, from 1
    faults: list[definitions.Row]  # what is wrong with definitions and rows of tables


def convert(source: Source) -> Converted:
    """Convert the body and the summary of *source*.

    Raises LimitExceeded and RecursionError for a text that exceeds a limit.
    """
    with limits.limit_call_depth():
        parsed = _parse(source.body, source.lang)
        toc, sections = headings.toc([heading for _, heading in parsed.headings])
        renderer = Renderer(source, spans=True)
        html = renderer.render(headings.fill_markers(parsed.tokens, toc))
        summary = ""
        if source.summary:
            inner = Renderer(source, spans=False)
            summary = inner.render(_parse(source.summary, source.lang).tokens).strip()
            summary = re.sub(r"\A<p>(.*)</p>\Z", r"\1", summary, flags=re.DOTALL)
    references = parsed.env.get("references", {}).values()
    lines = {str(one["href"]): int(one["map"][0]) + 1 for one in reversed([*references])}
    rows = [*heading_levels.findings(parsed.first_level), *parsed.faults]
    findings = (*(source.finding(*one) for one in rows), *renderer.findings)
    return Converted(html, summary, toc if sections else "", sections, lines, findings)


class Blocks:
    """The blocks of a text, whose texts are parsed when they are asked for.

    Raises LimitExceeded and RecursionError for a text that exceeds a limit.
    """

    def __init__(self, text: str) -> None:
        """Parse the blocks of *text*."""
        self._md, self._env, self._cost = parser(), dict[str, Any](), 0
        state = StateCore(text, self._md, self._env)
        block_limits.check_tables(text)
        with limits.limit_call_depth():
            self._md.block.parse(state.src, self._md, self._env, state.tokens)
        containers.find_alerts(state)
        self.tokens = state.tokens

    def texts(self, token: Token) -> list[Token]:
        """Return the tokens of the text of *token*."""
        found: list[Token] = []
        if token.type == "inline":
            self._cost = block_limits.check_text(token.content, self._cost)
            with limits.limit_call_depth():
                self._md.inline.parse(token.content, self._md, self._env, found)
        return found


def plain_html(text: str, *, gfm: bool = True) -> str:
    """Return *text* as the HTML of CommonMark and GFM alone, or of CommonMark, without our additions."""
    return str(parser(additions=False, gfm=gfm).render(text))


@lru_cache(maxsize=3)
def parser(*, additions: bool = True, gfm: bool = True) -> MarkdownIt:
    """Return the parser of this process: CommonMark, with or without *gfm* and our *additions*."""
    md = MarkdownIt("commonmark", {"tasklists": gfm, "strikethrough_single_tilde": True})
    md.options["store_labels"] = True  # definitions.py compares them
    md.enable(["table", "strikethrough"] if gfm else [])
    md.options["maxNesting"] = _MAX_LEVELS
    rules = _RULES | _ADDITIONS if additions else _RULES
    after = [link_pairs, strikethrough.postProcess, marks.close_marks, emphasis.postProcess, fragments_join]
    if gfm:
        md.core.ruler.push("addresses", _link_addresses)
    else:
        rules = {first: those for first, those in rules.items() if those != [autolinks.url] and first != "~"}
    md.inline = FastInline(rules, after, _TERMINATOR)
    tokenize = md.block.tokenize

    def limited(state: LazyState, start: int, end: int) -> None:
        if state.level >= _MAX_LEVELS:  # markdown-it-py would drop the rest
            raise RecursionError
        block_limits.check_size(state.tokens)
        state.indents.append(state.blkIndent)
        tokenize(state, start, end)
        state.indents.pop()

    def parse(text: str, md: MarkdownIt, env: dict[str, Any], tokens: list[Token]) -> None:
        state = LazyState(text, md, env, tokens)
        limited(state, state.line, state.lineMax)

    md.block.tokenize = limited  # type: ignore[method-assign, assignment]
    md.block.parse = parse  # type: ignore[method-assign, assignment]
    if additions:
        md.normalizeLink = md.normalizeLinkText = _unchanged  # type: ignore[method-assign, assignment]
        md.validateLink = lambda url: True  # type: ignore[method-assign]  # sanitizer.py refuses them by name
        notes: RuleOptionsType = {"alt": ["paragraph", "reference"]}
        before: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
        md.block.ruler.before("reference", "footnote", footnotes.definition, notes)
        md.block.ruler.before("reference", "abbreviation", abbreviations.definition, before)
        md.block.ruler.before("blockquote", "admonition", containers.admonition, before)
        md.block.ruler.before("blockquote", "formula", formulas.formula_block, before)
        md.block.ruler.before("html_block", "markdown_html", html_blocks.opening_tag, before)
        definition_lists.install(md)
    md.block.ruler = FastRuler(md.block.ruler)
    return md


def _parse(text: str, lang: str) -> _Parsed:
    """Return the tokens of *text*, ready to be written."""
    md, env = parser(), dict[str, Any]()
    state = StateCore(text, md, env)
    block_limits.check_tables(text)
    md.block.parse(state.src, md, env, state.tokens)
    block_limits.check_blocks(state.tokens)
    containers.find_alerts(state)
    attribute_lists.apply_to_blocks(state)
    faults = [*tables.keep_surplus_cells(state.tokens, text)] if "|" in text else []
    marks_of_quotes = typography.quotes(lang)
    cost = 0
    for token in state.tokens:
        if token.type == "inline":
            cost = block_limits.check_text(token.content, cost)
            children: list[Token] = []
            md.inline.parse(token.content, md, env, children)
            if "{" in token.content:
                attribute_lists.apply_to_text(children)
            block_limits.check_children(token.content, children)
            typography.smarten(children, marks_of_quotes)
            token.children = children
        elif token.type in ("th_open", "td_open") and token.attrs:
            token.attrs = {"align": str(token.attrs["style"]).removeprefix("text-align:")}
    text_join(state)
    first = headings.demote(state.tokens, text)
    found = headings.set_ids(state.tokens)
    names = abbreviations.pattern(env)
    for index, token in enumerate(state.tokens):
        if token.type == "inline" and token.children:
            if "@" in token.content:
                token.children = autolinks.link_addresses(token.children)
            if names:
                token.children = abbreviations.explain(token.children, names, env)
            item = state.tokens[index - 2]
            if item.type == "list_item_open" and item.meta and "checked" in item.meta:
                token.children.insert(0, _checkbox(bool(item.meta["checked"])))
    headings.add_permalinks(found)
    faults += definitions.findings(state.tokens, env, text)
    footnotes.move_to_end(state)
    return _Parsed(state.tokens, env, found, first, faults)


def _unchanged(url: str) -> str:
    return url


def _checkbox(checked: bool) -> Token:
    box = Token("html_inline", "", 0)
    box.content = f'<input type="checkbox" disabled{" checked" if checked else ""}> '
    return box


def _link_addresses(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children and "@" in token.content:
            token.children = autolinks.link_addresses(token.children)
