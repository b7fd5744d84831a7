"""SVG images: their size, and the markup that is rejected."""

from __future__ import annotations

import pytest

from pipelines.site.images.image import CleanImage
from tests.site.images.pictures import (
    ImageFolder,
)


def svg(content: str = "", attributes: str = 'width="10" height="20"') -> bytes:
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {space} {attributes}>\n{content}\n</svg>\n".encode()


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="640" height="480"', (640, 480)),
        ('width="640px" height="480.4px"', (640, 480)),
        ('width="1.5e2" height=" 20 "', (150, 20)),
        ('viewBox="0 0 64 48"', (64, 48)),
        ('viewBox="-10,-20, 64.5 48"', (64, 48)),
        ('width="auto" height="auto" viewBox="0 0 64 48"', (64, 48)),
        ('width="128" viewBox="0 0 64 48"', (128, 96)),
        ('height="24" viewBox="0 0 64 48"', (32, 24)),
        ('width="72pt" height="6PC"', (96, 96)),
        ('width="1in" height="25.4mm"', (96, 96)),
        ('width="2.54cm" height="0.6" ', (96, 1)),
    ],
)
def test_svg_has_a_size_in_pixels(folder: ImageFolder, attributes: str, size: tuple[int, int]) -> None:
    """Every image of a page has width and height, so that loading it shifts nothing."""
    data = svg("<path d='M0 0'/>", attributes)
    assert folder.read("x.svg", data) == CleanImage(data, *size, "svg")


FIXED = "has no fixed size"
NO_SIZE = (
    "has no size: neither width and height nor a viewBox;"
    ' add width="…" height="…" in pixels, or viewBox="0 0 width height"'
)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", NO_SIZE),
        ('width="10"', NO_SIZE),
        ('viewBox="0 0 0 10"', NO_SIZE),
        ('viewBox="0 0 10"', NO_SIZE),
        ('viewBox="0 0 -10 10"', NO_SIZE),
        (
            'width="100%" height="10" viewBox="0 0 1 1"',
            f"{FIXED}: width is '100%'; write pixels, or delete width and keep a viewBox",
        ),
        (
            'width="10" height="2em"',
            f"{FIXED}: height is '2em'; write pixels, or delete height and keep a viewBox",
        ),
        (
            'width="-1" height="2"',
            f"{FIXED}: width is '-1'; write pixels, or delete width and keep a viewBox",
        ),
        (
            'width="0" height="2"',
            "has a size of 0 x 2; write the size in pixels, from 1 up",
        ),
        (
            'width="1e300" height="2"',
            "has a size of 1" + "0" * 300 + " x 2; write the size in pixels, from 1 up",
        ),
    ],
)
def test_svg_without_a_size_is_a_fault(folder: ImageFolder, attributes: str, expected: str) -> None:
    """Browsers default to 300 x 150, or the available width."""
    (fault,) = folder.fault("x.svg", svg("", attributes))
    if "e300" in attributes:
        assert "has a size of" in fault
    else:
        assert fault == f"x.svg: {expected}"


HARMLESS = """<title>url(https://example.org) onload="x" @import</title>
<style>.a { fill: url(#g); mask: url("data:image/png;base64,AA=="); content: '\\201C' }</style>
<defs><linearGradient id="g"/></defs><use href="#g"/><use xlink:href="#g"/>
<image href="data:image/png;base64,AA=="/><image xlink:href="data:image/jpeg;base64,AA=="/>
<a href="https://example.org/"><text>x</text></a><a xlink:href="/about/"><text>x</text></a>
<a href="mailto:a@example.org"/><a href="#g"/><a href="page:2?no"/>
<rect fill="url('#g')" style="stroke: url( #g )"/><animate attributeName="opacity"/>
<metadata xmlns:i="urn:i" i:onload="1">text</metadata>"""


def test_harmless_svg_keeps_its_bytes(folder: ImageFolder) -> None:
    """Gradients, embedded images and links are allowed."""
    data = b'<?xml version="1.0" encoding="utf-8"?>\n' + svg(HARMLESS.replace("page:2?no", "a/b:c"))
    assert folder.read("x.svg", data).data == data


CODE = "delete it; images run no code"
EMBED = "embed it as data:image/png;base64,… or delete it"
HTML = "HTML within SVG; draw it as SVG shapes and text"
STYLE = "refers to another file in its style; use url(#id), or embed it as data:"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<script>1</script>", f"has a <script>; {CODE}"),
        ('<a:script xmlns:a="http://www.w3.org/2000/svg"/>', f"has a <script>; {CODE}"),
        (
            '<script xmlns="http://www.w3.org/1999/xhtml"/>',
            f"has a <script>; {CODE}",
        ),
        ('<g onclick="x()"/>', f"has the event handler onclick; {CODE}"),
        ('<g ONLOAD="x()"/>', f"has the event handler ONLOAD; {CODE}"),
        ("<foreignObject/>", f"has a <foreignObject>, {HTML}"),
        (
            '<iframe xmlns="http://www.w3.org/1999/xhtml"/>',
            f"has a <iframe>, {HTML}",
        ),
        (
            '<image href="https://example.org/x.png"/>',
            f"refers to another file: 'https://example.org/x.png'; {EMBED}",
        ),
        ('<image xlink:href="//h/x"/>', f"refers to another file: '//h/x'; {EMBED}"),
        ('<use href="other.svg#a"/>', f"refers to another file: 'other.svg#a'; {EMBED}"),
        ('<use href=" &#9;a&#10;b:x"/>', f"refers to another file: ' \\ta\\nb:x'; {EMBED}"),
        (
            '<a href="java&#9;script:x()"/>',
            "has a link to 'java\\tscript:x()'; link to http, https or mailto",
        ),
        (
            '<a xlink:href="data:text/html,x"/>',
            "has a link to 'data:text/html,x'; link to http, https or mailto",
        ),
        ('<g fill="url(https://h/x#a)"/>', STYLE),
        ('<use href="data:image/x,y#a"/>', f"refers to another file: 'data:image/x,y#a'; {EMBED}"),
        ("<iframe/>", "has a <iframe>, which is not an SVG element; delete it"),
        (r'<g fill="\url(x.svg)"/>', STYLE),
        ('<g fill="url(/**/x.svg)"/>', STYLE),
        ('<g style="fill: URL( \' x.svg#a\')"/>', STYLE),
        ("<style>@import 'x.css';</style>", STYLE),
        ("<style>a { fill: u\\72l(x.svg) }</style>", STYLE),
        ("<style><![CDATA[a { background: image-set('x.png' 1x) }]]></style>", STYLE),
        ('<set attributeName="xlink:href" to="x"/>', "animates xlink:href; delete this animation"),
        ('<set attributeName="onload" to="x"/>', "animates onload; delete this animation"),
        ('<g xml:base="https://h/"/>', "has xml:base, which moves its links; delete it"),
        (
            "<?xml-stylesheet href='x.css'?>",
            "has <?xml-stylesheet …?>, which loads another file; delete it",
        ),
        ("<g>", "is not XML (mismatched tag); export it again as SVG"),
    ],
)  # fmt: skip
def test_svg_with_scripts_or_external_references_is_rejected(
    folder: ImageFolder, content: str, expected: str
) -> None:
    """An SVG opened by itself is a document of this origin."""
    line = 3 if expected.startswith("is not XML") else 2
    assert folder.fault("x.svg", svg(content)) == [f"x.svg:{line}: {expected}"]


def test_svg_may_name_its_document_type(folder: ImageFolder) -> None:
    """Graphviz, Inkscape and Excalidraw write it; without declarations it defines no entities."""
    dtd = b'"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
    data = b"<!DOCTYPE svg PUBLIC " + dtd + b">" + svg()
    assert folder.read("x.svg", data).data == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b'\n<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("<text>&a;</text>"),
            "x.svg:2: has a DOCTYPE with declarations; delete the <!DOCTYPE …>; SVG needs none",
        ),
        (
            b'<svg width="1" height="1"/>',
            "x.svg:1: begins with <svg>, which is not an SVG image;"
            ' begin it with <svg xmlns="http://www.w3.org/2000/svg" …>',
        ),
        (b"A text.", "x.svg:1: is not XML (syntax error); export it again as SVG"),
        (b" ", "x.svg:1: is not XML (no element found); export it again as SVG"),
        (
            svg("\xe4").decode().encode("latin-1"),
            "x.svg:2: is not XML (not well-formed (invalid token)); export it again as SVG",
        ),
        (b"\x1f\x8b\x08\0svgz", "x.svg:1: is not XML (not well-formed (invalid token));"
         " export it again as SVG"),
    ],
)  # fmt: skip
def test_invalid_svg_is_a_fault(folder: ImageFolder, data: bytes, expected: str) -> None:
    """With the line of the error."""
    assert folder.fault("x.svg", data) == [expected]


def test_all_faults_of_an_svg_at_once(folder: ImageFolder) -> None:
    """Fixing one must not reveal the next."""
    data = svg('<script/>\n<g onclick="x"/>\n<image href="x.png"/>\n<style>@import "x"</style>')
    assert [fault.split(": ")[0] for fault in folder.fault("x.svg", data)] == [
        "x.svg:2",
        "x.svg:3",
        "x.svg:4",
        "x.svg:5",
    ]
