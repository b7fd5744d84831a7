"""Check the HTML of one document: its structure, its markup, and unparsed Markdown.

Functions of trees; faults are added to a report. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.sanitizer import Violation, find_violations
from pipelines.site.html.unparsed_markup import (
    UnparsedMarkup,
    find_unparsed,
    heading_text,
    strip_code,
)
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE


class Structure(Struct, frozen=True):
    """Headings and ids of a document, for the checks of the whole page."""

    headings: tuple[tuple[int, str, int], ...] = ()  # (level, text, line of the file)
    ids: tuple[tuple[str, int], ...] = ()  # (id, line of the file)


def check_structure(tree: LexborHTMLParser, report: FaultReport) -> Structure:
    """Check headings, ids, images and admonitions of *tree*, whose blocks carry line spans."""
    for box in tree.css("div.admonition"):
        if not _has_content(box, "p.admonition-title"):
            what = f"admonition {box.text().strip()!r} has no text"
            report.add_fault("admonition", what, "indent its text by four spaces", box, "!!!")
    for node in tree.css("img:not([alt])"):
        fix = 'write ![what it shows](…), or alt="" for a decoration'
        report.add_fault(
            "image-alt", "image without an alt text", fix, node, node.attributes.get("src") or ""
        )
    for node in tree.css("a[href], button"):
        if not _accessible_name(node):
            href = node.attributes.get("href")
            if node.next is not None and node.next.tag == "a" and node.first_child is None:
                text, fix = f"a link to {href} has a link in it, which counts", "write one of the two"
                report.add_fault("html-structure", text, fix, node, f"({href}", severity="warning")
                node.decompose()
                continue
            text = f"a link to {href} has no text" if href is not None else "a button has no text"
            report.add_fault("empty-link", text, "write what it leads to", node, f"({href})", f"<{node.tag}")
    headings = []
    for node in tree.css("h1, h2, h3, h4, h5, h6"):
        level, text = int((node.tag or "h0")[1]), heading_text(node)
        line = report.line(node, "#" * level, f"<h{level}", text)
        if not text:
            report.add_fault_at("heading-order", line, f"empty heading <h{level}>", "write its text")
        headings.append((level, text, line))
    ids: dict[str, int] = {}
    for node in tree.css("[id]"):
        name = node.attributes["id"] or ""
        line = report.line(node, f"#{name}", f"id={name}", f'id="{name}"', f"id='{name}'")
        if name in ids:
            report.add_fault_at("duplicate-id", line, f"id {name!r} is used twice", "rename one")
        ids.setdefault(name, line)
    return Structure(tuple(headings), tuple(ids.items()))


def _accessible_name(node: LexborNode) -> str:
    """Return what assistive technology announces for a link or a button (accname 1.2, without ids)."""
    if text := node.text().strip():
        return text
    names = [node.attributes.get(name) for name in ("aria-label", "aria-labelledby", "title")]
    names += [one.attributes.get("alt") for one in node.css("img")]
    names += [one.attributes.get("aria-label") for one in node.css("[aria-label]")]
    return "".join(filter(None, names)).strip()


def _has_content(node: LexborNode, title: str) -> bool:
    """Return whether *node* contains more than the element *title*."""
    titles = "".join(one.text() for one in node.css(title)[:1])
    return len(node.text().split()) > len(titles.split()) or bool(node.css("img, svg, math, table, video"))


def check_published(
    body: LexborHTMLParser,
    toc: str,
    summaries: tuple[str, str],
    report: FaultReport,
    written: Callable[[], LexborHTMLParser],
    scripts: frozenset[str],
) -> bool:
    """Check the published HTML: allowed markup, and unparsed Markdown.

    Return whether it has markup that is not allowed. *summaries* are the one of
    the front matter ("" without one), and the one of lists. *body* is the
    parsed result; this function modifies it. *written* returns the tree with
    the line spans of its blocks; it is called for faults only.
    """
    meta = report.document.meta
    refused = [*find_violations(body, scripts)]
    if toc:
        refused += find_violations(LexborHTMLParser(toc, is_fragment=True), scripts)
    unparsed = find_unparsed(body, report.document.body, report.dialect)
    if refused or unparsed:
        texts = {one.text: one for one in refused if one.url not in report.refused}
        _report_at_source(texts, unparsed, report, written(), scripts)
    report.at = meta.line("summary") if meta.summary else report.document.body_line
    has_blocks = any(fault.line == report.at for fault in report.faults)  # a fault of its own
    trees = [LexborHTMLParser(text, is_fragment=True) for text in summaries]
    for tree in trees if meta.summary or not refused else ():  # else reported for the first paragraph
        for one in find_violations(tree, scripts, inline=not has_blocks):
            refused.append(one)
            if one.url not in report.refused:
                report.add_fault(one.check, _as_written(one, meta.summary), one.fix)
    for markup in find_unparsed(trees[0], meta.summary, report.dialect) if meta.summary else ():
        report.add_fault("unparsed-markup", markup.text, markup.fix, severity=markup.severity)
    report.at = 0
    return bool(refused)


def _report_at_source(
    refused: Mapping[str, Violation],
    unparsed: Sequence[UnparsedMarkup],
    report: FaultReport,
    tree: LexborHTMLParser,
    scripts: frozenset[str],
) -> None:
    """Add a fault with its source line for each violation and unparsed markup; *tree* has the lines."""
    lines_by_text: dict[str, int] = {}
    for one in find_violations(tree, scripts):
        if one.text in refused:
            line = report.line(one.node, one.needle)
            lines_by_text.setdefault(one.text, line)
            shown = _as_written(one, report.positions.line_text(line))
            report.add_fault_at(one.check, line, shown, one.fix)
    for text, one in refused.items():
        if text not in lines_by_text:  # in the result only: within a refused element
            line = min(lines_by_text.values(), default=report.document.body_line)
            report.add_fault_at(one.check, line, text, one.fix)
    for node in strip_code(tree).css(".arithmatex"):
        node.decompose()
    blocks = tree.css(f"[{SPAN_ATTRIBUTE}]")
    for markup in unparsed:
        shown, typed = markup.shown, markup.typed
        containing = [block for block in blocks if shown in block.text()]
        outer = {up.mem_id for block in containing for up in _ancestors(block)}
        inner = [block for block in containing if block.mem_id not in outer]
        lines = {
            line for block in inner for line in report.positions.lines_of_text(block, shown, typed, shown)
        }
        if not lines and tree.root:  # text outside of blocks, as after a fence in a paragraph
            texts = (node for node in tree.root.traverse(include_text=True) if node.is_text_node)
            lines = {report.line(node, typed, shown) for node in texts if shown in node.text()}
        for line in lines or {report.document.body_line}:
            report.add_fault_at("unparsed-markup", line, markup.text, markup.fix, markup.severity)


def _as_written(one: Violation, source: str) -> str:
    """Return the text of *one* with the letter case that *source* uses for its element."""
    found = re.search(re.escape(one.needle), source, re.IGNORECASE)
    return one.text.replace(f"{one.needle}>", f"{found[0]}>") if found else one.text


def _ancestors(node: LexborNode) -> Iterator[LexborNode]:
    up = node.parent
    while up is not None:
        yield up
        up = up.parent
