"""Replace what HTML no longer has: elements and attributes of presentation, and inline styles.

READMEs are full of them. What has a harmless equivalent keeps its effect; the
rest is removed with a warning, since the Content-Security-Policy blocks inline
styles. Functions of HTML and of trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.core.errors import suggest
from pipelines.site.content.document import Document
from pipelines.site.html import allowlist
from pipelines.site.html.allowlist import HTML_ELEMENTS, SVG_ELEMENTS
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.html.sanitizer import foreign_attributes

# Element -> (start tag, end tag) of today (WHATWG HTML, obsolete features).
_ELEMENTS = {
    "acronym": ("<abbr>", "</abbr>"),
    "big": ("<span>", "</span>"),
    "center": ('<div class="ta-center">', "</div>"),
    "font": ("<span>", "</span>"),
    "nobr": ("<span>", "</span>"),
    "noscript": ("", ""),  # a page has no scripts that its text needs
    "strike": ("<del>", "</del>"),
    "tt": ("<code>", "</code>"),
}
_OBSOLETE = re.compile(
    rf"<(/?)({'|'.join(_ELEMENTS)})(?=[\s/>])(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>", re.IGNORECASE
)
# Attributes of HTML 4 that say how it looks: no typing errors.
_PRESENTATIONAL = frozenset(
    """align background bgcolor border cellpadding cellspacing clear color compact face frame height hspace
    nowrap rules size type valign vspace width""".split()
)
# Only such a source has attributes that the converters do not write: raw HTML, and attribute lists.
_WRITES_ATTRIBUTES = re.compile(r"<[A-Za-z]|\{")
_ALIGNED = frozenset("p div h1 h2 h3 h4 h5 h6 td th tr thead tbody tfoot caption section figure".split())
_FLOATED = frozenset(("img", "figure", "table", "video", "picture", "svg"))
_TEXT_ALIGNMENTS = frozenset(("left", "right", "center", "justify"))
_PIXELS = re.compile(r"(\d{1,5})(?:\.\d+)?(?:px)?", re.IGNORECASE)


class ObsoleteElement(Struct, frozen=True):
    """An element that was replaced."""

    name: str
    at: int  # offset of its first tag in the HTML before
    text: str
    fix: str


def replace_elements(html: str) -> tuple[str, list[ObsoleteElement]]:
    """Return *html* with elements of today, and each name that was replaced."""
    found: dict[str, ObsoleteElement] = {}

    def tag(match: re.Match[str]) -> str:
        name = match[2].lower()
        start, end = _ELEMENTS[name]
        if name not in found:
            text = f"<{name}> is not part of HTML any more: it was replaced by {start}"
            fix = f"write {start}, or Markdown"
            if not start:
                text, fix = (
                    f"<{name}> was removed: a page always shows what is in it",
                    "write its content alone",
                )
            found[name] = ObsoleteElement(name, match.start(), text, fix)
        return end if match[1] else start

    return _OBSOLETE.sub(tag, html), list(found.values())


def may_have_attributes(document: Document, tree: LexborHTMLParser) -> bool:
    """Return whether *document* or *tree* may have attributes for ``clean_attributes``: a quick test."""
    written = document.body, document.meta.summary
    return any(map(_WRITES_ATTRIBUTES.search, written)) or tree.css_matches("[style], [align]")


def clean_attributes(tree: LexborHTMLParser, report: FaultReport) -> None:
    """Replace or remove the attributes of *tree* that HTML does not have, and inline styles.

    Event handlers, and everything about refused elements, stay: the sanitizer
    refuses them.
    """
    root = tree.root
    foreign = foreign_attributes(tree)
    for node in root.traverse() if root else ():
        written = node.attributes if node.is_element_node else {}
        if not written or written.keys() == {"class"}:
            continue
        tag = (node.tag or "").lower()
        known = foreign.get(node.mem_id) if node.mem_id in foreign else HTML_ELEMENTS.get(tag)
        if known is None or (tag == "input" and written.get("type") != "checkbox"):
            continue  # the sanitizer refuses the element
        for name, value in written.items():
            lower = name.lower()
            if lower == "style":
                _replace_style(node, name, value or "", report, known if node.mem_id in foreign else None)
            elif lower == "align" and node.mem_id not in foreign and _align(node, tag, value or ""):
                del node.attrs[name]
            elif lower in known or allowlist.is_global_attribute(lower) or lower.startswith("on"):
                continue
            elif lower == "name" and tag == "a":  # an anchor of HTML 4
                if "id" not in written:
                    node.attrs["id"] = value or ""
                del node.attrs[name]
            else:
                text = f"<{tag}> has the attribute {name}, which was removed"
                report.add_fault("html-attribute", text, _fix(lower, known), node, name)
                del node.attrs[name]


def _fix(name: str, known: frozenset[str]) -> str:
    if name in _PRESENTATIONAL:
        return "give it a class"
    near = suggest(name, known | allowlist.GLOBAL_ATTRIBUTES)
    return near if near.startswith("did") else "remove it"


def _align(node: LexborNode, tag: str, value: str) -> bool:
    """Give *node* the class for ``align``; return whether it has one."""
    value = value.strip().lower().replace("middle", "center")
    if tag in _ALIGNED and value in _TEXT_ALIGNMENTS:
        _add_class(node, f"ta-{value}")
    elif tag in _FLOATED and value in ("left", "right"):
        _add_class(node, f"float-{value}")
    else:
        return False
    return True


def _add_class(node: LexborNode, name: str) -> None:
    node.attrs["class"] = f"{node.attributes.get('class') or ''} {name}".strip()


def _replace_style(
    node: LexborNode, name: str, style: str, report: FaultReport, svg: frozenset[str] | None
) -> None:
    """Remove the attribute *name* of *node*; keep the declarations that have an equivalent."""
    del node.attrs[name]
    lost = [one for one in _declarations(style) if not _keep_declaration(node, *one, svg)]
    if lost:
        text = f"inline style {'; '.join(f'{key}: {value}' for key, value in lost)[:60]!r} was removed"
        report.add_fault("inline-style", text, "give it a class", node, style or "style")


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for part in style.split(";"):
        key, _, value = part.partition(":")
        if part.strip():
            yield key.strip().lower(), value.strip()


def _keep_declaration(node: LexborNode, key: str, value: str, svg: frozenset[str] | None) -> bool:
    """Express one declaration by a class or an attribute; return whether that is possible."""
    tag, lower = (node.tag or "").lower(), value.lower()
    if svg is not None:
        if tag not in SVG_ELEMENTS or key not in svg or allowlist.css_loads(value):
            return False
        node.attrs[key] = value
        return True
    if key == "text-align" and lower in _TEXT_ALIGNMENTS and tag in _ALIGNED:
        _add_class(node, f"ta-{lower}")
    elif key == "float" and lower in ("left", "right") and tag in _FLOATED:
        _add_class(node, f"float-{lower}")
    elif key in ("width", "height") and tag in ("img", "video") and (size := _PIXELS.fullmatch(lower)):
        node.attrs[key] = size[1]
    else:
        return False
    return True
