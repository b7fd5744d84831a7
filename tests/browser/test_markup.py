"""Sanitized content runs nothing in a browser, whose parser differs from that of the build."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import Browser, Dialog

from pipelines.core.errors import SourceError
from pipelines.site.html.inspect import minify_page
from tests.site.html.test_sanitizer import published
from tests.support.markup import ALLOWED, FRAGMENTS

pytestmark = pytest.mark.browser

# Elements and attributes that run code, load a page or navigate, in the browser's own tree.
FIND_ACTIVE = """pages => pages.flatMap(page => {
  const found = [];
  for (const node of new DOMParser().parseFromString(page, "text/html").querySelectorAll("*")) {
    const name = node.localName.toLowerCase();
    if (["script", "iframe", "object", "embed", "base", "meta", "link", "style", "form", "template",
         "foreignobject"].includes(name)) found.push(`<${name}> in ${page}`);
    for (const {name: key, value} of node.attributes) {
      const plain = value.replace(/[\\x00-\\x20]/g, "").toLowerCase();
      if (/^on/i.test(key) || /^(style|srcdoc|action|formaction|ping)$/i.test(key)
          || /^(javascript|vbscript|data):/.test(plain)) found.push(`${name} ${key} in ${page}`);
    }
  }
  return found;
})"""


def pages() -> list[str]:
    """Return pages of each allowed text and of random fragments, plain and minified."""
    rng = random.Random(7)
    found = []
    for text in [*ALLOWED, *("".join(rng.choices(FRAGMENTS, k=rng.randrange(2, 9))) for _ in range(2500))]:
        try:
            page = published(text)
        except SourceError:
            continue
        found += [page, minify_page(page)]
    return found


def test_a_browser_finds_no_active_content(browser: Browser) -> None:
    """The browser's parser decides what runs."""
    texts = pages()
    assert len(texts) > 2 * len(ALLOWED) + 400
    page = browser.new_page()
    dialogs: list[str] = []

    def on_dialog(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", on_dialog)
    assert page.evaluate(FIND_ACTIVE, texts) == []
    for text in texts[: 2 * len(ALLOWED)]:
        page.set_content(text, wait_until="domcontentloaded")
    assert (dialogs, page.url) == ([], "about:blank")
    page.close()
