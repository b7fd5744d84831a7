"""Validate an SVG image: no scripts, no external references, a size in pixels.

A function of bytes, which are published unchanged. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from pipelines.core.errors import Fault, SourceError
from pipelines.site.html import allowlist
from pipelines.site.images.faults import image_fault

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_XHTML, _XML = "http://www.w3.org/1999/xhtml", "http://www.w3.org/XML/1998/namespace"
# CSS absolute lengths (CSS Values 4, section 6.2), one in pixels.
_UNITS = {"": 1, "px": 1, "pt": 4 / 3, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 9.6 / 2.54}
_LENGTH = re.compile(r"\+?(\d*\.?\d+(?:e[+-]?\d+)?)([a-z]*)", re.IGNORECASE)
# Elements allowed in an image file, but not in a page: style, SVG 1.1 fonts, editor extensions.
_ALLOWED_ELEMENTS = allowlist.SVG_ELEMENTS.keys() | {
    *("style", "cursor", "discard", "font", "font-face", "font-face-format", "font-face-name"),
    *("font-face-src", "font-face-uri", "glyph", "glyphref", "hatch", "hatchpath", "hkern", "vkern"),
    *("altglyph", "altglyphdef", "altglyphitem", "animatecolor", "color-profile", "mesh", "meshgradient"),
    *("meshpatch", "meshrow", "missing-glyph", "solidcolor", "tref", "flowpara", "flowregion", "flowroot"),
    *("flowspan", "flowdiv", "flowline", "flowregionexclude", "tbreak", "textarea", "page", "pageset"),
}
_STYLE_REFERENCE = re.compile(r"(url|src)\((?!#|data:)|@import|image-set\(")


class _SvgChecker:
    """Parse an SVG file; collect its faults and the attributes of its root."""

    def __init__(self, data: bytes) -> None:
        self.faults: list[Fault] = []
        self.root: dict[str, str] | None = None
        self.style: list[str] | None = None  # the text of the open style element
        parser = self.parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self.doctype
        parser.ProcessingInstructionHandler = self.instruction
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            self.add_fault(
                f"is not XML ({expat.ErrorString(error.code)})", "export it again as SVG", "broken-image"
            )

    def add_fault(self, text: str, fix: str, check: str = "unsafe-html") -> None:
        self.faults.append(Fault("", self.parser.CurrentLineNumber, text, fix, check))

    def doctype(self, _name: str, _system: str | None, _public: str | None, has_declarations: int) -> None:
        """Refuse declarations of entities. That a DOCTYPE names a DTD, as of Graphviz, loads nothing."""
        if has_declarations:
            self.add_fault("has a DOCTYPE with declarations", "delete the <!DOCTYPE …>; SVG needs none")
            raise SourceError(self.faults)  # before any entity is defined

    def instruction(self, target: str, _: str) -> None:
        if target.startswith("xml-"):
            self.add_fault(f"has <?{target} …?>, which loads another file", "delete it")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self.root is None:
            self.root = attributes
            if name != f"{_SVG} svg":
                fix = f'begin it with <svg xmlns="{_SVG}" …>'
                self.add_fault(f"begins with <{local}>, which is not an SVG image", fix, "broken-image")
        if local in ("script", "handler", "listener"):
            self.add_fault(f"has a <{local}>", "delete it; images run no code")
        elif local == "foreignObject" or space == _XHTML:
            self.add_fault(f"has a <{local}>, HTML within SVG", "draw it as SVG shapes and text")
        elif space == _SVG and local.lower() not in _ALLOWED_ELEMENTS:
            self.add_fault(f"has a <{local}>, which is not an SVG element", "delete it")
        if name == f"{_SVG} style":
            self.style = []
        for key, value in attributes.items():
            self.attribute(local, key, value)

    def attribute(self, element: str, key: str, value: str) -> None:
        normalized = re.sub(r"[\x00-\x20]+", "", value).lower()
        if re.fullmatch(r"on[a-z]+", key, re.IGNORECASE):
            self.add_fault(f"has the event handler {key}", "delete it; images run no code")
        elif key == f"{_XML} base":
            self.add_fault("has xml:base, which moves its links", "delete it")
        elif key == "attributeName" and re.fullmatch(r"(\w+:)?href|on\w+", normalized):
            self.add_fault(f"animates {value}", "delete this animation")
        elif key not in ("href", f"{_XLINK} href"):
            self.css(value)
        elif element == "a":
            if allowlist.url_scheme(value) not in ("", "http", "https", "mailto"):
                self.add_fault(f"has a link to {value[:60]!r}", "link to http, https or mailto")
        elif not normalized.startswith(("#", "data:image/") if element in ("image", "feImage") else "#"):
            fix = "embed it as data:image/png;base64,… or delete it"
            self.add_fault(f"refers to another file: {value[:60]!r}", fix)

    def css(self, text: str) -> None:
        if _STYLE_REFERENCE.search(allowlist.normalize_css(text)):
            self.add_fault("refers to another file in its style", "use url(#id), or embed it as data:")

    def text(self, text: str) -> None:
        if self.style is not None:
            self.style.append(text)

    def end(self, _: str) -> None:
        if self.style is not None:
            self.css("".join(self.style))
            self.style = None


def _root_size(root: dict[str, str]) -> tuple[int, int]:
    """Return width and height in pixels, from the attributes or the viewBox."""
    sizes: dict[str, float] = {}
    for key in ("width", "height"):
        value = root.get(key, "auto").strip()
        length = _LENGTH.fullmatch(value)
        if length and length[2].lower() in _UNITS:
            sizes[key] = float(length[1]) * _UNITS[length[2].lower()]
        elif value != "auto":
            fix = f"write pixels, or delete {key} and keep a viewBox"
            raise image_fault(f"has no fixed size: {key} is {value!r}", fix)
    if len(sizes) < 2:
        box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
        sides = [float(side[1]) for word in box[2:] if (side := _LENGTH.fullmatch(word))]
        if len(box) != 4 or len(sides) != 2 or not all(sides):
            fix = 'add width="…" height="…" in pixels, or viewBox="0 0 width height"'
            raise image_fault("has no size: neither width and height nor a viewBox", fix)
        ratio = sides[0] / sides[1]
        width = sizes.get("width", sizes.get("height", sides[1]) * ratio)
        sizes = {"width": width, "height": sizes.get("height", width / ratio)}
    width, height = round(sizes["width"]), round(sizes["height"])
    if not (0 < width <= 10**6 and 0 < height <= 10**6):
        raise image_fault(f"has a size of {width} x {height}", "write the size in pixels, from 1 up")
    return width, height


def svg_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels; raises SourceError with all faults, without a path."""
    checker = _SvgChecker(data)
    if checker.faults:
        raise SourceError(checker.faults)
    return _root_size(checker.root or {})
