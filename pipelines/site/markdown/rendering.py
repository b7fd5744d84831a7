"""Write the tokens of markdown-it-py as HTML whose blocks carry their source lines (positions.py).

A function of tokens. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from pipelines.core.errors import Fault
from pipelines.site.markdown.converted import Source
from pipelines.site.markdown.highlight import MAX_HINTS, CodeInfo, code_block
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, line_span
from pipelines.site.markdown.rules import footnotes, formulas
from pipelines.site.markdown.rules.code_info import parse_info

_DELETED = {"s_open": "<del>", "s_close": "</del>"}
_attributes = RendererHTML.renderAttrs


class Renderer:
    """Writes one text; collects the findings in its code blocks."""

    def __init__(self, source: Source, *, spans: bool) -> None:
        self._source, self._spans = source, spans
        self.findings: list[Fault] = []
        self._blocks: dict[str, Callable[[Token], str]] = {
            "html_block": self._html_block,
            "fence": self._code,
            "code_block": self._code,
            "formula_block": lambda token: formulas.formula_html(
                token.content, self._span(token), block=True
            ),
        }

    def render(self, tokens: Sequence[Token]) -> str:
        """Return *tokens* as HTML."""
        out: list[str] = []
        append, special, spans = out.append, self._blocks, self._spans
        hidden = False  # whether the token before was the end of a paragraph of a tight list
        for token in tokens:
            kind = token.type
            if kind == "inline":
                append(inline_html(token.children or ()))
            elif token.hidden:
                hidden = True
                continue
            elif kind in special:
                append(special[kind](token))
            elif token.nesting < 0:
                append(f"</{token.tag}>\n")
            else:
                written = _attributes(token) if token.attrs else ""
                at = f" {self._span(token)}" if spans and token.map else ""
                if hidden:
                    append("\n")
                append(f"<{token.tag}{at}{written}>")
            hidden = False
        return "".join(out)

    def _span(self, token: Token) -> str:
        if not (self._spans and token.map):
            return ""
        return f'{SPAN_ATTRIBUTE}="{line_span(token.map[0] + 1, max(token.map))}"'

    def _html_block(self, token: Token) -> str:
        if not (self._spans and token.map):
            return token.content
        return f"<!--{line_span(token.map[0] + 1, token.map[1])}-->{token.content}"

    def _code(self, token: Token) -> str:
        info = parse_info(token.info) if token.type == "fence" else CodeInfo()
        if info.language == "math":
            return formulas.formula_html(token.content.strip(), self._span(token), block=True)
        code, hint = token.content.removesuffix("\n"), len(self.findings) < MAX_HINTS
        html, findings = code_block(code, info, self._span(token), hint=hint)
        line = token.map[0] + 1 if token.map else 1
        self.findings += [self._source.finding(line, *finding) for finding in findings]
        if token.attrs:  # of an attribute list on the line below
            html = html.replace(
                'class="highlight"', f'class="highlight {escape(str(token.attrs.get("class", "")))}"', 1
            )
        return f"{html}\n"


def inline_html(tokens: Sequence[Token]) -> str:
    """Return the tokens of one text as HTML."""
    out: list[str] = []
    append = out.append
    for token in tokens:
        kind = token.type
        if kind in ("text", "text_special", "emoji"):
            append(escape(token.content, quote=False))
        elif kind == "html_inline":
            append(token.content)
        elif kind == "softbreak":
            append("\n")
        elif kind == "code_inline":
            append(f"<code{_attributes(token)}>{escape(token.content, quote=False)}</code>")
        elif kind == "formula":
            append(formulas.formula_html(token.content, "", block=False))
        elif kind == "footnote_ref":
            append(footnotes.reference_html(token))
        elif kind == "hardbreak":
            append("<br>\n")
        elif kind == "image":
            token.attrs["alt"] = alt_text(token.children or ())
            append(f"<img{_attributes(token)}>")
        elif kind in _DELETED:
            append(_DELETED[kind])
        elif token.nesting < 0:
            append(f"</{token.tag}>")
        elif token.tag:
            append(f"<{token.tag}{_attributes(token) if token.attrs else ''}>")
    return "".join(out)


def alt_text(tokens: Sequence[Token]) -> str:
    """Return the text of an image's description."""
    return "".join(
        alt_text(token.children or ())
        if token.type == "image"
        else "\n"
        if token.type in ("softbreak", "hardbreak")
        else token.content
        for token in tokens
    )
