"""A browser runs nothing that came of a text, whatever parser the build reads pages with."""

from __future__ import annotations

import random

from playwright.sync_api import Browser, Dialog

from pipelines.core.errors import SourceError
from pipelines.site.html.inspect import minify_page
from tests.site.html.test_sanitizer import published
from tests.support.markup import ALLOWED, FRAGMENTS

# What runs, loads a page or leads away, by the tree that the browser itself has built.
LOOK = """pages => pages.flatMap(page => {
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
    """Every text of the tables that may be published, and as many made of pieces, plain and minified."""
    dice = random.Random(7)
    made = []
    for text in [*ALLOWED, *("".join(dice.choices(FRAGMENTS, k=dice.randrange(2, 9))) for _ in range(2500))]:
        try:
            page = published(text)
        except SourceError:
            continue
        made += [page, minify_page(page)]
    return made


def test_a_browser_finds_nothing_that_runs(browser: Browser) -> None:
    """Its parser is the one that counts: the build reads pages with another one."""
    texts = pages()
    assert len(texts) > 2 * len(ALLOWED) + 400
    page = browser.new_page()
    said: list[str] = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    assert page.evaluate(LOOK, texts) == []
    for text in texts[: 2 * len(ALLOWED)]:
        page.set_content(text, wait_until="domcontentloaded")
    assert (said, page.url) == ([], "about:blank")
    page.close()
