"""Fixtures: one browser and one site for all tests of this package.

The scope is the package and not the session: Playwright keeps an event loop running in the thread of the
tests, so that no other test could start its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.accounts import Accounts, run_accounts
from tests.browser.large_site import build_large_site
from tests.browser.visits import CHROMIUM_ARGUMENTS, ERROR_STATUSES, Reader
from tests.support import trees
from tests.support.static_server import serve_static
from tests.support.tools import need
from tests.support.trees import Site, require_package


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    program = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The small site with more content."""
    return build_large_site(tmp_path_factory.mktemp("large-site"))


@pytest.fixture(scope="package")
def base(large_site: Site) -> Iterator[str]:
    """The URL of the served large site."""
    with serve_static(large_site.out, ERROR_STATUSES) as address:
        yield address


@pytest.fixture(scope="package")
def reader(browser: Browser, base: str) -> Iterator[Reader]:
    """A reader of the large site."""
    reader = Reader(browser, base)
    yield reader
    reader.close()


@pytest.fixture(scope="package")
def owner_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this repository."""
    return trees.owner_site(tmp_path_factory)


@pytest.fixture(scope="package")
def owner_base(owner_site: Site) -> Iterator[str]:
    """The URL of the served site of this repository."""
    with serve_static(owner_site.out) as address:
        yield address


@pytest.fixture(scope="package")
def axe() -> str:
    """The source of axe-core."""
    return require_package("axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture(scope="package")
def accounts(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """A running site with login."""
    need("nginx")
    with run_accounts(browser, tmp_path_factory.mktemp("accounts")) as one:
        yield one
