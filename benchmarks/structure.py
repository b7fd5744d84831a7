"""Compare the structure of our HTML with that of comrak, which GitLab renders with.

Structure is what a reader sees of a text's blocks: headings with level and text,
the nesting of lists and quotes, code blocks with their code, tables with their
rows and columns, and which text is in which block. Functions of texts. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

import comrak
from selectolax.lexbor import LexborHTMLParser, LexborNode

_GITLAB = (
    *("alerts", "autolink", "description_lists", "footnotes", "math_code", "math_dollars"),
    *("shortcodes", "strikethrough", "table", "tasklist"),
)
# What neither side shows as a block of its own, or each in a form of its own.
_DROPPED = (
    "section.footnotes, section.footnote, div.footnote, sup.footnote-ref, sup[id^=fnref],"
    " a.headerlink, a.anchor, .admonition-title, .markdown-alert-title, .filename"
)
_CONTAINERS = frozenset({"ul", "li", "blockquote", "dl", "dt", "dd", "details", "alert"})
_LEAVES = frozenset({"p", "summary", "figcaption"})
_ENOUGH = 2000  # blocks of one side; difflib takes quadratic time


class Block(NamedTuple):
    """One block of a text."""

    depth: int  # containers around it
    kind: str  # name of its element, or "alert"
    detail: (
        str  # letters and digits of its text; "rows x columns" and text of a table; the code of a code block
    )


class Deviation(NamedTuple):
    """A difference by design: what the author writes, and why we do not show what GitLab shows."""

    name: str
    written: Callable[[str], object]  # whether it is in the lines that differ
    reason: str


def _has_surplus_cells(part: str) -> bool:
    """Return whether a row of a table in *part* has more cells than the row of dashes above it."""
    columns = 0
    for line in part.split("\n"):
        row = line.strip(" \t>").strip("|")
        cells = len(re.findall(r"(?<!\\)\|", row)) + 1
        if re.fullmatch(r"[\s|:-]*-[\s|:-]*", row):
            columns = cells
        elif columns and cells > columns:
            return True
    return False


DEVIATIONS = (
    Deviation(
        "admonition",
        re.compile(r"^[ >]*(!!!|\?\?\?\+?) ?[\w\"]", re.MULTILINE).search,
        "MkDocs' `!!! note` is a box here, and text in GitLab",
    ),
    Deviation(
        "abbreviation",
        re.compile(r"^\*\[[^\]]+\]:", re.MULTILINE).search,
        "the definition of an abbreviation is not shown here",
    ),
    Deviation(
        "attribute list",
        re.compile(r"\{:?[ ]*[#.]?[\w-]+(=[^}]*)?[^{}]*\}").search,
        "`{.class}`, `{#id}` and `{key=value}` are attributes here, and text in GitLab",
    ),
    Deviation(
        "formula",
        re.compile(r"^[ >]*\$\$", re.MULTILINE).search,
        "`$$` on a line of its own is a block here; within a paragraph, GitLab puts it into the line",
    ),
    Deviation(
        "definition list",
        re.compile(r"^[ >]*[:~] ", re.MULTILINE).search,
        "a term has one line here; comrak takes a whole paragraph",
    ),
    Deviation(
        "table cells",
        _has_surplus_cells,
        "cells beyond the columns of the header are shown in the last cell here; GitLab drops them",
    ),
    Deviation(
        "task with a heading",
        re.compile(
            r"^[ >]*([-*+]|\d+[.)])[ \t]+\[[ xX]\][ \t][^\n]*\n[ >]*(-+|=+)[ \t]*$", re.MULTILINE
        ).search,
        "the box of a task whose text is a heading (`- [x] a` above `  -`) is a box here; comrak shows `[x]`",
    ),
    Deviation(
        "table of contents",
        re.compile(r"^\[\[_TOC_\]\]|^\[TOC\]", re.MULTILINE).search,
        "GitLab fills it in after comrak",
    ),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a text whose structure differs."""

    line: int  # of the source, counted from 1
    reference: tuple[Block, ...]
    ours: tuple[Block, ...]


@dataclass(slots=True)
class Comparison:
    """The structure of one text against the reference."""

    differences: list[Difference] = field(default_factory=list)  # that no deviation explains
    deviations: Counter[str] = field(default_factory=Counter)  # parts, by the name of the deviation


def compare(source: str, html: str) -> Comparison:
    """Return how the structure of *html* differs from the one that comrak gives *source*."""
    reference = list(_blocks(reference_html(source)))
    theirs = _move_headings_down([block for block, _ in reference])
    ours = [block for block, _ in _blocks(html)]
    found = Comparison()
    if theirs == ours:
        return found
    lines = source.split("\n")
    for first, last, own_first, own_last in _hunks(theirs, ours):
        start = _line(reference, first) if first < last else _line(reference, first - 1)
        end = _line(reference, last) if last < len(reference) else len(lines)
        part = "\n".join(lines[max(start - 1, 0) : max(end, start + 1)])
        for deviation in DEVIATIONS:
            if deviation.written(part):
                found.deviations[deviation.name] += 1
                break
        else:
            found.differences.append(
                Difference(start, tuple(theirs[first:last]), tuple(ours[own_first:own_last]))
            )
    return found


def _move_headings_down(blocks: list[Block]) -> list[Block]:
    """Return *blocks* as a page has them: headings from the first of level 1 on are one level down."""
    first = next((at for at, block in enumerate(blocks) if block.kind == "h1"), len(blocks))
    moved = {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}
    below = [block._replace(kind=moved.get(block.kind, block.kind)) for block in blocks[first:]]
    return [*blocks[:first], *below]


def _hunks(theirs: Sequence[Block], ours: Sequence[Block]) -> Iterator[tuple[int, int, int, int]]:
    if max(len(theirs), len(ours)) > _ENOUGH:
        pairs = enumerate(zip(theirs, ours, strict=False))
        first = next((at for at, (a, b) in pairs if a != b), min(len(theirs), len(ours)))
        yield first, min(first + 1, len(theirs)), first, min(first + 1, len(ours))
        return
    for what, *rest in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        if what != "equal":
            yield rest[0], rest[1], rest[2], rest[3]


def _line(blocks: Sequence[tuple[Block, int]], at: int) -> int:
    return blocks[at][1] if 0 <= at < len(blocks) else 1


@lru_cache(maxsize=1)
def _options() -> tuple[comrak.ExtensionOptions, comrak.ParseOptions, comrak.RenderOptions]:
    extension, parse, render = comrak.ExtensionOptions(), comrak.ParseOptions(), comrak.RenderOptions()
    for name in _GITLAB:
        setattr(extension, name, True)
    render.unsafe_ = True
    render.sourcepos = True
    return extension, parse, render


def reference_html(source: str) -> str:
    """Return *source* as GitLab's renderer gives it, with the source position of each block."""
    extension, parse, render = _options()
    return comrak.render_markdown(
        source, extension_options=extension, parse_options=parse, render_options=render
    )


def _blocks(html: str) -> Iterator[tuple[Block, int]]:
    """Yield the blocks of *html* in order, each with its source line (0 if the HTML does not say)."""
    tree = LexborHTMLParser(html, is_fragment=True)
    for node in tree.css(_DROPPED):
        node.decompose()
    if tree.root is not None:
        yield from _walk(tree.root, 0)


def _walk(parent: LexborNode, depth: int) -> Iterator[tuple[Block, int]]:
    """Yield the blocks below *parent*; its text between blocks counts as a paragraph, as in tight lists."""
    loose: list[str] = []
    at = _source_line(parent)
    for node in parent.iter(include_text=True):
        kind = _kind(node)
        if not kind:
            if any(True for _ in _inner_blocks(node)):
                yield from _paragraph(loose, depth, at)
                yield from _walk(node, depth)
            else:
                loose.append(_text(node))
            continue
        yield from _paragraph(loose, depth, at)
        line = _source_line(node)
        if kind == "p":
            yield from _paragraph([_text(node)], depth, line)
        elif kind in _CONTAINERS or kind.startswith("ol"):
            yield Block(depth, kind, ""), line
            yield from _walk(node, depth + 1)
        else:
            yield Block(depth, kind, _detail(node, kind)), line
    yield from _paragraph(loose, depth, at)


def _paragraph(loose: list[str], depth: int, line: int) -> Iterator[tuple[Block, int]]:
    text = _letters("".join(loose))
    loose.clear()
    if text:
        yield Block(depth, "p", text), line


def _kind(node: LexborNode) -> str:
    """Return the kind of the block that *node* is, or "" for inline elements and plain boxes."""
    tag = node.tag or ""
    if tag == "ol":
        return f"ol {node.attributes.get('start') or 1}"
    classes = (node.attributes.get("class") or "").split() if tag in ("div", "details", "aside") else []
    if {"admonition", "markdown-alert"} & set(classes):
        return "alert"
    if tag in _LEAVES or "arithmatex" in classes:
        return "p"
    known = tag in _CONTAINERS or re.fullmatch("h[1-6]|pre|table|hr", tag)
    return tag if known else ""


def _inner_blocks(node: LexborNode) -> Iterator[LexborNode]:
    if node.tag == "-text":
        return
    for inner in node.traverse():
        if inner.mem_id != node.mem_id and _kind(inner):
            yield inner


def _detail(node: LexborNode, kind: str) -> str:
    if kind == "pre":
        return node.text().rstrip("\n")
    if kind == "table":
        rows = [sum(1 for cell in row.iter() if cell.tag in ("td", "th")) for row in node.css("tr")]
        return f"{len(rows)} x {max(rows, default=0)}: {_letters(_text(node))}"
    return _letters(_text(node))


def _text(node: LexborNode) -> str:
    return node.text_content or "" if node.tag == "-text" else node.text()


def _letters(text: str) -> str:
    """Return the letters and digits of *text*: typography and emphasis are not structure."""
    return re.sub(r"[\W_]+", "", text)


def _source_line(node: LexborNode) -> int:
    found = re.match(r"\d+", node.attributes.get("data-sourcepos") or "") if node.tag != "-text" else None
    return int(found[0]) if found else 0
