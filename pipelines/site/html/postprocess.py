"""Finish the HTML of one document: links, images, figures, math, diagrams, tables.

Works on a parsed tree (HTML5), so that HTML which an author wrote by hand is
treated as Markdown's own. Reads committed diagrams. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from html import escape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.documents import Document
from pipelines.site.html.document_checks import Structure, check_published, check_structure
from pipelines.site.html.dropped_markup import (
    find_dropped_definitions,
    find_dropped_tags,
    find_forbidden_character,
)
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.links import BrokenLink, LinkContext, LinkTarget, file_url, resolve_link
from pipelines.site.html.loose_text import wrap_loose_text
from pipelines.site.html.sanitizer import find_violations
from pipelines.site.html.summary import first_paragraph, plain_text, summary_html, truncate
from pipelines.site.markdown import positions
from pipelines.site.markdown.math import to_mathml
from pipelines.site.markdown.positions import Positions
from pipelines.site.markdown.python_markdown import Converted

WORDS_PER_MINUTE = 220  # silent reading of English non-fiction (Brysbaert 2019: 238, rounded down)
_URL_ATTRIBUTES = ("href", "src", "poster", "xlink:href")
_WITH_URL = ":is([href], [src], [poster], [srcset])"  # a list would name some nodes twice

# Private-use characters stand for markup while the tree is text; a page cannot hold them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PLACEHOLDERS = _OPEN + _CLOSE + positions.SPAN_PREFIX


@dataclass(frozen=True, slots=True)
class Labels:
    """What assistive technology reads where the page shows a sign only."""

    table: str = "Table"
    formula: str = "Formula"
    done: str = "done"
    open: str = "to do"
    permalink: str = "Link to this section"


@dataclass(frozen=True, slots=True)
class Fragment:
    """The body of one page, ready for the template."""

    html: str
    summary: str  # inline HTML, without links
    description: str  # plain text of the summary, at most 200 characters
    words: int
    toc: str
    sections: int
    files: tuple[str, ...]  # files of content/ that the page needs, sorted
    lines: tuple[tuple[str, int], ...]  # (resolved URL, line of the source), for each place
    headings: tuple[tuple[int, str, int], ...] = ()  # (level, text, line of the source)
    ids: tuple[tuple[str, int], ...] = ()  # (id, line of the source)


# (path of a .puml or "", source of a block, the line on which that begins) -> markup
DiagramRenderer = Callable[[str, str, int], str]


def postprocess(
    document: Document,
    converted: Converted,
    around: LinkContext,
    diagram: DiagramRenderer,
    labels: Labels,
) -> Fragment:
    """Resolve and complete *converted*; raise SourceError with every fault of the page."""
    work = _Postprocessor(document, converted, around, diagram, labels)
    report = work.report
    html = work.run(converted.html)
    body = LexborHTMLParser(html, is_fragment=True)  # as a browser will parse it
    text = body.root.text(separator="") if html and body.root else ""
    own = work.summary(converted.summary)
    summary = summary_html(own or work.first_paragraph)
    for loss in find_dropped_definitions(document.body, text):
        line = document.body_line + document.body.count("\n", 0, loss.at)
        report.add_fault_at(line, loss.text, loss.fix)

    def written() -> LexborHTMLParser:
        again = _Postprocessor(document, converted, around, diagram, labels)
        tree = again.parse(converted.html)
        again.links(tree)
        return tree

    check_published(body, converted.toc, (own, summary), report, written, around.scripts)
    if report.faults:
        raise SourceError(report.faults)
    return Fragment(
        html=html,
        summary=summary,
        description=truncate(plain_text(summary), 200),
        words=len(text.split()),
        toc=converted.toc,
        sections=converted.sections,
        files=tuple(sorted(work.files)),
        lines=tuple(sorted(work.lines)),
        headings=work.structure.headings,
        ids=work.structure.ids,
    )


class _Postprocessor:
    """The state of one page on its way through the passes."""

    def __init__(
        self,
        document: Document,
        converted: Converted,
        around: LinkContext,
        diagram: DiagramRenderer,
        labels: Labels,
    ) -> None:
        self.document, self.around = document, around
        self.diagram, self.labels = diagram, labels
        self.report = FaultReport(
            document, Positions(document.body, document.body_line, converted.definitions)
        )
        self.add_fault = self.report.add_fault
        self.files: set[str] = set()
        self.lines: set[tuple[str, int]] = set()
        self.structure = Structure()
        self.parts: list[str] = []
        self.first_paragraph = ""

    def run(self, html: str) -> str:
        if not html.strip():
            return ""
        tree = wrap_loose_text(self.parse(html))
        self.math(tree)
        self.diagrams(tree)
        self.links(tree)
        self.structure = check_structure(tree, self.report)
        positions.strip_spans(tree)
        self.tables(tree)
        self.small_things(tree)
        self.figures(tree)
        self.first_paragraph = self.fill(first_paragraph(tree))
        return self.fill(tree.html or "")

    def parse(self, html: str) -> LexborHTMLParser:
        """Parse *html*, take its comments out, and blame what would be lost of it.

        Comments are for authors; a feed would carry them to its readers.
        """
        if fault := self.character(html):
            self.report.faults.append(fault)
            html = ""
        tree = LexborHTMLParser(html, is_fragment=True)
        if "<!" in html or "<?" in html:
            positions.strip_comments(tree)
        for loss in find_dropped_tags(html, tree):
            line = self.report.at or self.report.positions.in_text(html, loss.at, loss.needle)
            self.report.add_fault_at(line, loss.text, loss.fix)
        return tree

    def character(self, html: str) -> Fault | None:
        """Return a fault for the first character that no page can show, or that the build itself takes."""
        written = self.document.meta.summary if self.report.at else self.document.body
        if loss := find_forbidden_character(written, _PLACEHOLDERS, references=False):
            line = self.report.at or self.document.body_line + written.count("\n", 0, loss.at)
        elif loss := find_forbidden_character(html, _OPEN + _CLOSE):
            line = self.report.at or self.report.positions.in_text(html, loss.at, loss.needle)
        else:
            return None
        return Fault(self.document.path, line, loss.text, loss.fix)

    def summary(self, html: str) -> str:
        """Complete the summary of the front matter, which is one paragraph of text."""
        if not html.strip():
            return ""
        self.report.at = self.document.meta.line("summary")
        tree = self.parse(html)
        if tree.css_first("p, ul, ol, dl, h1, h2, h3, h4, h5, h6, pre, div, blockquote, table, hr"):
            self.add_fault(
                "the summary is more than one paragraph of text", "write one, without lists or code"
            )
        if tree.css_first("img"):
            self.add_fault("the summary holds a picture", "name it in a line `image: …`")
        self.math(tree)
        self.links(tree)
        self.report.at = 0
        return self.fill(tree.html or "")

    def fill(self, html: str) -> str:
        """Put the parts in; one may hold another (an image in a table), so until none is left."""
        while _OPEN in html:
            html = re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda m: self.parts[int(m[1])], html)
        return html

    def refuse(self, broken: BrokenLink, node: LexborNode, href: str) -> None:
        text, fix = broken.args
        self.add_fault(text, fix, node, f"({href}", href)
        self.report.refused.add(href)

    def put(self, node: LexborNode, markup: str) -> None:
        """Replace *node* by *markup*."""
        self.parts.append(markup)
        node.replace_with(f"{_OPEN}{len(self.parts) - 1}{_CLOSE}")

    def scrolling(self, what: str, label: str, markup: str) -> str:
        """Return *markup* in a box that may be too wide for the window, and then takes the keyboard.

        A group, no region: as landmarks, all tables of a page would need names of their own.
        """
        box = f'<div class="{what}-scroll" tabindex="0" role="group" aria-label="{escape(label)}">'
        return f"{box}{markup}</div>"

    def math(self, tree: LexborHTMLParser) -> None:
        for node in tree.css(".arithmatex"):
            tex = node.text().strip()
            tex = tex.removeprefix("\\(").removeprefix("\\[")
            tex = tex.removesuffix("\\)").removesuffix("\\]").strip()
            if _text_beside(node.prev).endswith("$") and _text_beside(node.next).startswith("$"):
                fix = "give it a paragraph of its own, or write one $ on each side"
                self.add_fault("math in $$ stands in a line of text", fix, node, f"$${tex}")
            try:
                block = node.tag == "div"
                markup = to_mathml(tex, block=block)
            except ValueError as error:
                self.add_fault(f"math {error}", f"mend {' '.join(tex.split())[:60]}", node, tex)
                self.put(node, "")  # or its braces are a second fault
                continue
            wrong = list(find_violations(LexborHTMLParser(markup, is_fragment=True), frozenset()))
            for one in wrong:
                self.add_fault(f"math: {one.text}", one.fix, node, tex)
            if not wrong:
                self.put(node, self.scrolling("math", self.labels.formula, markup) if block else markup)

    def diagrams(self, tree: LexborHTMLParser) -> None:
        for node in tree.css("pre.plantuml"):
            source = node.text()
            blank = len(source) - len(source.lstrip("\n"))
            self._inline(node, "", source, self.report.line(node) + 1 + blank)
        for node in tree.css("img[src$='.puml']"):
            src = node.attributes.get("src") or ""
            try:
                file = resolve_link(src, self.document, self.around).file
            except BrokenLink as broken:
                self.refuse(broken, node, src)
                continue
            if not file:
                self.add_fault("shows a diagram of another host", "copy its source into content/", node, src)
                continue
            parent = node.parent
            alone = parent is not None and parent.tag == "p" and not parent.text().strip()
            self._inline(parent if alone and parent is not None else node, file, "", 0)

    def _inline(self, node: LexborNode, path: str, source: str, line: int) -> None:
        try:
            self.put(node, self.diagram(path, source, line))
        except SourceError as error:
            self.report.faults.extend(error.faults)

    def links(self, tree: LexborHTMLParser) -> None:
        pictures = 0
        for node in tree.css(_WITH_URL):
            for attribute in _URL_ATTRIBUTES:
                href = node.attributes.get(attribute)
                if href is None or not (target := self._resolved(node, href)):
                    continue
                node.attrs[attribute] = target.url
                if node.tag == "img":
                    self._picture(node, target.file, pictures)
                    pictures += 1
            if written := node.attributes.get("srcset"):
                node.attrs["srcset"] = self._candidates(node, written)

    def _resolved(self, node: LexborNode, href: str) -> LinkTarget | None:
        try:
            target = resolve_link(href, self.document, self.around)
        except BrokenLink as broken:
            self.refuse(broken, node, href)
            return None
        self.lines.add((target.url, self.report.line(node, f"({href}", href)))
        if target.file:
            self.files.add(target.file)
        return target

    def _candidates(self, node: LexborNode, srcset: str) -> str:
        """Resolve "a.png 1x, b.png 2x"."""
        done = []
        for candidate in filter(None, map(str.strip, srcset.split(","))):
            href, _, size = candidate.partition(" ")
            target = self._resolved(node, href)
            done.append(f"{target.url if target else href} {size}".strip())
        return ", ".join(done)

    def _picture(self, node: LexborNode, file: str, before: int) -> None:
        if picture := self.around.pictures.get(file):
            node.attrs["width"], node.attrs["height"] = str(picture.width), str(picture.height)
        node.attrs["decoding"] = "async"
        if before:  # the first picture may be what a reader waits for
            node.attrs["loading"] = "lazy"

    def tables(self, tree: LexborHTMLParser) -> None:
        for cell in tree.css("th[align], td[align]"):
            cell.attrs["class"] = f"ta-{cell.attributes['align']}"
            del cell.attrs["align"]
        for table in tree.css("table"):
            self.put(table, self.scrolling("table", self.labels.table, table.html or ""))

    def small_things(self, tree: LexborHTMLParser) -> None:
        for anchor in tree.css("a[name]:not([id])"):  # HTML 4's way to name a place
            anchor.attrs["id"] = anchor.attributes["name"]
            del anchor.attrs["name"]
        for block in tree.css("pre"):
            block.attrs["tabindex"] = "0"  # a region that scrolls must take the keyboard
        for sign in tree.css("a.headerlink"):
            sign.attrs["aria-label"] = self.labels.permalink
            del sign.attrs["title"]
        for box in tree.css("li.task-list-item > input, li.task-list-item > p > input"):
            ticked = "checked" in box.attributes
            box.attrs["aria-label"] = self.labels.done if ticked else self.labels.open

    def figures(self, tree: LexborHTMLParser) -> None:
        for image in tree.css("p > img[title], p > a > img[title]"):
            holder = image.parent if image.parent and image.parent.tag == "a" else image
            paragraph = holder.parent
            if paragraph is None or paragraph.text().strip() or len(_child_elements(paragraph)) > 1:
                continue
            caption = escape(image.attributes.get("title") or "", quote=False)
            del image.attrs["title"]
            self.put(paragraph, f"<figure>{holder.html}<figcaption>{caption}</figcaption></figure>")


def _text_beside(node: LexborNode | None) -> str:
    return node.text() if node is not None and node.tag == "-text" else ""


def _child_elements(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=False))


def cover_url(document: Document, around: LinkContext) -> tuple[str, str]:
    """Return (URL, file) of the document's ``image``; ("", "") without one.

    Raises SourceError when the file does not exist or is not an image.
    """
    written = document.meta.image
    if not written:
        return "", ""
    line = document.meta.line("image")
    try:
        target = resolve_link(written, document, around)
    except BrokenLink as broken:
        raise SourceError([Fault(document.path, line, *broken.args)]) from None
    if target.file not in around.pictures:
        fix = "name an image of content/, as in ../images/desert.jpg"
        raise SourceError([Fault(document.path, line, f"image {written!r} is no image here", fix)])
    return file_url(target.file, document.gated, around), target.file


def labels_from(strings: Mapping[str, object]) -> Labels:
    """Take the labels from the theme's strings, where it has them."""
    names = {"done": "task_done", "open": "task_open"}  # the others have the name of the label
    keys = {field.name: names.get(field.name, field.name) for field in fields(Labels)}
    return Labels(**{name: str(strings[key]) for name, key in keys.items() if key in strings})
