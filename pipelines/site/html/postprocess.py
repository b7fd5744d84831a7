"""Postprocess the HTML of one document: links, images, figures, math, diagrams, tables.

Works on a tree parsed as HTML5, so that raw HTML is treated like Markdown's
output. Reads committed diagrams. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.document import Document
from pipelines.site.html import code_tokens
from pipelines.site.html.document_checks import Structure, check_published, check_structure
from pipelines.site.html.dropped_markup import (
    find_dropped_definitions,
    find_dropped_tags,
    find_forbidden_character,
)
from pipelines.site.html.embeds import replace_external_images, replace_frames, show_media
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.heading_aliases import add_heading_aliases
from pipelines.site.html.labels import Labels, translate_title
from pipelines.site.html.link_rewriter import LinkRewriter
from pipelines.site.html.links import LinkContext
from pipelines.site.html.loose_text import wrap_loose_text
from pipelines.site.html.obsolete_markup import clean_attributes, may_have_attributes, replace_elements
from pipelines.site.html.sanitizer import find_violations, remove_violations
from pipelines.site.html.summary import first_paragraph, plain_text, summary_html, truncate
from pipelines.site.html.unknown_elements import close_frames, replace_unknown_elements
from pipelines.site.markdown import positions
from pipelines.site.markdown.converted import Converted
from pipelines.site.markdown.positions import Positions

WORDS_PER_MINUTE = 220  # silent reading of English non-fiction (Brysbaert 2019: 238, rounded down)

# Checks whose findings explain what else is wrong with the structure of a line.
_OF_A_LINE = frozenset(("unparsed-markup", "dropped-markup", "math", "admonition"))

# Private-use characters context the number of a placeholder; sources must not contain them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PLACEHOLDERS = _OPEN + _CLOSE + positions.SPAN_PREFIX


class FragmentFacts(Struct, frozen=True, kw_only=True):
    """What is known of the body of one page, without its HTML."""

    summary: str = ""  # inline HTML, without links
    description: str = ""  # plain text of the summary, at most 200 characters
    words: int = 0
    toc: str = ""
    sections: int = 0
    files: tuple[str, ...] = ()  # files of content/ that the page needs, sorted
    lines: tuple[tuple[str, int], ...] = ()  # (resolved URL, line of the source) of each link
    headings: tuple[tuple[int, str, int], ...] = ()  # (level, text, line of the source)
    ids: tuple[tuple[str, int], ...] = ()  # (id, line of the source)


class Fragment(FragmentFacts, frozen=True, kw_only=True):
    """The body of one page, as the template gets it."""

    html: str = ""


def reading_minutes(facts: FragmentFacts) -> int:
    """Return how long the text takes to read, at least 1."""
    return max(1, round(facts.words / WORDS_PER_MINUTE))


# (path of a .puml or "", source of a block, its first line) -> markup
DiagramRenderer = Callable[[str, str, int], str]


def postprocess(
    document: Document,
    converted: Converted,
    context: LinkContext,
    diagram: DiagramRenderer,
    labels: Labels,
) -> tuple[Fragment, tuple[Fault, ...]]:
    """Return the finished body of *converted*, and the findings in it.

    What cannot be shown is not in the result: an image without a file is its alt
    text, HTML that is not allowed is the text in it. Raises SourceError for a text
    that was not converted.
    """
    if converted.refused:
        raise SourceError(converted.findings)
    processor = _Postprocessor(document, converted, context, diagram, labels)
    report = processor.report
    report.faults.extend(converted.findings)
    html = processor.run(converted.html)
    code = processor.code
    body = LexborHTMLParser(code_tokens.without_marks(html) if code else html, is_fragment=True)
    html = code_tokens.restore(html, code) if code else html
    text = body.root.text(separator="") if html and body.root else ""
    own = processor.summary(converted.summary)
    summary = summary_html(own or processor.first_paragraph)
    regexes = converted.dialect == "python-markdown"  # the other parser knows
    for dropped in find_dropped_definitions(document.body, text) if regexes else ():
        line = document.body_line + document.body.count("\n", 0, dropped.at)
        report.add_fault_at(dropped.check, line, dropped.text, dropped.fix)

    def written() -> LexborHTMLParser:
        other = _Postprocessor(document, converted, context, diagram, labels)
        tree = other.parse(converted.html)
        other.links.rewrite(tree)
        return tree

    toc = converted.toc
    if check_published(body, toc, (own, summary), report, written, context.scripts):
        html, toc = (remove_violations(one, context.scripts) for one in (html, toc))
        summary = remove_violations(summary, context.scripts, inline=True)
    seen = {one.line for one in report.faults if one.check in _OF_A_LINE}
    report.faults.extend(one for one in converted.flat if one.line not in seen)
    fragment = Fragment(
        html=html,
        summary=summary,
        description=truncate(plain_text(summary), 200),
        words=len(text.split()),
        toc=toc,
        sections=converted.sections,
        files=tuple(sorted(processor.links.files)),
        lines=tuple(sorted(processor.links.lines)),
        headings=processor.structure.headings,
        ids=processor.structure.ids,
    )
    return fragment, tuple(report.faults)


class _Postprocessor:
    """Runs the passes over one document."""

    def __init__(
        self,
        document: Document,
        converted: Converted,
        context: LinkContext,
        diagram: DiagramRenderer,
        labels: Labels,
    ) -> None:
        self.document, self.context = document, context
        self.diagram, self.labels = diagram, labels
        self.report = FaultReport(
            document,
            Positions(document.body, document.body_line, converted.definitions),
            converted.dialect,
        )
        self.add_fault = self.report.add_fault
        self.links = LinkRewriter(document, context, self.report)
        self.structure = Structure()
        self.parts: list[str] = []
        self.code: list[str] = []  # the tokens of each block
        self.first_paragraph = ""

    def run(self, html: str) -> str:
        if not html.strip():
            return ""
        tree = self.parse_body(html)
        self.math(tree)
        self.diagrams(tree)
        self.clean(tree)
        self.links.rewrite(tree)
        add_heading_aliases(tree)
        self.structure = check_structure(tree, self.report)
        positions.strip_spans(tree)
        self.tables(tree)
        self.attributes(tree)
        self.figures(tree)
        self.first_paragraph = self.fill(first_paragraph(tree))
        return self.fill(tree.html or "")

    def parse_body(self, html: str) -> LexborHTMLParser:
        """Parse *html* without the tokens of its code, unless raw HTML makes something else of them."""
        faults = len(self.report.faults)
        light, self.code = code_tokens.set_aside(html, self.document.body)
        tree = wrap_loose_text(self.parse(light))
        if self.code and not code_tokens.are_code(tree, len(self.code)):
            del self.report.faults[faults:]
            self.code = []
            tree = wrap_loose_text(self.parse(html))
        return tree

    def parse(self, html: str) -> LexborHTMLParser:
        """Parse *html* and remove its comments; add a fault for dropped markup.

        Comments are for authors; feeds would publish them.
        """
        if fault := self.forbidden_character(html):
            self.report.faults.append(fault)
            html = ""
        written = html
        html, replaced = replace_elements(html)
        for element in replaced:
            line = self.report.at or self.report.positions.line_at(written, element.at, f"<{element.name}")
            self.report.add_fault_at("html-attribute", line, element.text, element.fix)
        written = html = close_frames(html)
        html, unknown = replace_unknown_elements(html)
        for one in unknown:
            line = self.report.at or self.report.positions.line_at(written, one.at, one.needle)
            self.report.add_fault_at("unknown-element", line, one.text, one.fix)
        tree = LexborHTMLParser(html, is_fragment=True)
        if "<!" in html or "<?" in html:
            positions.strip_comments(tree)
        for dropped in find_dropped_tags(html, tree):
            line = self.report.at or self.report.positions.line_at(html, dropped.at, dropped.needle)
            self.report.add_fault_at(dropped.check, line, dropped.text, dropped.fix)
        return tree

    def clean(self, tree: LexborHTMLParser) -> None:
        """Replace what the page must not load, and what HTML no longer has."""
        replace_frames(tree, self.report, self.context.frame_hosts, self.labels.frame)
        replace_external_images(tree, self.report, self.context.image_hosts)
        show_media(tree)
        if may_have_attributes(self.document, tree):
            clean_attributes(tree, self.report)

    def forbidden_character(self, html: str) -> Fault | None:
        """Return the fault of the first character that XML forbids or that placeholders use, or None."""
        written = self.document.meta.summary if self.report.at else self.document.body
        if dropped := find_forbidden_character(written, _PLACEHOLDERS, references=False):
            line = self.report.at or self.document.body_line + written.count("\n", 0, dropped.at)
        elif dropped := find_forbidden_character(html, _OPEN + _CLOSE):
            line = self.report.at or self.report.positions.line_at(html, dropped.at, dropped.needle)
        else:
            return None
        return Fault(self.document.path, line, dropped.text, dropped.fix, "encoding")

    def summary(self, html: str) -> str:
        """Return the summary of the front matter as inline HTML; it must be one paragraph of text."""
        if not html.strip():
            return ""
        self.report.at = self.document.meta.line("summary")
        tree = self.parse(html)
        if tree.css_first("p, ul, ol, dl, h1, h2, h3, h4, h5, h6, pre, div, blockquote, table, hr"):
            self.add_fault(
                "summary", "the summary is not one paragraph of text", "write one, without lists or code"
            )
        if tree.css_first("img"):
            self.add_fault("summary", "the summary has an image", "name it in a line `image: …`")
        self.math(tree)
        self.clean(tree)
        self.links.rewrite(tree)
        self.report.at = 0
        return self.fill(tree.html or "")

    def fill(self, html: str) -> str:
        """Replace the placeholders by their markup, which may contain others (an image in a table)."""
        while _OPEN in html:
            html = re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda m: self.parts[int(m[1])], html)
        return html

    def put(self, node: LexborNode, markup: str) -> None:
        """Replace *node* by a placeholder for *markup*."""
        self.parts.append(markup)
        node.replace_with(f"{_OPEN}{len(self.parts) - 1}{_CLOSE}")

    def scrolling(self, what: str, label: str, markup: str) -> str:
        """Return *markup* in a focusable box that scrolls if it is wider than the window.

        A group, not a region: landmarks need unique names.
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
                self.add_fault("math", "math in $$ is within a line of text", fix, node, f"$${tex}")
            from pipelines.site.markdown.math import to_mathml  # and latex2mathml, for the first formula

            try:
                block = node.tag == "div"
                markup = to_mathml(tex, block=block)
            except ValueError as error:
                self.add_fault("math", f"math {error}", f"fix {' '.join(tex.split())[:60]}", node, tex)
                self.put(node, f"<code>{escape(tex, quote=False)}</code>")
                continue
            violations = list(find_violations(LexborHTMLParser(markup, is_fragment=True), frozenset()))
            for one in violations:
                self.add_fault("math", f"math: {one.text}", one.fix, node, tex)
            if forbidden := find_forbidden_character(markup, _PLACEHOLDERS):  # &#1; of a \text
                self.add_fault(forbidden.check, f"math {forbidden.text}", forbidden.fix, node, tex)
            if violations or forbidden:
                markup, block = f"<code>{escape(tex, quote=False)}</code>", False
            self.put(node, self.scrolling("math", self.labels.formula, markup) if block else markup)

    def diagrams(self, tree: LexborHTMLParser) -> None:
        for node in tree.css("pre.plantuml"):
            source = node.text()
            blank = len(source) - len(source.lstrip("\n"))
            self._put_diagram(node, "", source, self.report.line(node) + 1 + blank)
        for node in tree.css("img[src$='.puml']"):
            src = node.attributes.get("src") or ""
            file = self.links.diagram_file(node, src)
            if not file:
                del node.attrs["src"]
                continue
            parent = node.parent
            alone = parent is not None and parent.tag == "p" and not parent.text().strip()
            self._put_diagram(parent if alone and parent is not None else node, file, "", 0)

    def _put_diagram(self, node: LexborNode, path: str, source: str, line: int) -> None:
        try:
            self.put(node, self.diagram(path, source, line))
        except SourceError as error:
            self.report.faults.extend(error.faults)
            if path:
                image = node if node.tag == "img" else node.css_first("img")
                self.put(node, escape((image and image.attributes.get("alt")) or "", quote=False))

    def tables(self, tree: LexborHTMLParser) -> None:
        for table in tree.css("table"):
            self.put(table, self.scrolling("table", self.labels.table, table.html or ""))

    def attributes(self, tree: LexborHTMLParser) -> None:
        for image in tree.css("img:not([src])"):  # a refused one
            image.replace_with(image.attributes.get("alt") or "")
        for block in tree.css("pre"):
            block.attrs["tabindex"] = "0"  # a scrollable region must be focusable
        for permalink in tree.css("a.headerlink"):
            permalink.attrs["aria-label"] = self.labels.permalink
            del permalink.attrs["title"]
        for backlink in tree.css("a.footnote-backref:not([title])"):
            backlink.attrs["aria-label"] = self.labels.backlink
        for box in tree.css("li.task-list-item > input, li.task-list-item > p > input"):
            ticked = "checked" in box.attributes
            box.attrs["aria-label"] = self.labels.done if ticked else self.labels.open
        for title in tree.css(".admonition > .admonition-title, details[class] > summary"):
            translate_title(title, self.labels)

    def figures(self, tree: LexborHTMLParser) -> None:
        for image in tree.css("p > img[title], p > a > img[title], p > video[title], p > audio[title]"):
            link_or_image = image.parent if image.parent and image.parent.tag == "a" else image
            paragraph = link_or_image.parent
            if paragraph is None or paragraph.text().strip() or len(_child_elements(paragraph)) > 1:
                continue
            caption = escape(image.attributes.get("title") or "", quote=False)
            del image.attrs["title"]
            self.put(paragraph, f"<figure>{link_or_image.html}<figcaption>{caption}</figcaption></figure>")


def _text_beside(node: LexborNode | None) -> str:
    return node.text() if node is not None and node.tag == "-text" else ""


def _child_elements(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=False))
