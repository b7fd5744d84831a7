"""Find the markup of a parsed page that allowlist.py does not allow, and remove it.

Each violation becomes a finding. Functions of the tree that the HTML standard
defines, which is the one that browsers build. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.html import allowlist
from pipelines.site.html.allowlist import HTML_ELEMENTS, INLINE_ELEMENTS, MATHML_ELEMENTS, SVG_ELEMENTS

_BACKTICKS = "put it in `backticks`, or write &lt; for its <"
_CLASS_ONLY = {"class"}
_AllowedElements = tuple[Mapping[str, frozenset[str]], Callable[[str], frozenset[str]]]
_FOREIGN: dict[str, _AllowedElements] = {
    "math": (MATHML_ELEMENTS, allowlist.mathml_attributes),
    "svg": (SVG_ELEMENTS, allowlist.svg_attributes),
}


class Violation(Struct, frozen=True):
    """Markup that content must not use."""

    text: str
    fix: str
    node: LexborNode
    needle: str  # its possible spelling in the source
    url: str = ""  # the refused value, where it is a URL
    check: str = "unsafe-html"
    attribute: str = ""  # the attribute that violates; "" for the element


def find_violations(
    tree: LexborHTMLParser, scripts: frozenset[str], *, inline: bool = False
) -> Iterator[Violation]:
    """Yield the markup of *tree*, a fragment, that is not allowed, in document order.

    *scripts* are the allowed URLs of ``<script src>``. With *inline*, only
    phrasing content is allowed.
    """
    root = tree.root
    if root is None:
        return
    html: Mapping[str, frozenset[str]] = INLINE_ELEMENTS if inline else HTML_ELEMENTS
    foreign = {node.mem_id: table for node, table in _foreign_nodes(tree)}
    for node in root.traverse():
        tag = node.tag or ""
        if tag in html and tag != "input" and (not foreign or node.mem_id not in foreign):
            attributes = node.attributes
            if attributes and attributes.keys() != _CLASS_ONLY:  # most elements are tokens of code
                yield from _check_attributes(node, tag, html[tag])
        else:
            yield from _check_special_node(node, tag.lower(), foreign.get(node.mem_id), html, scripts, inline)
    for selector in allowlist.TEXT_ONLY_SELECTORS.split(", ") if foreign else ():
        outer, _, parent_tag = selector.partition(" ")
        for node in tree.css(f"{selector} *"):
            if (node.tag or "").lower() in _FOREIGN[outer][0]:  # the loop above reports others
                what = f"<{node.tag}> is in a <{parent_tag}>, which may contain text only"
                yield Violation(what, "remove it", node, f"<{node.tag}", check="html-structure")


def foreign_attributes(tree: LexborHTMLParser) -> dict[int, frozenset[str] | None]:
    """Return mem_id -> allowed attributes of each SVG and MathML element; None for a refused element."""
    return {
        node.mem_id: table[1](tag) if (tag := (node.tag or "").lower()) in table[0] else None
        for node, table in _foreign_nodes(tree)
    }


def _foreign_nodes(tree: LexborHTMLParser) -> Iterator[tuple[LexborNode, _AllowedElements]]:
    for name, table in _FOREIGN.items():
        for node in tree.css(f"{name}, {name} *") if tree.css_matches(name) else ():
            yield node, table


def remove_violations(html: str, scripts: frozenset[str], *, inline: bool = False) -> str:
    """Return *html* without the markup that ``find_violations`` reports; text stays, but not code."""
    tree = LexborHTMLParser(html, is_fragment=True)
    removed: set[int] = set()  # an element may have two violations
    for one in reversed(
        list(find_violations(tree, scripts, inline=inline))
    ):  # inner elements before outer ones
        if one.attribute:
            if one.attribute in one.node.attributes:
                del one.node.attrs[one.attribute]
        elif one.node.mem_id not in removed:
            removed.add(one.node.mem_id)
            if one.node.tag not in ("script", "style") and one.node.child is not None:
                one.node.unwrap()
            else:
                one.node.replace_with("")
    return tree.html or ""


def _check_special_node(
    node: LexborNode,
    tag: str,
    space: _AllowedElements | None,
    html: Mapping[str, frozenset[str]],
    scripts: frozenset[str],
    inline: bool,
) -> Iterator[Violation]:
    """Yield the violations of a node that is not an ordinary HTML element."""
    if not node.is_element_node:
        if not node.is_comment_node:  # <?x ?>, to some parsers
            yield Violation("a processing instruction is not allowed in content", "remove it", node, "<?")
    elif space is not None and tag in space[0]:
        yield from _check_attributes(node, tag, space[1](tag))
    elif space is None and tag == "input" and tag in html and node.attributes.get("type") == "checkbox":
        yield from _check_attributes(node, tag, html[tag])
    elif space is None and tag == "input":
        what = "<input> is not allowed in content"
        yield Violation(what, "put it into a template of the theme", node, "<input")
    elif space is not None or tag != "script" or inline or not _allowed_script(node, scripts):
        yield _refused_element(node, tag, scripts)
        yield from _check_attributes(node, tag, None)


def _allowed_script(node: LexborNode, scripts: frozenset[str]) -> bool:
    """Return whether *node* only loads a script that site.toml names."""
    known = node.attributes.keys() <= {"src", "type", "defer", "async"}
    kind = (node.attributes.get("type") or "").strip().lower()
    source = node.attributes.get("src") or ""
    return known and kind in ("", "module", "text/javascript") and source in scripts and not node.text()


def _refused_element(node: LexborNode, tag: str, scripts: frozenset[str]) -> Violation:
    needle = f"<{tag}"
    source = node.attributes.get("src") or ""
    if tag == "script" and source and not node.text().strip():
        if source in scripts:
            return Violation(
                f"<script> of {source} has other attributes", "keep src, type and defer", node, needle
            )
        fix = "add the path to scripts of [security] in site.toml, or remove the element"
        return Violation(f"loads the script {source}, which site.toml does not name", fix, node, needle)
    if tag in ("script", "style"):
        return Violation(
            f"inline <{tag}>", f"move it to theme/{'css' if tag == 'style' else 'js'}", node, needle
        )
    if instead := allowlist.REFUSED_ELEMENTS.get(tag):
        return Violation(f"<{tag}> is not allowed in content", instead, node, needle)
    if tag in HTML_ELEMENTS or tag in ("svg", "math"):
        fix = "remove it, or close the element around it"
        return Violation(f"<{tag}> is not allowed here", fix, node, needle, check="html-structure")
    what = f"<{tag}> is not an HTML element of content"
    return Violation(what, _BACKTICKS, node, needle, check="dropped-markup")


def _check_attributes(node: LexborNode, tag: str, known: frozenset[str] | None) -> Iterator[Violation]:
    """Yield the violations in the attributes of *node*; of a refused element (*known* None), only code."""
    for written, value in node.attributes.items():
        name = written.lower()
        if known is not None and (name in known or allowlist.is_global_attribute(name)):
            if wrong := _check_value(tag, name, value or ""):
                url = (value or "") if name in allowlist.URL_ATTRIBUTES else ""
                yield Violation(*wrong, node, value or name, url, attribute=written)
        elif name.startswith("on"):
            what = f"inline handler {name}"
            yield Violation(what, "move it to theme/js", node, f"{name}=", attribute=written)
        elif name == "style":
            what = f"inline style {value or ''!r}"
            yield Violation(what, "give it a class", node, value or "style", attribute=written)
        elif known is not None:
            what = f"<{tag}> has the attribute {name}, which is not allowed"
            yield Violation(what, "remove it", node, name, attribute=written)


@lru_cache(maxsize=4096)
def _check_value(tag: str, name: str, value: str) -> tuple[str, str] | None:
    """Return (what is wrong, the fix) of the value of an allowed attribute, or None."""
    if name in allowlist.URL_ATTRIBUTES:
        return _check_url(tag, name, value)
    if name == "usemap" and not value.startswith("#"):
        return f"usemap {value!r} is on another page", "write # and the name of a <map>"
    if name == "attributename" and value.strip().lower() not in allowlist.ANIMATED_ATTRIBUTES:
        return f"animates {value}", "delete this animation"
    if tag in SVG_ELEMENTS and allowlist.css_loads(value):
        return f"refers to another file in {name}", "use url(#id)"
    return None


def _check_url(tag: str, name: str, value: str) -> tuple[str, str] | None:
    loads = name in allowlist.LOAD_ATTRIBUTES or tag in ("image", "feimage")
    if name != "cite" and tag in SVG_ELEMENTS and tag not in HTML_ELEMENTS and not loads:
        if allowlist.normalize_url(value).startswith("#"):
            return None
        return f"<{tag}> refers to {value[:60]}", "refer to a part of this image, as in #id"
    schemes = (
        [allowlist.url_scheme(word) for word in value.replace(",", " ").split()] if name == "srcset" else []
    )
    for scheme in schemes or [allowlist.url_scheme(value)]:
        if scheme not in (allowlist.LOAD_SCHEMES if loads else allowlist.LINK_SCHEMES):
            verb = "loads" if loads else "links to"
            return f"{verb} a {scheme}: URL", f"use https:{'' if loads else ', mailto:'} or a path"
    return None
