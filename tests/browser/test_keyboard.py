"""Keyboard access: every control is reachable in reading order, and shows the focus."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.visits import Reader, Visit

pytestmark = pytest.mark.browser

KINDS = (
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
# List the elements that Tab should reach, with the style of each without the focus.
_LIST = """() => {
    window.styleOf = one => {
        const style = getComputedStyle(one);
        return ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor", "backgroundColor",
            "color", "textDecorationLine", "transform"].map(name => style[name]).join(" ");
    };
    window.stops = [...document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex]")]
        .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());
    window.unfocused = window.stops.map(window.styleOf);
    return window.stops.map(one => one.outerHTML.slice(0, 100));
}"""
# The focused element, whether it shows the focus, and whether it is covered (WCAG 2.4.7 and 2.4.11).
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
        shows: index >= 0 && drawn && window.styleOf(one) !== window.unfocused[index],
        covered: !(top && (one.contains(top) || top.contains(one))),
    };
}"""


def walk(page: Visit) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the expected elements, and those that Tab reaches until it leaves the page."""
    expected = page.js(_LIST)
    reached = []
    for _ in range(len(expected) + 10):
        page.page.keyboard.press("Tab")
        if page.js("document.activeElement === document.body"):
            break
        reached.append(page.js(_STOP))
        if len(reached) > 1 and reached[-1]["index"] == 0:
            reached.pop()  # wrapped around
            break
    return expected, reached


@pytest.mark.parametrize("forced", [False, True], ids=["own colours", "forced colours"])
@pytest.mark.parametrize("kind", KINDS)
def test_tab_reaches_every_control_with_a_visible_focus(reader: Reader, kind: str, forced: bool) -> None:
    """In document order, with an outline of 2 px, and not covered."""
    with reader.open(kind, forced_colors=forced) as page:
        expected, reached = walk(page)
    assert [stop["html"] for stop in reached] == expected
    assert [stop["html"] for stop in reached if not stop["shows"]] == []
    assert [stop["html"] for stop in reached if stop["covered"]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_skip_link_comes_first_and_skips(reader: Reader, kind: str) -> None:
    with reader.open(kind) as page:
        skip = page.page.locator("a[href='#main-content']")
        assert (skip.bounding_box() or {"y": 0})["y"] < 0, "it must be above the page without the focus"
        page.page.keyboard.press("Tab")
        assert page.js("document.activeElement.hash") == "#main-content"
        box = skip.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        page.page.keyboard.press("Enter")
        page.page.keyboard.press("Tab")
        assert page.js("document.querySelector('main').contains(document.activeElement)")


def test_the_login_form_names_a_missing_field(reader: Reader) -> None:
    """aria-describedby ties the message to the field, which gets the focus. This test has no API."""
    with reader.visit(f"{reader.base}/account/login/") as page:
        page.page.get_by_role("button").first.click()
        assert page.js("document.activeElement.name") == "email"
        assert page.js("document.activeElement.getAttribute('aria-invalid')") == "true"
        described = page.js(
            "document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"
        )
        assert described == page.page.get_by_role("alert").inner_text() != ""
