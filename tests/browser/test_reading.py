"""Every page reads completely without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.visits import TEMPLATES, Reader

pytestmark = pytest.mark.browser

FORMS = ("login", "login in place of a page", "forgotten password")
KEYS = ("new password", "address to confirm")  # need the key of a mail: test_account_mail.py
READ = [kind for kind in TEMPLATES if kind not in (*FORMS, *KEYS)]
_TEXT = "document.body.innerText"  # visible text only
# Text of <main> that is not visible, outside of closed <details>.
_HIDDEN = """() => [...document.querySelectorAll("main *")]
    .filter(one => !one.closest("details:not([open])") && one.namespaceURI.endsWith("xhtml"))
    .filter(one => [...one.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
    .filter(one => !one.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .map(one => one.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("kind", READ)
def test_a_page_reads_the_same_without_javascript(reader: Reader, kind: str) -> None:
    with reader.open(kind) as page:
        expected = page.js(_TEXT)
    with reader.open(kind, javascript=False) as page:
        assert page.js(_TEXT) == expected
        assert page.js(_HIDDEN) == []


def test_links_work_without_javascript(reader: Reader) -> None:
    with reader.visit(f"{reader.base}/", javascript=False) as page:
        page.page.locator("header nav a", has_text="Posts").click()
        assert page.page.url == f"{reader.base}/posts/"
        page.page.locator("main article a").first.click()
        assert page.page.locator("main h1").inner_text() != ""


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_says_that_it_needs_javascript(reader: Reader, kind: str) -> None:
    """Only the login does; a form without function would be worse."""
    with reader.open(kind, javascript=False) as page:
        assert "JavaScript" in page.js(_TEXT)
        assert page.page.locator("main form").filter(visible=True).count() == 0
    with reader.open(kind) as page:
        assert "JavaScript" not in page.js(_TEXT)
        assert page.page.locator("main form").filter(visible=True).count() == 1


def test_the_closed_details_open_without_javascript(reader: Reader) -> None:
    with reader.visit(f"{reader.base}/posts/rich/", javascript=False) as page:
        hidden = page.page.get_by_text("Hidden until it is wanted")
        assert not hidden.is_visible()
        page.page.locator("summary", has_text="More of it").click()
        assert hidden.is_visible()
