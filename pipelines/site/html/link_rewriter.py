"""Rewrite the links and images of a parsed document to the URLs of the site.

A function of a tree; faults are added to a report. No reads, no writes, no
network.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.document import Document
from pipelines.site.content.slugs import slugify
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.links import BrokenLink, LinkContext, LinkTarget, file_url, resolve_link

_URL_ATTRIBUTES = ("href", "src", "poster", "xlink:href")
_WITH_URL = ":is([href], [src], [poster], [srcset])"  # a selector list would return some nodes twice


class LinkRewriter:
    """Rewrites links of one document, and records their targets."""

    def __init__(self, document: Document, context: LinkContext, report: FaultReport) -> None:
        self._document, self._context, self._report = document, context, report
        self.files: set[str] = set()  # files of content/ that the page needs
        self.lines: set[tuple[str, int]] = set()  # (resolved URL, line of the source)

    def rewrite(self, tree: LexborHTMLParser) -> None:
        """Replace the URLs in *tree*; set the size of images, and lazy loading of all but the first."""
        images = 0
        self._rewrite_fragments(tree)
        for node in tree.css(_WITH_URL):
            for attribute in _URL_ATTRIBUTES:
                href = node.attributes.get(attribute)
                if href is None:
                    continue
                if not (target := self._resolve(node, href)):
                    del node.attrs[attribute]  # the text of a link, and that of an image, stays
                    continue
                node.attrs[attribute] = target.url
                if node.tag == "img":
                    self._set_image_attributes(node, target.file, lazy=images > 0)
                    images += 1
            if srcset := node.attributes.get("srcset"):
                if candidates := self._resolve_srcset(node, srcset):
                    node.attrs["srcset"] = candidates
                else:
                    del node.attrs["srcset"]

    def _rewrite_fragments(self, tree: LexborHTMLParser) -> None:
        """Lead ``#a_b`` and ``#a--b`` to ``#a-b``: GitHub and GitLab make ids by rules of their own."""
        links = tree.css("a[href^='#']:not(.headerlink)")
        if not links:
            return
        ids = {node.attributes["id"] or "": None for node in tree.css("[id]")}
        by_slug = {slugify(one): one for one in reversed(ids)}
        for node in links:
            fragment = unquote((node.attributes["href"] or "")[1:])
            if fragment and fragment not in ids and (known := by_slug.get(slugify(fragment))):
                node.attrs["href"] = f"#{quote(known)}"

    def diagram_file(self, node: LexborNode, src: str) -> str:
        """Return the .puml file of content/ that *src* leads to; "" with a fault without one."""
        try:
            file = resolve_link(src, self._document, self._context).file
        except BrokenLink as broken:
            self._refuse(broken, node, src)
            return ""
        if not file:
            text = "shows a diagram of another host"
            self._report.add_fault("diagram", text, "copy its source into content/", node, src)
        return file

    def _resolve(self, node: LexborNode, href: str) -> LinkTarget | None:
        try:
            target = resolve_link(href, self._document, self._context)
        except BrokenLink as broken:
            self._refuse(broken, node, href)
            return None
        if target.file in self._context.damaged:  # reported with its own fault
            return None
        self.lines.add((target.url, self._report.line(node, f"({href}", href)))
        if target.file:
            self.files.add(target.file)
        return target

    def _refuse(self, broken: BrokenLink, node: LexborNode, href: str) -> None:
        text, fix = broken.args
        if node.tag in ("img", "source", "video", "audio") and text.startswith("links to a "):
            text, fix = text.replace("links to", "shows", 1), "use https: or a path"
        is_image = node.tag in ("img", "source", "video", "audio") and broken.check == "broken-link"
        check = "broken-image" if is_image else broken.check
        self._report.add_fault(check, text, fix, node, f"({href}", href)
        self._report.refused.add(href)

    def _resolve_srcset(self, node: LexborNode, srcset: str) -> str:
        """Resolve the URLs of "a.png 1x, b.png 2x"."""
        resolved = []
        for candidate in filter(None, map(str.strip, srcset.split(","))):
            href, _, size = candidate.partition(" ")
            if target := self._resolve(node, href):
                resolved.append(f"{target.url} {size}".strip())
        return ", ".join(resolved)

    def _set_image_attributes(self, node: LexborNode, file: str, *, lazy: bool) -> None:
        """Set size and loading, but for what the author wrote; one written side decides the other."""
        width, height = (node.attributes.get(side) for side in ("width", "height"))
        if image := self._context.images.get(file):
            if not width and not height:
                width, height = str(image.width), str(image.height)
            elif width and width.isdecimal() and not height:
                height = str(max(1, round(int(width) * image.height / image.width)))
            elif height and height.isdecimal() and not width:
                width = str(max(1, round(int(height) * image.width / image.height)))
        loading = "lazy" if lazy else None
        for name, value in (
            ("width", width),
            ("height", height),
            ("decoding", "async"),
            ("loading", loading),
        ):
            if value and not node.attributes.get(name):
                node.attrs[name] = value


def cover_url(document: Document, context: LinkContext) -> tuple[str, str]:
    """Return (URL, file) of the document's ``image``; ("", "") without one.

    Raises SourceError when the file does not exist or is not an image.
    """
    written = document.meta.image
    if not written:
        return "", ""
    line = document.meta.line("image")
    try:
        target = resolve_link(written, document, context)
    except BrokenLink as broken:
        raise SourceError(
            [Fault(document.path, line, broken.args[0], broken.args[1], "broken-image")]
        ) from None
    if target.file in context.damaged:
        return "", ""
    if target.file not in context.images:
        fix = "name an image of content/, as in ../images/desert.jpg"
        raise SourceError(
            [Fault(document.path, line, f"image {written!r} is not an image", fix, "broken-image")]
        )
    return file_url(target.file, document.gated, context), target.file
