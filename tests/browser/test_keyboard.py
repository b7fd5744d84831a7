"""Everything can be reached by keyboard, in the order of reading, and shows where one is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.visits import Reader, Visit

pytestmark = pytest.mark.browser

WALKED = (
    "home",
    "posts, second page",
    "article",
    "article that strains",
    "article with diagrams",
    "page with the scene, in German",
    "tags",
    "not found",
    "login",
    "forgotten password",
)
# Number what the tabulator should reach, and note how each looks when it is not focused.
_LIST = """() => {
    window.look = one => {
        const style = getComputedStyle(one);
        return ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor", "backgroundColor",
            "color", "textDecorationLine", "transform"].map(name => style[name]).join(" ");
    };
    window.stops = [...document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex]")]
        .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());
    window.plain = window.stops.map(window.look);
    return window.stops.map(one => one.outerHTML.slice(0, 100));
}"""
# Where the focus is, whether that shows, and whether anything lies over it (WCAG 2.4.7 and 2.4.11).
_STOP = """() => {
    const one = document.activeElement;
    const index = window.stops.indexOf(one);
    const style = getComputedStyle(one);
    const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const box = one.getClientRects()[0];
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 20));
    return {
        index,
        html: one.outerHTML.slice(0, 100),
        shows: index >= 0 && drawn && window.look(one) !== window.plain[index],
        covered: !(top && (one.contains(top) || top.contains(one))),
    };
}"""


def walk(page: Visit) -> tuple[list[str], list[dict[str, Any]]]:
    """Return what should be reached, and what the tabulator reaches, until it leaves the page."""
    expected = page.js(_LIST)
    reached = []
    for _ in range(len(expected) + 10):
        page.page.keyboard.press("Tab")
        if page.js("document.activeElement === document.body"):
            break
        reached.append(page.js(_STOP))
        if len(reached) > 1 and reached[-1]["index"] == 0:
            reached.pop()  # round to the beginning
            break
    return expected, reached


@pytest.mark.parametrize("forced", [False, True], ids=["own colours", "forced colours"])
@pytest.mark.parametrize("kind", WALKED)
def test_the_tabulator_reaches_everything_and_it_shows(reader: Reader, kind: str, forced: bool) -> None:
    """In the order of the text, with an outline of 2 px, and with nothing in front of it."""
    with reader.kind(kind, forced_colors=forced) as page:
        expected, reached = walk(page)
    assert [stop["html"] for stop in reached] == expected
    assert [stop["html"] for stop in reached if not stop["shows"]] == []
    assert [stop["html"] for stop in reached if stop["covered"]] == []


@pytest.mark.parametrize("kind", WALKED)
def test_the_skip_link_comes_first_and_skips(reader: Reader, kind: str) -> None:
    with reader.kind(kind) as page:
        skip = page.page.locator("a[href='#main-content']")
        assert (skip.bounding_box() or {"y": 0})["y"] < 0, "it hides above the page"
        page.page.keyboard.press("Tab")
        assert page.js("document.activeElement.hash") == "#main-content"
        box = skip.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        page.page.keyboard.press("Enter")
        page.page.keyboard.press("Tab")
        assert page.js("document.querySelector('main').contains(document.activeElement)")


def test_the_login_form_says_what_is_missing(reader: Reader) -> None:
    """By words that are tied to the field, which gets the focus; there is no API in this test."""
    with reader.visit(f"{reader.base}/account/login/") as page:
        page.page.get_by_role("button").first.click()
        assert page.js("document.activeElement.name") == "email"
        assert page.js("document.activeElement.getAttribute('aria-invalid')") == "true"
        described = page.js(
            "document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"
        )
        assert described == page.page.get_by_role("alert").inner_text() != ""
