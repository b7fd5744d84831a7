"""Print styles, and forced colours."""

from __future__ import annotations

import pytest

from tests.browser.visits import Reader, Scheme

pytestmark = pytest.mark.browser

PRINTED = ("home", "article", "article that strains", "article with diagrams", "page", "tags", "login")
# Texts with a contrast below 4.5:1 (WCAG 2.2) on their background; in diagrams on white, since browsers print
# without backgrounds, and then adjust the colours of text but not of drawings.
_PALE = """() => {
    const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = one => {
        for (; one; one = one.parentElement) {
            const color = parse(getComputedStyle(one).backgroundColor);
            if (color.length === 3 || color[3] > 0.5) return color;
        }
        return [255, 255, 255];
    };
    const ratio = (a, b) => {
        const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
    };
    return [...document.querySelectorAll("body *")]
        .filter(one => [...one.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
        .filter(one => one.checkVisibility() && one.getClientRects().length && !one.closest(".hidden"))
        .filter(one => !["TITLE", "DESC"].includes(one.tagName.toUpperCase()))
        .map(one => [one, parse(getComputedStyle(one)[one.closest("svg") ? "fill" : "color"])])
        .map(([one, color]) => [one, ratio(color, one.closest("svg") ? [255, 255, 255] : ground(one))])
        .filter(([one, value]) => value < 4.5)
        .map(([one, value]) => `${value.toFixed(1)}:1 ${one.outerHTML.slice(0, 100)}`);
}"""
_DARK_GROUND = """() => [document.documentElement, document.body, document.querySelector("main")]
    .map(one => getComputedStyle(one).backgroundColor.match(/[\\d.]+/g).map(Number))
    .filter(color => (color.length === 3 || color[3] > 0) && Math.min(...color.slice(0, 3)) < 200)"""
# All colours of a page by element and property.
_COLOURS = """() => {
    const found = {};
    for (const [name, value] of document.documentElement.computedStyleMap()) {
        if (name.startsWith("--")) found[name] = String(value);
    }
    [...document.querySelectorAll("body *")].filter(one => one.checkVisibility()).forEach((one, index) => {
        for (const pseudo of ["", "::before", "::after"]) {
            const style = getComputedStyle(one, pseudo);
            const name = `${index} ${one.tagName} ${one.getAttribute("class") ?? ""}${pseudo}`;
            found[name] = [style.color, style.backgroundColor, style.fill, style.stroke, style.borderTopColor]
                .join(" ");
        }
    });
    return found;
}"""


@pytest.mark.parametrize("kind", PRINTED)
def test_print_is_dark_on_light(reader: Reader, kind: str) -> None:
    """Light letters would vanish where backgrounds are not printed."""
    with reader.open(kind) as page:
        page.page.emulate_media(media="print")
        assert page.js(_DARK_GROUND) == []
        assert page.js(_PALE) == []


@pytest.mark.parametrize("kind", PRINTED)
def test_print_does_not_depend_on_the_colour_scheme(reader: Reader, kind: str) -> None:
    """Neither computed colours nor the theme's custom properties, which drawings use."""
    with reader.open(kind) as page:
        page.page.emulate_media(media="print", color_scheme="light")
        light = page.js(_COLOURS)
        page.page.emulate_media(media="print", color_scheme="dark")
        dark = page.js(_COLOURS)
    assert len(light) > 50
    assert {name: (light[name], dark[name]) for name in light if light[name] != dark[name]} == {}


@pytest.mark.parametrize("kind", PRINTED)
def test_print_keeps_the_text_clear_of_the_navigation(reader: Reader, kind: str) -> None:
    with reader.open(kind) as page:
        page.page.emulate_media(media="print")
        heading = page.page.locator("h1").bounding_box()
        assert heading is not None
        for navigation in page.page.locator("nav").all():
            box = navigation.bounding_box()
            if box is None:
                continue  # not printed
            above = box["y"] + box["height"] <= heading["y"]
            assert above or box["y"] >= heading["y"] + heading["height"]
        assert page.page.locator("body > .skip").bounding_box() is None


# Links with the colour of the background, or with forced colours disabled.
_INVISIBLE_LINKS = """() => [...document.querySelectorAll("main a[href], nav a[href]")]
    .filter(one => one.checkVisibility() && !one.matches(".skip"))
    .filter(one => {
        const style = getComputedStyle(one);
        const ground = getComputedStyle(document.body).backgroundColor;
        return style.color === ground || style.forcedColorAdjust === "none";
    })
    .map(one => one.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["home", "article that strains", "tags", "not found", "login"])
def test_forced_colours_keep_links_and_buttons(reader: Reader, kind: str, scheme: Scheme) -> None:
    """The focus under forced colours is in test_keyboard."""
    with reader.open(kind, scheme=scheme, forced_colors=True) as page:
        assert page.js("matchMedia('(forced-colors: active)').matches")
        assert page.js(_INVISIBLE_LINKS) == []
        for button in page.page.get_by_role("button").all():
            style = button.evaluate("one => getComputedStyle(one).borderStyle")
            assert style != "none", "a button has no background: it needs a border"
