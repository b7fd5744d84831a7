"""How little it takes until a reader reads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route

from tests.browser.visits import KINDS, TEMPLATES, Reader
from tests.support.trees import Site

pytestmark = pytest.mark.browser

BUDGET = 40_000  # bytes of a page of text with its stylesheet, compressed
BOOK = 10_000  # words, half an hour of reading or more
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
# From the end of the page's text on: a parser on a busy machine may stop within a line, and lines grow
# as their words come. Also counts what came after a click; a page may not move even then.
_SHIFTS = """() => new Promise(done => {
    const whole = performance.getEntriesByType("navigation")[0].domInteractive;
    const count = one => { sum += one.startTime >= whole ? one.value : 0; };
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(count))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 50)));
})"""


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_stylesheet_and_the_mark_hold_the_first_paint_up_and_nothing_else(
    reader: Reader, crowded: Site, kind: str
) -> None:
    """The mark is who has logged in here: read before the paint, or the header would flicker. It is small."""
    with reader.kind(kind) as page:
        mark, sheet = sorted(page.js(_BLOCKING))
    assert re.fullmatch(r"/assets/member\.[0-9a-f]{8}\.js", mark)
    assert sheet.endswith(".css")
    file = crowded.files[mark]
    assert file.with_name(file.name + ".br").stat().st_size < 1000


@pytest.mark.parametrize("kind", ["home", "article", "article with diagrams", "login"])
def test_three_requests_are_enough_to_read(reader: Reader, kind: str) -> None:
    """The page is painted although nothing else ever arrives; when pictures come, nothing moves."""

    def answer(route: Route) -> None:
        first = route.request.resource_type in ("document", "stylesheet")
        if first or "/assets/member." in route.request.url:
            route.continue_()  # and nothing else, until the route is taken away

    page = reader.new_page()
    try:
        page.route("**/*", answer)
        page.goto(reader.base + KINDS[kind][0], wait_until="commit")
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
    """Pictures come when all text is there: the worst that a slow line does. Far ones come when near."""
    page, held = reader.new_page(), list[Route]()
    try:
        page.set_viewport_size({"width": width, "height": 900})
        page.route(re.compile(r"\.(avif|webp|png|jpe?g|gif|svg)$"), lambda route: held.append(route))
        page.goto(reader.base + KINDS[kind][0], wait_until="domcontentloaded")
        for one in held:
            one.continue_()
        page.unroute_all()
        page.wait_for_load_state("load")
        assert page.evaluate(_LAST_PICTURE) is True
        assert page.evaluate(_SHIFTS) == 0
    finally:
        page.context.close()


@pytest.mark.parametrize("which", ["crowded", "owners"])
def test_a_page_of_text_stays_within_the_budget(which: str, request: pytest.FixtureRequest) -> None:
    """HTML and stylesheet, as brotli sends them, without pictures. An author may write books."""
    site: Site = request.getfixturevalue(which)
    heavy = {}
    for url, page in site.pages.items():
        if sum(len(one.text.split()) for one in page.elements) > BOOK:
            continue
        sheets = [site.files[one.attrs["href"]] for one in page.all("link", rel="stylesheet")]
        twins = [file.with_name(file.name + ".br") for file in (page.file, *sheets)]
        if (size := sum(twin.stat().st_size for twin in twins)) > BUDGET:
            heavy[url] = size
    assert heavy == {}
