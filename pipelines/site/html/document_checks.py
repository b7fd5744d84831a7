"""Check the text of one document: its parts before it is finished, and what is published of it.

Functions of trees; the faults go to a report. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.content.metadata import Metadata
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.sanitizer import Violation, find_violations
from pipelines.site.html.unparsed_markup import (
    UnparsedMarkup,
    find_unparsed,
    find_unparsed_text,
    heading_text,
    strip_code,
)
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE


@dataclass(frozen=True, slots=True)
class Structure:
    """What the checks of a whole page know of the text that it holds."""

    headings: tuple[tuple[int, str, int], ...] = ()  # (level, text, line of the file)
    ids: tuple[tuple[str, int], ...] = ()  # (id, line of the file)


def check_structure(tree: LexborHTMLParser, report: FaultReport) -> Structure:
    """Check headings, ids, images and admonitions of *tree*, whose blocks carry their lines."""
    for box in tree.css("div.admonition"):
        if not _has_content(box, "p.admonition-title"):
            what = f"admonition {box.text().strip()!r} without a text"
            report.add_fault(what, "indent its text by four spaces", box, "!!!")
    for node in tree.css("img:not([alt])"):
        fix = 'write ![what it shows](…); alt="" if it only decorates'
        report.add_fault("image without an alt text", fix, node, node.attributes.get("src") or "")
    headings = []
    for node in tree.css("h1, h2, h3, h4, h5, h6"):
        level, text = int((node.tag or "h0")[1]), heading_text(node)
        line = report.line(node, "#" * level, f"<h{level}", text)
        if not text:
            report.add_fault_at(line, f"an empty heading <h{level}>", "give it words")
        headings.append((level, text, line))
    ids: dict[str, int] = {}
    for node in tree.css("[id]"):
        name = node.attributes["id"] or ""
        line = report.line(node, f"#{name}", f"id={name}", f'id="{name}"', f"id='{name}'")
        if name in ids:
            report.add_fault_at(line, f"id {name!r} stands twice", "rename one")
        ids.setdefault(name, line)
    return Structure(tuple(headings), tuple(ids.items()))


def _has_content(node: LexborNode, title: str) -> bool:
    """Return whether *node* holds more than its *title*."""
    titles = "".join(one.text() for one in node.css(title)[:1])
    return len(node.text().split()) > len(titles.split()) or bool(node.css("img, svg, math, table, video"))


def check_published(
    body: LexborHTMLParser,
    toc: str,
    summaries: tuple[str, str],
    report: FaultReport,
    written: Callable[[], LexborHTMLParser],
    scripts: frozenset[str],
) -> None:
    """Check the texts that are published: their markup, and leftovers of Markdown.

    *summaries* are what the author wrote, if anything, and what lists show.
    *body* is parsed anew from what is published, and of no use afterwards.
    *written* returns the tree of the text with the lines of its blocks; it is
    asked only when something is wrong.
    """
    meta = report.document.meta
    wrong = [*find_violations(body, scripts)]
    if toc:
        wrong += find_violations(LexborHTMLParser(toc, is_fragment=True), scripts)
    left = find_unparsed(body)
    if wrong or left:
        texts = {one.text: one.fix for one in wrong if one.url not in report.refused}
        _report_at_source(texts, left, report, written(), scripts)
    report.at = meta.line("summary") if meta.summary else report.document.body_line
    blocks = any(fault.line == report.at for fault in report.faults)  # which is a fault already
    short = [LexborHTMLParser(text, is_fragment=True) for text in summaries]
    for tree in short if meta.summary or not wrong else ():  # else they are those of the first paragraph
        for one in find_violations(tree, scripts, inline=not blocks):
            if one.url not in report.refused:
                report.add_fault(_as_written(one, meta.summary), one.fix)
    for key, found in (
        ("summary", find_unparsed(short[0]) if meta.summary else []),
        *_unparsed_metadata(meta),
    ):
        report.at = meta.line(key)
        for one_left in found:
            report.add_fault(one_left.text, one_left.fix)
    report.at = 0


def _report_at_source(
    wrong: Mapping[str, str],
    left: Sequence[UnparsedMarkup],
    report: FaultReport,
    tree: LexborHTMLParser,
    scripts: frozenset[str],
) -> None:
    """Blame the source for what is wrong with the published text: *tree* knows the lines."""
    told: dict[str, int] = {}
    for one in find_violations(tree, scripts):
        if one.text in wrong:
            line = report.line(one.node, one.needle)
            told.setdefault(one.text, line)
            report.add_fault_at(line, _as_written(one, report.positions.text(line)), one.fix)
    for text, fix in wrong.items():
        if text not in told:  # it came of parsing anew: of what stands in an element that was refused
            report.add_fault_at(min(told.values(), default=report.document.body_line), text, fix)
    for node in strip_code(tree).css(".arithmatex"):
        node.decompose()
    blocks = tree.css(f"[{SPAN_ATTRIBUTE}]")
    for one_left in left:
        shown, typed = one_left.shown, one_left.typed
        holding = [block for block in blocks if shown in block.text()]
        outer = {up.mem_id for block in holding for up in _ancestors(block)}
        inner = [block for block in holding if block.mem_id not in outer]
        lines = {line for block in inner for line in report.positions.of_words(block, shown, typed, shown)}
        if not lines and tree.root:  # text in no block, as behind a fence in a paragraph
            texts = (node for node in tree.root.traverse(include_text=True) if node.is_text_node)
            lines = {report.line(node, typed, shown) for node in texts if shown in node.text()}
        for line in lines or {report.document.body_line}:
            report.add_fault_at(line, one_left.text, one_left.fix)


def _as_written(one: Violation, source: str) -> str:
    """Return the text of *one* with the name of its element as it stands in *source*: parsers lower it."""
    found = re.search(re.escape(one.needle), source, re.IGNORECASE)
    return one.text.replace(f"{one.needle}>", f"{found[0]}>") if found else one.text


def _unparsed_metadata(meta: Metadata) -> Iterator[tuple[str, list[UnparsedMarkup]]]:
    """Yield (key, what was not understood in its value)."""
    for key in ("title", "series", "category", "tags", "author"):
        value = getattr(meta, key)
        yield key, find_unparsed_text(value if isinstance(value, str) else "\n".join(value))


def _ancestors(node: LexborNode) -> Iterator[LexborNode]:
    up = node.parent
    while up is not None:
        yield up
        up = up.parent
