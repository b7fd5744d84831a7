"""Layout: pages fit narrow windows and large text, and controls are large enough."""

from __future__ import annotations

import pytest

from tests.browser.visits import PAGES, TEMPLATES, Reader, Visit

pytestmark = pytest.mark.browser

# Elements that overflow the right edge of the window, so that the page scrolls sideways.
_TOO_WIDE = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const wide = [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > root.clientWidth + 1)
        .map(one => one.outerHTML.slice(0, 80));
    return [`${root.scrollWidth} px in ${root.clientWidth}`, ...wide.slice(0, 8)];
}"""
# Controls under 24 by 24 px (WCAG 2.5.8), except links within a sentence and disabled controls.
_TOO_SMALL = """() => {
    const text = one => one.textContent.trim();
    const within = (one, holder) => holder && text(holder) !== text(one);
    return [...document.querySelectorAll("a[href], button, input, summary, select, textarea")]
        .filter(one => one.checkVisibility() && !one.disabled)
        .filter(one => getComputedStyle(one).display !== "inline")
        .filter(one => !within(one, one.closest("p, td, dd, li")))
        .map(one => [one, one.getBoundingClientRect()])
        .filter(([one, box]) => box.width < 24 || box.height < 24)
        .map(([one, box]) => `${one.outerHTML.slice(0, 80)}: ${box.width} x ${box.height}`);
}"""
# Links without a box large enough to click.
_UNCLICKABLE = """() => [...document.querySelectorAll("main a[href]")]
    .filter(one => one.checkVisibility())
    .filter(one => [...one.getClientRects()].every(box => box.width < 8 || box.height < 8))
    .map(one => one.outerHTML.slice(0, 80))"""


def enlarge(page: Visit, times: int) -> None:
    """Set a larger default font size, as in the settings of the browser."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 16 * times, "fixed": 13 * times}})
    session.detach()
    assert page.js("parseFloat(getComputedStyle(document.body).fontSize)") >= 16 * times


@pytest.mark.parametrize("kind", PAGES)
def test_the_page_never_scrolls_sideways(reader: Reader, kind: str) -> None:
    """At 320 px (WCAG 1.4.10), and with text at 200 % (1.4.4)."""
    found = {}
    with reader.open(kind, width=320) as page:
        found["320 px"] = page.js(_TOO_WIDE)
        for width in (640, 1280):
            page.page.set_viewport_size({"width": width, "height": 900})
            enlarge(page, 2)
            found[f"{width} px, text at 200 %"] = page.js(_TOO_WIDE)
        enlarge(page, 1)
    assert {size: wide for size, wide in found.items() if wide} == {}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_controls_are_large_enough_for_a_thumb(reader: Reader, kind: str) -> None:
    with reader.open(kind, width=320) as page:
        narrow = page.js(_TOO_SMALL)
        page.page.set_viewport_size({"width": 1440, "height": 900})
        assert (narrow, page.js(_TOO_SMALL), page.js(_UNCLICKABLE)) == ([], [], [])


def test_the_widest_screen_keeps_lines_readable(reader: Reader) -> None:
    """On 4K, a line of prose has at most 90 letters (WCAG 1.4.8 recommends 80)."""
    with reader.visit(f"{reader.base}/posts/post-1/", width=3840, height=2160) as page:
        letters = page.js(
            """() => {
                const text = [...document.querySelectorAll("main p")]
                    .map(one => one.lastChild).find(one => one?.data?.length > 200);
                const range = document.createRange();
                range.setStart(text, 0);
                for (let end = 1; end <= text.length; end++) {
                    range.setEnd(text, end);
                    if (range.getClientRects().length > 1) return end - 1;
                }
            }"""
        )
        assert 45 <= letters <= 90
