"""Finish the HTML of one document: links, images, figures, math, diagrams, tables.

Works on a parsed tree (HTML5), so that HTML which an author wrote by hand is
treated as Markdown's own. Reads committed diagrams. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.errors import Fault, SourceError
from pipelines.site.convert import Converted, locate
from pipelines.site.links import BrokenLink, Surroundings, file_url, resolve
from pipelines.site.mathml import to_mathml
from pipelines.site.sources import Document

WORDS_A_MINUTE = 220  # silent reading of English non-fiction (Brysbaert 2019: 238, rounded down)
_URL_ATTRIBUTES = ("href", "src", "poster")
_MARKED = "[href], [src], [poster]"

# Private-use characters stand for markup while the tree is text; a page cannot hold them.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True)
class Labels:
    """What assistive technology reads where the page shows a sign only."""

    table: str = "Table"
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
    lines: tuple[tuple[str, int], ...]  # resolved URL -> line in the source


Inline = Callable[[str, str], str]  # (path of a .puml or "", source of a block) -> markup


def finish(
    document: Document,
    converted: Converted,
    around: Surroundings,
    diagram: Inline,
    labels: Labels,
) -> Fragment:
    """Resolve and complete *converted*; raise SourceError with every fault of the page."""
    work = _Work(document, around, diagram, labels)
    html = work.run(converted.html)
    if work.faults:
        raise SourceError(work.faults)
    text = _text(LexborHTMLParser(html, is_fragment=True)) if html else ""
    summary = _plain_links(converted.summary or work.first_paragraph)
    brief = _text(LexborHTMLParser(summary, is_fragment=True)) if summary else ""
    return Fragment(
        html=html,
        summary=summary,
        description=shorten(brief, 200),
        words=len(text.split()),
        toc=converted.toc,
        sections=converted.sections,
        files=tuple(sorted(work.files)),
        lines=tuple(sorted(work.lines.items())),
    )


def shorten(text: str, limit: int) -> str:
    """Return *text* cut at a word, with an ellipsis, to at most *limit* characters."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    return text[: limit - 1].rpartition(" ")[0].rstrip(",;:.") + "…"


def _text(tree: LexborHTMLParser) -> str:
    root = tree.root
    return root.text(separator="") if root else ""


def _plain_links(html: str) -> str:
    """A summary stands inside lists of links: keep the words of a link, drop the rest."""
    html = re.sub(r"<sup id=\"fnref.*?</sup>", "", html, flags=re.DOTALL)
    return re.sub(r"</?a\b[^>]*>", "", html)


class _Work:
    """The state of one page on its way through the passes."""

    def __init__(self, document: Document, around: Surroundings, diagram: Inline, labels: Labels) -> None:
        self.document, self.around = document, around
        self.diagram, self.labels = diagram, labels
        self.faults: list[Fault] = []
        self.files: set[str] = set()
        self.lines: dict[str, int] = {}
        self.parts: list[str] = []
        self.first_paragraph = ""

    def run(self, html: str) -> str:
        if not html.strip():
            return ""
        tree = LexborHTMLParser(html, is_fragment=True)
        self.math(tree)
        self.diagrams(tree)
        self.links(tree)
        self.tables(tree)
        self.small_things(tree)
        self.figures(tree)
        self.first_paragraph = self.fill(self._first_paragraph(tree))
        return self.fill(tree.html or "")

    def fill(self, html: str) -> str:
        """Put the parts in; one may hold another (an image in a table), so until none is left."""
        while _OPEN in html:
            html = re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda m: self.parts[int(m[1])], html)
        return html

    def line(self, *needles: str) -> int:
        return locate(self.document.body, self.document.body_line, *needles)

    def blame(self, text: str, remedy: str, *needles: str) -> None:
        self.faults.append(Fault(self.document.path, self.line(*needles), text, remedy))

    def put(self, node: LexborNode, markup: str) -> None:
        """Replace *node* by *markup*."""
        self.parts.append(markup)
        node.replace_with(f"{_OPEN}{len(self.parts) - 1}{_CLOSE}")

    def math(self, tree: LexborHTMLParser) -> None:
        for node in tree.css(".arithmatex"):
            tex = node.text().strip()
            tex = tex.removeprefix("\\(").removeprefix("\\[")
            tex = tex.removesuffix("\\)").removesuffix("\\]").strip()
            try:
                block = node.tag == "div"
                markup = to_mathml(tex, block=block)
                # A long formula scrolls, and what scrolls must take the keyboard.
                self.put(node, markup.replace("<math ", '<math tabindex="0" ', 1) if block else markup)
            except ValueError as error:
                self.blame(f"math {error}", f"mend {tex[:60]!r}", tex, tex.split("\n")[0])

    def diagrams(self, tree: LexborHTMLParser) -> None:
        for node in tree.css("pre.plantuml"):
            self._inline(node, "", node.text())
        for node in tree.css("img[src$='.puml']"):
            src = node.attributes.get("src") or ""
            try:
                file = resolve(src, self.document, self.around).file
            except BrokenLink as broken:
                self.blame(*broken.args, src)
                continue
            parent = node.parent
            alone = parent is not None and parent.tag == "p" and not parent.text().strip()
            self._inline(parent if alone and parent is not None else node, file, "")

    def _inline(self, node: LexborNode, path: str, source: str) -> None:
        try:
            self.put(node, self.diagram(path, source))
        except SourceError as error:
            self.faults.extend(error.faults)

    def links(self, tree: LexborHTMLParser) -> None:
        pictures = 0
        for node in tree.css(_MARKED):
            for attribute in _URL_ATTRIBUTES:
                href = node.attributes.get(attribute)
                if href is None:
                    continue
                try:
                    target = resolve(href, self.document, self.around)
                except BrokenLink as broken:
                    self.blame(*broken.args, href)
                    continue
                self.lines.setdefault(target.url, self.line(f"({href}", href))
                node.attrs[attribute] = target.url
                if target.file:
                    self.files.add(target.file)
                if node.tag == "img":
                    self._picture(node, target.file, pictures)
                    pictures += 1

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
            label = escape(self.labels.table)
            # A group, not a region: as landmarks, all tables of a page would need names of their own.
            box = f'<div class="table-scroll" tabindex="0" role="group" aria-label="{label}">'
            self.put(table, f"{box}{table.html}</div>")

    def small_things(self, tree: LexborHTMLParser) -> None:
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
            if paragraph is None or paragraph.text().strip() or len(_elements(paragraph)) > 1:
                continue
            caption = escape(image.attributes.get("title") or "", quote=False)
            del image.attrs["title"]
            self.put(paragraph, f"<figure>{holder.html}<figcaption>{caption}</figcaption></figure>")

    def _first_paragraph(self, tree: LexborHTMLParser) -> str:
        for node in tree.css("p"):
            parent = node.parent
            if node.text(deep=False).strip() and (parent is None or parent.tag != "div"):
                return (node.inner_html or "").strip()
        return ""


def _elements(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=False))


def cover_url(document: Document, around: Surroundings) -> tuple[str, str]:
    """Return (URL, file) of the document's ``image``; ("", "") without one.

    Raises SourceError when the file does not exist or is not an image.
    """
    written = document.meta.image
    if not written:
        return "", ""
    line = document.meta.line("image")
    try:
        target = resolve(written, document, around)
    except BrokenLink as broken:
        raise SourceError([Fault(document.path, line, *broken.args)]) from None
    if target.file not in around.pictures:
        remedy = "name an image of content/, as in ../images/desert.jpg"
        raise SourceError([Fault(document.path, line, f"image {written!r} is no image here", remedy)])
    return file_url(target.file, document.gated, around), target.file


def labels_from(strings: Mapping[str, object]) -> Labels:
    """Take the labels from the theme's strings, where it has them."""
    names = {"table": "table", "done": "task_done", "open": "task_open", "permalink": "permalink"}
    return Labels(**{field: str(strings[key]) for field, key in names.items() if key in strings})
