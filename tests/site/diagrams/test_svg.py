"""PlantUML's SVG is converted to one that is safe in a page, with the theme's colours."""

from __future__ import annotations

import colorsys
import re
from xml.etree import ElementTree

import pytest

from pipelines.site.diagrams import colours
from pipelines.site.diagrams import svg as diagram_svg
from tests.site.diagrams.samples import (
    CSS,
    GOLDEN,
    convert,
    golden_names,
)


@pytest.mark.parametrize("name", golden_names())
def test_a_drawn_svg_converts_to_the_golden_one(name: str) -> None:
    """A change of the conversion is a diff of golden files; then increment FORMAT_VERSION."""
    assert (GOLDEN / f"{name}.svg").read_text("utf-8") == convert(name)


@pytest.mark.parametrize("name", golden_names())
def test_a_committed_svg_is_safe_in_a_page(name: str) -> None:
    """The Content-Security-Policy forbids inline styles, scripts and other hosts."""
    svg = convert(name)
    for forbidden in (" style=", "<style", "script", "href", "url(", "<image", "<a ", "onload", "data:"):
        assert forbidden not in svg
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.attrib["viewBox"] == f"0 0 {width:g} {height:g}"
    assert (GOLDEN / f"{name}.drawn.svg").stat().st_size * 1.15 > len(svg)


@pytest.mark.parametrize("name", golden_names())
def test_every_text_is_kept(name: str) -> None:
    """Every text of PlantUML's SVG is in the converted one."""

    def texts(svg: bytes) -> list[str]:
        root = ElementTree.fromstring(svg)
        found = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
        return [text for text in found if text.strip()]

    drawn = (GOLDEN / f"{name}.drawn.svg").read_bytes()
    assert texts(drawn) == texts(convert(name).encode())


def drawn_svg(body: str) -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' data-diagram-type="SEQUENCE" width="10px" height="10px" viewBox="0 0 10 10">'
        f"<g>{body}</g></svg>"
    ).encode()


def convert_body(body: str) -> str:
    return diagram_svg.convert_svg(drawn_svg(body), name="N", description="D", source_digest="0" * 64)


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (b"\x89PNG", "no SVG"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "no SVG"),
        (b"<svg", "invalid SVG"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><text>An error has occurred</text></svg>', "An err"),
        (drawn_svg("<text>Your data\xa0does\xa0not sound like JSON data</text>"), "error into the diagram"),
        (drawn_svg("<text>(Cannot decode)</text>"), "error into the diagram"),
        (drawn_svg('<rect fill="#FFC" style="stroke:#FD8;stroke-width:3;"/><text>Old</text>'), "Old"),
        (drawn_svg('<a href="https://example.org"><text x="1" y="1">x</text></a>'), "link"),
        (drawn_svg('<image xlink:href="data:image/png;base64,AA"/>'), "image"),
        (drawn_svg("<script>alert(1)</script>"), "script"),
        (drawn_svg("<style>a{}</style>"), "style"),
        (drawn_svg("<foreignObject/>"), "foreignObject"),
        (drawn_svg('<g transform="scale(2)"><rect/></g>'), "moved"),
        (drawn_svg('<rect fill="url(https://example.org/x)"/>'), "colour"),
        (drawn_svg('<rect fill="#FFF" style="filter:url(x)"/>'), "filter"),
        (drawn_svg(""), "empty"),
    ],
)
def test_unsafe_and_unknown_markup_is_rejected(drawn: bytes, message: str) -> None:
    """Unknown elements are not copied; an SVG of an error is never committed."""
    with pytest.raises(diagram_svg.DiagramSvgError) as caught:
        diagram_svg.convert_svg(drawn, name="N", description="D", source_digest="0" * 64)
    assert message in caught.value.text
    assert caught.value.fix


def test_handlers_and_ids_of_the_drawing_are_dropped() -> None:
    """Two diagrams on one page share no id and have no event handlers."""
    svg = convert_body('<rect id="ent1" class="x" onclick="a()" x="1" y="1" width="2" fill="#FFF"/>')
    assert re.findall(r' id="([^"]+)"', svg) == ["d000000000000-title", "d000000000000-desc"]
    assert "onclick" not in svg


BOX = 'x="0" y="0" width="9" height="9"'
WORD = '<text x="1" y="5" font-size="3" textLength="4" fill="#000">w</text>'


@pytest.mark.parametrize(
    ("body", "classes"),
    [
        (f'<rect {BOX} fill="#F1F1F1" style="stroke:#181818;"/>{WORD}', "d-fill d-line"),
        (f'<rect {BOX} fill="#E2E2F0" style="stroke:#181818;"/>{WORD}', "d-fill d-line"),
        (f'<rect {BOX} fill="#FEFFDD" style="stroke:#181818;"/>{WORD}', "d-note d-line"),
        (f'<rect {BOX} fill="#FFF" style="stroke:#DDD;"/>', "d-paper d-faint"),
        (f'<rect {BOX} fill="#333" style="stroke:#F00;"/>{WORD}', "d-strong d-line-red"),
        (f'<rect {BOX} fill="#ADD8E6" style="stroke:#181818;"/>', "d-fill-teal d-line"),
        (f'<rect {BOX} fill="#000080" style="stroke:#000080;"/>{WORD}', "d-fill-blue"),
        ('<polygon points="1,1,2,2,1,3" fill="#F00" style="stroke:#F00;"/>', "d-ink-red d-line-red"),
        ('<ellipse cx="4" cy="4" rx="2" ry="2" fill="#000" style="stroke:#181818;"/>', "d-ink d-line"),
        ('<path d="M1,1 L2,2 L1,2" fill="#000"/>', "d-ink"),
        ('<path d="M1,1 L2,2 L1,2" fill="#FC4"/>', "d-fill-orange"),
    ],
)
def test_a_colour_becomes_a_css_class(body: str, classes: str) -> None:
    """A shape behind text is a surface; a solid shape without text is ink."""
    found = re.search(r'<(?:rect|polygon|ellipse|path)[^>]* class="([^"]*)"', convert_body(body))
    assert found
    assert classes == found[1]


def test_every_hue_has_a_class_and_every_class_a_colour() -> None:
    """Every colour that an author can write is mapped."""
    for degrees in range(361):
        red, green, blue = colorsys.hls_to_rgb(degrees / 360, 0.5, 1)
        colour = (round(red * 255), round(green * 255), round(blue * 255))
        for css_class in (colours.text_class, colours.line_class):
            assert css_class(colour) in colours.FALLBACK_COLOURS
        for css_class in (colours.solid_class, colours.surface_class):
            assert css_class(colour) in colours.FALLBACK_COLOURS


def test_the_theme_styles_every_class() -> None:
    """A class without a rule would keep its light shade in dark mode."""
    css = CSS.read_text("utf-8")
    assert set(colours.FALLBACK_COLOURS) <= set(re.findall(r"\.(d-[a-z-]+)", css))
    variables = set(re.findall(r"var\((--diagram-[a-z-]+)\)", css))
    for block in re.findall(r":where\(:root\) \{(.*?)\}", css, re.DOTALL):
        assert variables - {"--diagram-font"} <= set(re.findall(r"(--diagram-[a-z-]+):", block))


def contrast(one: str, two: str) -> float:
    """Return the contrast ratio (WCAG 2.2), from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [channel / 255 for channel in bytes.fromhex(colour[1:])]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_is_readable_on_every_surface(mode: str) -> None:
    """Colours are mapped to classes, so this table covers every diagram."""
    blocks = re.findall(r":where\(:root\) \{(.*?)\}", CSS.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    shades = dict(re.findall(r"--diagram-([a-z-]+): (#[0-9a-f]{6})", blocks[mode == "dark"]))
    surfaces = {name for name in shades if name.startswith("fill")} | {"paper", "strong", "note"}
    for text in shades.keys() - surfaces - {"faint"}:
        for surface in surfaces:
            assert contrast(shades[text], shades[surface]) >= 5, (text, surface)
    assert contrast(shades["faint"], shades["paper"]) >= 3
