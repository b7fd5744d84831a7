"""Ids of headings, links to them, and the table of contents.

Ids repeat with ``-1``, ``-2``, as those of GitHub and GitLab. No reads, no
writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markdown_it.token import Token
from msgspec import Struct

from pipelines.site.content.slugs import slugify
from pipelines.site.markdown import heading_levels, limits

_MARKERS = ("[TOC]", "[[_TOC_]]", "[[TOC]]")
_LEVELS = range(2, 5)  # in the table of contents


class Heading(Struct, frozen=True):
    """One heading of the text."""

    level: int
    ident: str
    text: str


def plain_text(tokens: Sequence[Token] | None) -> str:
    """Return the text of inline *tokens*."""
    parts = []
    for token in tokens or ():
        if token.type in ("text", "code_inline", "emoji", "formula", "text_special"):
            parts.append(token.content)
        elif token.type == "image":
            parts.append(plain_text(token.children))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return "".join(parts)


def demote(tokens: Sequence[Token], body: str) -> list[int]:
    """Move the headings from the first of level 1 on one level down; return the lines of those of level 1."""
    found = list(_in_order(tokens))
    has_raw = any(not one.tag and heading_levels.has_raw_first(one.content) for one in found)
    if not has_raw and not any(one.tag == "h1" for one in found):
        return []
    lines = {one.map[0] + 1 for one in found if one.tag == "h1" and one.map}
    if has_raw:
        blocks = [one.map for one in tokens if one.type in ("fence", "code_block") and one.map]
        code = {line + 1 for first, last in blocks for line in range(first, last)}
        lines.update(heading_levels.raw_first_lines(body, code))
    is_after = False
    for one in found:
        if one.tag:  # a heading, not raw HTML
            is_after = is_after or one.tag == "h1"
            one.tag = heading_levels.demoted(one.tag) if is_after else one.tag
        elif is_after:
            one.content = heading_levels.demote_raw(one.content)
        elif heading_levels.has_raw_first(one.content):
            is_after = True
            one.content = heading_levels.demote_raw_from_first(one.content)
    return sorted(lines)


def _in_order(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of headings and of raw HTML, in the order of the text."""
    for one in tokens:
        if one.type in ("heading_open", "heading_close", "html_block"):
            yield one
        yield from (child for child in one.children or () if child.type == "html_inline")


def set_ids(tokens: Sequence[Token]) -> list[tuple[Token, Heading]]:
    """Set the id of each heading without one; return (inline token, heading) of all."""
    pairs = [(one, tokens[index + 1]) for index, one in enumerate(tokens) if one.type == "heading_open"]
    taken = {str(one.attrs["id"]) for one, _ in pairs if "id" in one.attrs}
    repeats: dict[str, int] = {}
    found = []
    for opening, inline in pairs:
        text = plain_text(inline.children).strip()
        if "id" not in opening.attrs and text:
            slug = ident = slugify(text) or "section"
            while ident in taken:
                repeats[slug] = repeats.get(slug, 0) + 1
                ident = f"{slug}-{repeats[slug]}"
            taken.add(ident)
            opening.attrs = {"id": ident, **opening.attrs}
        found.append((inline, Heading(int(opening.tag[1]), str(opening.attrs.get("id", "")), text)))
    return found


def add_permalinks(headings: Sequence[tuple[Token, Heading]]) -> None:
    """Add a link to itself to each heading."""
    for inline, heading in headings:
        if heading.ident and inline.children is not None:
            link = Token("html_inline", "", 0)
            href = escape(heading.ident)
            link.content = f'<a class="headerlink" href="#{href}" title="Permanent link">#</a>'
            inline.children.append(link)


def toc(headings: Sequence[Heading]) -> tuple[str, int]:
    """Return the headings of levels 2 to 4 as nested lists, and the number of those at the top."""
    shown = [one for one in headings if one.level in _LEVELS and one.ident]
    parts, levels, top = [], list[int](), 0
    for one in shown:
        while len(levels) > 1 and one.level < levels[-1]:
            levels.pop()
            parts.append("</li>\n</ul>\n")
        if not levels or one.level > levels[-1]:
            levels.append(one.level)
            parts.append("<ul>\n")
        else:
            levels[-1] = one.level
            parts.append("</li>\n")
        top += len(levels) == 1
        parts.append(f'<li><a href="#{escape(one.ident)}">{escape(one.text, quote=False)}</a>')
    parts.append("</li>\n</ul>\n" * len(levels))
    return "".join(parts), top


def fill_markers(tokens: list[Token], html: str) -> list[Token]:
    """Return *tokens* with the table of contents in place of each marker."""
    done: list[Token] = []
    skip = count = 0
    for index, token in enumerate(tokens):
        if skip:
            skip -= 1
        elif token.type == "paragraph_open" and tokens[index + 1].content.strip() in _MARKERS:
            skip, count = 2, count + 1
            box = Token("html_block", "", 0)
            box.content, box.map = f'<div class="toc">\n{html}</div>\n', token.map
            done.append(box)
        else:
            done.append(token)
    if count > limits.MAX_TOC_MARKERS:
        what = f"has [TOC] {count} times; the limit is {limits.MAX_TOC_MARKERS}"
        raise limits.LimitExceeded(what, "keep one", "[TOC]")
    return done
