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

from pipelines.errors import Fault, SourceError
from pipelines.site.brief import brief, first_paragraph, shorten, text_of
from pipelines.site.convert import Converted, locate
from pipelines.site.links import BrokenLink, Surroundings, Target, file_url, resolve
from pipelines.site.mathml import to_mathml
from pipelines.site.paragraphs import mended
from pipelines.site.sources import Document
from pipelines.site.swallowed import lost_character, lost_definitions, lost_tags

WORDS_A_MINUTE = 220  # silent reading of English non-fiction (Brysbaert 2019: 238, rounded down)
_URL_ATTRIBUTES = ("href", "src", "poster", "data")
_MARKED = ":is([href], [src], [poster], [srcset], object[data])"  # a list would name some nodes twice
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

# Private-use characters stand for markup while the tree is text; a page cannot hold them.
_OPEN, _CLOSE = "\ue000", "\ue001"


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
    text = text_of(html)
    summary = brief(work.summary(converted.summary) or work.first_paragraph)
    for loss in lost_definitions(document.body, text):
        work.blame(loss.text, loss.remedy, loss.needle)
    if work.faults:
        raise SourceError(work.faults)
    return Fragment(
        html=html,
        summary=summary,
        description=shorten(text_of(summary), 200),
        words=len(text.split()),
        toc=converted.toc,
        sections=converted.sections,
        files=tuple(sorted(work.files)),
        lines=tuple(sorted(work.lines.items())),
    )


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
        self.at = 0  # the line to blame, where it is known

    def run(self, html: str) -> str:
        if not html.strip():
            return ""
        tree = mended(self.parse(html))
        self.math(tree)
        self.diagrams(tree)
        self.links(tree)
        self.tables(tree)
        self.small_things(tree)
        self.figures(tree)
        # Comments are for authors; a feed would carry them to its readers.
        self.first_paragraph = self.fill(_COMMENT.sub("", first_paragraph(tree)))
        return self.fill(_COMMENT.sub("", tree.html or ""))

    def parse(self, html: str) -> LexborHTMLParser:
        """Parse *html* and blame what would be lost of it."""
        if loss := lost_character(html, _OPEN + _CLOSE):
            self.blame(loss.text, loss.remedy, loss.needle)
            html = ""
        tree = LexborHTMLParser(html, is_fragment=True)
        for loss in lost_tags(html, tree):
            self.blame(loss.text, loss.remedy, loss.needle)
        return tree

    def summary(self, html: str) -> str:
        """Complete the summary of the front matter, which is one paragraph of text."""
        if not html.strip():
            return ""
        self.at = self.document.meta.line("summary")
        tree = self.parse(html)
        if tree.css_first("p, ul, ol, dl, h1, h2, h3, h4, h5, h6, pre, div, blockquote, table, hr"):
            self.blame("the summary is more than one paragraph of text", "write one, without lists or code")
        if tree.css_first("img"):
            self.blame("the summary holds a picture", "name it in a line `image: …`")
        self.math(tree)
        self.links(tree)
        self.at = 0
        return self.fill(_COMMENT.sub("", tree.html or ""))

    def fill(self, html: str) -> str:
        """Put the parts in; one may hold another (an image in a table), so until none is left."""
        while _OPEN in html:
            html = re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda m: self.parts[int(m[1])], html)
        return html

    def line(self, *needles: str) -> int:
        return self.at or locate(self.document.body, self.document.body_line, *needles)

    def blame(self, text: str, remedy: str, *needles: str) -> None:
        self.faults.append(Fault(self.document.path, self.line(*needles), text, remedy))

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
            if _beside(node.prev).endswith("$") and _beside(node.next).startswith("$"):
                remedy = "give it a paragraph of its own, or write one $ on each side"
                self.blame("math in $$ stands in a line of text", remedy, f"$${tex}")
            try:
                block = node.tag == "div"
                markup = to_mathml(tex, block=block)
                self.put(node, self.scrolling("math", self.labels.formula, markup) if block else markup)
            except ValueError as error:
                self.blame(f"math {error}", f"mend {' '.join(tex.split())[:60]}", tex, tex.split("\n")[0])

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
                if href is None or not (target := self._resolved(href)):
                    continue
                node.attrs[attribute] = target.url
                if node.tag == "img":
                    self._picture(node, target.file, pictures)
                    pictures += 1
            if written := node.attributes.get("srcset"):
                node.attrs["srcset"] = self._candidates(written)

    def _resolved(self, href: str) -> Target | None:
        try:
            target = resolve(href, self.document, self.around)
        except BrokenLink as broken:
            self.blame(*broken.args, href)
            return None
        self.lines.setdefault(target.url, self.line(f"({href}", href))
        if target.file:
            self.files.add(target.file)
        return target

    def _candidates(self, srcset: str) -> str:
        """Resolve "a.png 1x, b.png 2x"."""
        done = []
        for candidate in filter(None, map(str.strip, srcset.split(","))):
            href, _, size = candidate.partition(" ")
            target = self._resolved(href)
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
        for block in tree.css("pre"):
            block.attrs["tabindex"] = "0"  # a region that scrolls must take the keyboard
        for sign in tree.css("a.headerlink"):
            sign.attrs["aria-label"] = self.labels.permalink
            del sign.attrs["title"]
        for box in tree.css("div.admonition"):
            if not _text_below(box, "p.admonition-title"):
                what = f"admonition {box.text().strip()!r} without a text"
                self.blame(what, "indent its text by four spaces", "!!!")
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


def _beside(node: LexborNode | None) -> str:
    return node.text() if node is not None and node.tag == "-text" else ""


def _text_below(node: LexborNode, title: str) -> bool:
    """Say whether *node* holds more than its *title*."""
    titles = "".join(one.text() for one in node.css(title)[:1])
    return len(node.text().split()) > len(titles.split()) or bool(node.css("img, svg, math, table, video"))


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
    names = {"done": "task_done", "open": "task_open"}  # the others have the name of the label
    keys = {field.name: names.get(field.name, field.name) for field in fields(Labels)}
    return Labels(**{name: str(strings[key]) for name, key in keys.items() if key in strings})
