"""Convert PlantUML's SVG to one that is safe in a page.

The result has no scripts, styles, links, images or ids of PlantUML; colours become CSS
classes (colours.py) with a fallback; title, description and the digest of the source are
added. Unknown elements are rejected. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from msgspec import Struct, field

from pipelines.site.diagrams.colours import (
    FALLBACK_COLOURS,
    Colour,
    UnknownColourError,
    hue_name,
    lightness,
    line_class,
    parse_colour,
    solid_class,
    surface_class,
    text_class,
)
from pipelines.site.diagrams.geometry import Box, Point, bounding_box, contains, text_centre, text_metrics

# Increment it when a source converts to another SVG: then every committed SVG is stale.
FORMAT_VERSION = 1

_SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+\.\d+")
_GEOMETRY = {
    "rect": ("x", "y", "width", "height", "rx", "ry"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "circle": ("cx", "cy", "r"),
    "line": ("x1", "y1", "x2", "y2"),
    "polygon": ("points",),
    "polyline": ("points",),
    "path": ("d",),
    "text": (
        "x",
        "y",
        "textLength",
        "font-size",
        "font-weight",
        "font-style",
        "text-decoration",
        "transform",
    ),
}
_STROKE_ATTRIBUTES = ("stroke-width", "stroke-dasharray", "stroke-linejoin", "stroke-linecap")
_DROPPED_STYLES = {"stroke-miterlimit"}  # without effect
# Attributes of a group without effect.
_DROPPED_ATTRIBUTES = {"class", "id", "font-family", "lengthAdjust", "filter"}


_ROOT_ATTRIBUTES = {
    "viewBox", "width", "height", "role", "aria-labelledby", "aria-describedby",
    "data-source", "data-form", "font-family",
}  # fmt: skip


class DiagramSvgError(ValueError):
    """The SVG cannot be used: text, fix, and a pattern of the source line that caused it."""

    def __init__(self, text: str, fix: str, pattern: str = "") -> None:
        super().__init__(text, fix, pattern)
        self.text, self.fix, self.pattern = text, fix, pattern


class _DrawingContext(Struct):
    """Facts of the whole drawing, for the conversion of its elements."""

    paints: dict[str, str] = field(default_factory=dict)  # id of a gradient or filter -> colour
    text_centres: list[Point] = field(default_factory=list)  # the centre of each text
    surfaces: list[Box] = field(default_factory=list)  # of each filled shape

    def colour(self, value: str) -> Colour | None:
        """Return the colour of a paint value, which may be a reference."""
        reference = re.fullmatch(r"url\(#([\w.-]+)\)", value)
        return parse_colour(self.paints.get(reference[1], "none") if reference else value)


def convert_svg(drawn: bytes, *, name: str, description: str, source_digest: str) -> str:
    """Return the SVG to commit; raises DiagramSvgError if *drawn* is not safe in a page."""
    root = _parse_drawing(drawn)
    drawing = _DrawingContext(
        dict(_gradient_colours(root)),
        [text_centre(text) for text in root.iter(f"{_SVG}text")],
        [bounding_box(shape) for shape in root.iter() if _is_filled(shape)],
    )
    prefix = f"d{source_digest[:12]}"
    width, height = (_round(root.attrib[key].removesuffix("px")) for key in ("width", "height"))
    svg = Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": root.attrib["viewBox"],
        "width": width, "height": height, "role": "img",
        "aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc",
        "data-source": f"sha256:{source_digest}", "data-form": str(FORMAT_VERSION),
        "font-family": "sans-serif",
    })  # fmt: skip
    SubElement(svg, "title", {"id": f"{prefix}-title"}).text = name
    SubElement(svg, "desc", {"id": f"{prefix}-desc"}).text = description
    try:
        svg.extend(list(_convert_children(root, drawing)))
    except UnknownColourError as error:
        text = f"PlantUML drew the colour {error}"
        raise DiagramSvgError(text, "write colours as #rrggbb") from None
    if len(svg) == 2:
        raise DiagramSvgError("the diagram is empty", "draw something")
    for child in svg:
        child.tail = "\n"  # one element a line, for readable diffs
    svg.text = "\n"
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def is_generated(svg: str) -> bool:
    """Whether *svg* has only what convert_svg writes, with no additions by hand."""
    try:
        parts = list(ElementTree.fromstring(svg).iter())
    except ElementTree.ParseError:
        return False
    tags = {str(part.tag).removeprefix(_SVG) for part in parts}
    names = {name for part in parts[1:] for name in part.attrib}
    allowed = {"id", "class", "fill", "stroke", "font-family", *_STROKE_ATTRIBUTES}.union(*_GEOMETRY.values())
    return (
        tags <= {"svg", "title", "desc", *_GEOMETRY}
        and names <= allowed
        and set(parts[0].attrib) == _ROOT_ATTRIBUTES
        and "url(" not in svg
    )


def _parse_drawing(drawn: bytes) -> Element:
    """Parse *drawn*; raises DiagramSvgError if it is not the diagram."""
    # A file that begins with its root has no DTD, and no entities.
    if not drawn.startswith(b"<svg"):
        raise DiagramSvgError("PlantUML wrote no SVG", "use another kind of diagram")
    try:
        root = ElementTree.fromstring(drawn)
    except ElementTree.ParseError as error:
        raise DiagramSvgError(f"PlantUML wrote an invalid SVG: {error}", "check the source") from None
    if "data-diagram-type" not in root.attrib:  # errors and version banners of PlantUML
        message = " ".join("".join(root.itertext()).split())[:120]
        raise DiagramSvgError(f"PlantUML wrote a message instead of a diagram: {message}", "check the source")
    for text in root.iter(f"{_SVG}text"):
        message = " ".join("".join(text.itertext()).split())
        if re.match(r"Your data does not sound like|\(Cannot decode\)|\(Sprite not found", message):
            raise DiagramSvgError(f"PlantUML wrote an error into the diagram: {message}", "check the source")
    for shape in root.iter():
        if shape.get("fill") == "#FFC" and "stroke:#FD8;stroke-width:3" in shape.get("style", ""):
            message = "".join(next(root.iter(f"{_SVG}text")).itertext())
            raise DiagramSvgError(f"PlantUML warns: {message}", "do as it says")
    return root


def _gradient_colours(root: Element) -> Iterator[tuple[str, str]]:
    """Yield id and first colour of each gradient and filter; "" for a shadow."""
    for definition in root.iter():
        if definition.tag in (f"{_SVG}linearGradient", f"{_SVG}filter"):
            stops = [part.get("stop-color") or part.get("flood-color") for part in definition]
            yield definition.attrib["id"], next((stop for stop in stops if stop), "")


def _convert_children(parent: Element, drawing: _DrawingContext) -> Iterator[Element]:
    for child in parent:
        tag = str(child.tag).removeprefix(_SVG)
        if tag in ("defs", "title"):
            continue  # resolved by _gradient_colours; tooltips
        if tag == "g":
            if not all(key in _DROPPED_ATTRIBUTES or key.startswith("data-") for key in child.attrib):
                raise DiagramSvgError("PlantUML drew a moved group", "leave out what moves or scales")
            yield from _convert_children(child, drawing)
        elif tag == "text":
            yield from _convert_text(child, drawing)
        elif tag in _GEOMETRY:
            yield from _convert_shape(child, tag, drawing)
        else:
            unknown = (f"PlantUML drew <{tag}>", "leave that feature out")
            raise DiagramSvgError(*_FORBIDDEN_ELEMENTS.get(tag, unknown))


_FORBIDDEN_ELEMENTS = {
    "a": ("a diagram cannot hold a link: it is one picture to a screen reader",
          "put the link into the text beside it", r"\[\["),
    "image": ("a diagram cannot hold an image: it would not follow light and dark",
              "draw it with shapes or with an icon: <&name>",
              r"<\$|<math|<latex|!\s*include\s*<"),
    "script": ("a diagram cannot hold a script", "leave out what makes it interactive"),
    "style": ("a diagram cannot hold a style sheet", "leave out what makes it interactive"),
}  # fmt: skip


def _convert_text(text: Element, drawing: _DrawingContext) -> Iterator[Element]:
    content = "".join(text.itertext())
    if not content.strip():
        return
    if not re.fullmatch(r"rotate\([-\d., ]+\)|", text.get("transform", "")):
        raise DiagramSvgError("PlantUML drew a moved text", "leave out what moves or scales")
    if background := drawing.colour(text.get("filter", "none")):
        yield _text_background(text, surface_class(background))
    elif not any(contains(box, text_centre(text)) for box in drawing.surfaces):
        yield _text_background(text, "d-paper")  # a lifeline or an arrow may cross the text
    out = _copy_geometry(text, "text")
    if "monospace" in text.get("font-family", ""):
        out.set("font-family", "monospace")
        out.set("class", "d-mono")
    _paint(out, "fill", text_class(drawing.colour(text.get("fill", "#000")) or (0, 0, 0)))
    out.text = content
    yield out


def _text_background(text: Element, css_class: str) -> Element:
    """Return a background rectangle for *text*."""
    x, y, width, size = text_metrics(text)
    numbers = {"x": x, "y": y - 0.85 * size, "width": width, "height": 1.08 * size}
    out = Element("rect", {key: _round(f"{number:.3f}") for key, number in numbers.items()})
    if transform := text.get("transform"):
        out.set("transform", _round(transform))
    _paint(out, "fill", css_class)
    return out


def _convert_shape(shape: Element, tag: str, drawing: _DrawingContext) -> Iterator[Element]:
    style = dict(part.split(":", 1) for part in shape.get("style", "").split(";") if part)
    style.update({key: shape.attrib[key] for key in ("stroke", *_STROKE_ATTRIBUTES) if key in shape.attrib})
    if unknown_styles := set(style) - {"stroke", *_STROKE_ATTRIBUTES, *_DROPPED_STYLES}:
        raise DiagramSvgError(f"PlantUML drew the style {min(unknown_styles)}", "leave that feature out")
    fill = drawing.colour(shape.get("fill", "none" if tag == "line" else "#000"))
    if shape.get("fill-opacity") == "0":
        fill = None
    stroke = drawing.colour(style.get("stroke", "none"))
    holds_text = any(contains(bounding_box(shape), centre) for centre in drawing.text_centres)
    if stroke and stroke == fill and holds_text:
        stroke = None  # drop a border in the colour of its surface
    if fill is None and stroke is None:
        return
    out = _copy_geometry(shape, tag)
    if fill is None:
        if tag != "line":
            out.set("fill", "none")
    elif _is_solid(fill, stroke) and not holds_text:
        _paint(out, "fill", solid_class(fill))
    else:
        _paint(out, "fill", surface_class(fill))
    if stroke is not None:
        _paint(out, "stroke", line_class(stroke))
        for key in _STROKE_ATTRIBUTES:
            if key in style and style[key] != "miter":
                out.set(key, _stroke_width(style[key]) if key == "stroke-width" else style[key])
    yield out


def _is_filled(shape: Element) -> bool:
    tag = str(shape.tag).removeprefix(_SVG)
    paint = shape.get("fill", "none")
    return tag in _GEOMETRY and tag != "text" and paint != "none" and shape.get("fill-opacity") != "0"


def _is_solid(fill: Colour, stroke: Colour | None) -> bool:
    """Whether a shape without text is solid (a dot, a letter, an icon) and not a surface."""
    dark = lightness(fill) < 0.5
    return fill == stroke or (dark and (stroke is None or not hue_name(fill)))


def _stroke_width(width: str) -> str:
    """Return at least 1: PlantUML's hairlines of 0.5 fade on a screen."""
    return f"{max(float(width), 1):g}"


def _paint(out: Element, attribute: str, css_class: str) -> None:
    """Add the CSS class *css_class* to *out*, and its fallback colour for viewers without the theme."""
    out.set("class", f"{out.get('class', '')} {css_class}".strip())
    out.set(attribute, FALLBACK_COLOURS[css_class])


def _copy_geometry(element: Element, tag: str) -> Element:
    kept = {key: _round(element.attrib[key]) for key in _GEOMETRY[tag] if key in element.attrib}
    return Element(tag, {key: value for key, value in kept.items() if value})


def _round(numbers: str) -> str:
    """Round to two decimals, below the resolution of a screen."""
    return _NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), numbers)
