"""The site of this repository, whatever its author writes: a sample of its pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.axes import violations
from tests.browser.visits import Reader
from tests.support.trees import Page, Site

pytestmark = pytest.mark.browser


def home(site: Site) -> Page | None:
    return site.pages["/"]


def article(site: Site) -> Page | None:
    """The longest one."""
    found = [page for page in site.pages.values() if "article" in page.meta("og:type")]
    return max(found, key=lambda page: len(page.elements), default=None)


def diagrams(site: Site) -> Page | None:
    """The page that shows most of them."""

    def count(page: Page) -> int:
        return sum("diagram" in one.attrs.get("class", "").split() for one in page.all("figure"))

    return max((page for page in site.pages.values() if count(page)), key=count, default=None)


def members(site: Site) -> Page | None:
    """One that is no list."""
    found = [page for url, page in site.pages.items() if url.startswith("/members/")]
    return max(found, key=lambda page: page.url.count("/"), default=None)


def listing(site: Site) -> Page | None:
    return site.pages.get("/posts/")


@pytest.mark.parametrize("choose", [home, article, diagrams, members, listing], ids=lambda one: one.__name__)
def test_a_sample_of_the_owners_pages_is_without_fault(
    reader: Reader, owners: Site, owners_base: str, axe: str, choose: Callable[[Site], Page | None]
) -> None:
    """axe finds nothing, the console is silent, and the page never scrolls sideways."""
    page = choose(owners)
    if page is None:
        return  # this site has none
    with reader.visit(owners_base + page.url) as opened:
        assert violations(opened, axe) == []
        opened.page.set_viewport_size({"width": 320, "height": 900})
        assert opened.js("document.documentElement.scrollWidth") == 320
