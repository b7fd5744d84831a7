"""One browser and one site for all tests of this folder.

The scope is the folder, not the session: Playwright keeps an event loop running
in the thread of the tests, in which no other test could start its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.accounts import Accounts
from tests.browser.accounts import accounts as running
from tests.browser.crowded import crowded_site
from tests.browser.visits import ARGUMENTS, REFUSED, Reader
from tests.support.static_server import serve
from tests.support.tools import need
from tests.support.trees import Site, owner_site, require_package


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The small site with more posts in it."""
    return crowded_site(tmp_path_factory.mktemp("crowded"))


@pytest.fixture(scope="package")
def base(crowded: Site) -> Iterator[str]:
    """Where the crowded site is served."""
    with serve(crowded.out, REFUSED) as address:
        yield address


@pytest.fixture(scope="package")
def reader(browser: Browser, base: str) -> Iterator[Reader]:
    """Whoever visits the crowded site."""
    reader = Reader(browser, base)
    yield reader
    reader.close()


@pytest.fixture(scope="package")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this repository."""
    return owner_site(tmp_path_factory)


@pytest.fixture(scope="package")
def owners_base(owners: Site) -> Iterator[str]:
    """Where the site of this repository is served."""
    with serve(owners.out) as address:
        yield address


@pytest.fixture(scope="package")
def axe() -> str:
    """The source of axe-core."""
    return require_package("axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture(scope="package")
def accounts(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """A site that runs with its login."""
    need("nginx")
    with running(browser, tmp_path_factory.mktemp("accounts")) as one:
        yield one
