"""Loading: few requests before the first paint, no layout shifts, a budget of bytes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route

from tests.browser.visits import PAGES, TEMPLATES, Reader
from tests.support.trees import Site

pytestmark = pytest.mark.browser

BUDGET = 40_000  # bytes of a page without images with its stylesheet, compressed
LONG_PAGE = 10_000  # words; longer pages are exempt
_PAINTED = """() => new Promise(done =>
    new PerformanceObserver(list => list.getEntriesByName("first-contentful-paint").length && done())
        .observe({ type: "paint", buffered: true }))"""
_BLOCKING = """performance.getEntriesByType("resource")
    .filter(one => one.renderBlockingStatus === "blocking").map(one => new URL(one.name).pathname)"""
_LAST_PICTURE = """async () => {
    for (const one of document.images) {
        one.scrollIntoView();
        await one.decode();
    }
    scrollTo(0, document.documentElement.scrollHeight);
    return [...document.images].every(one => one.naturalWidth > 0);
}"""
# Shifts after the end of parsing: on a busy machine a parser may pause within a line, which then grows.
# Counts shifts after a click, too.
_SHIFTS = """() => new Promise(done => {
    const whole = performance.getEntriesByType("navigation")[0].domInteractive;
    const count = one => { sum += one.startTime >= whole ? one.value : 0; };
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(count))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 50)));
})"""


@pytest.mark.parametrize("kind", TEMPLATES)
def test_only_the_stylesheet_and_the_member_script_block_rendering(
    reader: Reader, large_site: Site, kind: str
) -> None:
    """The script shows the member's name before the first paint, or the header would flicker. It is small."""
    with reader.open(kind) as page:
        script, sheet = sorted(page.js(_BLOCKING))
    assert re.fullmatch(r"/assets/member\.[0-9a-f]{8}\.js", script)
    assert sheet.endswith(".css")
    file = large_site.files[script]
    assert file.with_name(file.name + ".br").stat().st_size < 1000


@pytest.mark.parametrize("kind", ["home", "article", "article with diagrams", "login"])
def test_three_requests_are_enough_for_the_first_paint(reader: Reader, kind: str) -> None:
    """The page is painted without all other responses; when images arrive, nothing shifts."""

    def continue_first(route: Route) -> None:
        first = route.request.resource_type in ("document", "stylesheet")
        if first or "/assets/member." in route.request.url:
            route.continue_()  # all others wait for unroute

    page = reader.new_page()
    try:
        page.route("**/*", continue_first)
        page.goto(reader.base + PAGES[kind][0], wait_until="commit")
        page.evaluate(_PAINTED)
        page.wait_for_function("document.readyState !== 'loading'")
        page.unroute("**/*")
        page.wait_for_load_state("load")
        assert page.evaluate(_SHIFTS) == 0
    finally:
        page.context.close()


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("kind", ["article", "article that strains", "article with diagrams", "home"])
def test_nothing_shifts_while_a_page_loads(reader: Reader, kind: str, width: int) -> None:
    """Images arrive after all text, as on a slow connection. Lazy images load when scrolled to."""
    page, delayed = reader.new_page(), list[Route]()
    try:
        page.set_viewport_size({"width": width, "height": 900})
        page.route(re.compile(r"\.(avif|webp|png|jpe?g|gif|svg)$"), lambda route: delayed.append(route))
        page.goto(reader.base + PAGES[kind][0], wait_until="domcontentloaded")
        for one in delayed:
            one.continue_()
        page.unroute_all()
        page.wait_for_load_state("load")
        assert page.evaluate(_LAST_PICTURE) is True
        assert page.evaluate(_SHIFTS) == 0
    finally:
        page.context.close()


@pytest.mark.parametrize("which", ["large_site", "owner_site"])
def test_a_page_of_text_stays_within_the_budget(which: str, request: pytest.FixtureRequest) -> None:
    """HTML and stylesheet, brotli, without images. Very long pages are exempt."""
    site: Site = request.getfixturevalue(which)
    over_budget = {}
    for url, page in site.pages.items():
        if sum(len(one.text.split()) for one in page.elements) > LONG_PAGE:
            continue
        sheets = [site.files[one.attrs["href"]] for one in page.all("link", rel="stylesheet")]
        compressed = [file.with_name(file.name + ".br") for file in (page.file, *sheets)]
        if (size := sum(file.stat().st_size for file in compressed)) > BUDGET:
            over_budget[url] = size
    assert over_budget == {}
