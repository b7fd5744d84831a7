"""A sample of pages of this repository's own site."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.accessibility import violations
from tests.browser.visits import Reader
from tests.support.trees import Page, Site

pytestmark = pytest.mark.browser


def home(site: Site) -> Page | None:
    return site.pages["/"]


def article(site: Site) -> Page | None:
    """Return the longest article."""
    found = [page for page in site.pages.values() if "article" in page.meta("og:type")]
    return max(found, key=lambda page: len(page.elements), default=None)


def diagrams(site: Site) -> Page | None:
    """Return the page with the most diagrams."""

    def count(page: Page) -> int:
        return sum("diagram" in one.attrs.get("class", "").split() for one in page.all("figure"))

    return max((page for page in site.pages.values() if count(page)), key=count, default=None)


def members(site: Site) -> Page | None:
    """Return a members' page that is not a list."""
    found = [page for url, page in site.pages.items() if url.startswith("/members/")]
    return max(found, key=lambda page: page.url.count("/"), default=None)


def listing(site: Site) -> Page | None:
    return site.pages.get("/posts/")


@pytest.mark.parametrize("choose", [home, article, diagrams, members, listing], ids=lambda one: one.__name__)
def test_a_sample_of_the_owners_pages_is_accessible(
    reader: Reader, owner_site: Site, owner_base: str, axe: str, choose: Callable[[Site], Page | None]
) -> None:
    """axe finds nothing, the console is empty, and the page does not scroll sideways."""
    page = choose(owner_site)
    if page is None:
        return  # the site has no such page
    with reader.visit(owner_base + page.url) as opened:
        assert violations(opened, axe) == []
        opened.page.set_viewport_size({"width": 320, "height": 900})
        assert opened.js("document.documentElement.scrollWidth") == 320
