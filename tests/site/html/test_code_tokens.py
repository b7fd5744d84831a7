"""Highlighted code that is set aside while a page is worked on: the page is the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from pipelines.core.errors import SourceError
from pipelines.site.html import code_tokens
from pipelines.site.markdown.converter import convert_markdown
from tests.site.html.fragments import outcome

CODE = '```python\nx = "a" if b < \'c\' else "&amp;"  # “d”\n\n\ny = [1]\n```\n'
PIECES = (
    CODE,
    "```python\n\n```\n",
    "```python\n \t\n```\n",
    '```python hl_lines="1" linenums="3"\na = """\n\nb"""\n```\n',
    "```python\na = '\u00a0'\n```\n",
    "```json\n{\"a\": [1, true, \"<b>\"]}\n```\n",
    "```text\n<b> & '\n```\n",
    "- item\n\n  ```bash\n  echo \"$HOME\" | grep 'a'\n  ```\n\n  [a](missing.md)\n",
    "> quote\n>\n> ```yaml\n> a: 'b'\n> ```\n>\n> [a](#missing)\n",
    "!!! note\n\n    ```python\n    x = 1\n    ```\n",
    "## Heading\n\n# Other\n",
    "Text with `code`, [a link](missing.md) and an ![image](missing.png).\n",
    "| a | b |\n|---|---|\n| `x` | y |\n",
    "text {{ jinja }} and **bold **\n",
    "<div markdown=\"1\">\n\n" + CODE + "\n</div>\n",
    "<textarea>\n",
    "</textarea>\n",
    "<select>\n\n",
    "<svg><foreignObject>\n\n",
    "</foreignObject></svg>\n",
    "<h2>\n\n" + CODE + "\n</h2>\n",
    "<details><summary>\n\n" + CODE + "\n</summary></details>\n",
    "<script>\n\n",
    "</script>\n",
    "<xmp>\n\n",
    "<style>\n\n",
    "an <a href=\"https://example.org\">unclosed link\n",
    "an <b>unclosed element\n",
    "<!-- a comment\n\n",
    "-->\n",
    "<table>\n\n",
    "<pre><code>a <span class=\"k\">b</span> c</code></pre>\n",
    "<pre><code>a <span class=\"k\" onclick=\"x\">b</span> <i>c</code></pre>\n",
    "<pre><code>a <span class=\"k\">&copy;</span></code></pre>\n",
    "&#xFDD0;code 0&#64976;x&#xfdd0;\ufdd0\n",
    "<code title=\"<code>&#xfdd0;code 0&#xfdd0;x&#xfdd0;</code>\">a</code>\n",
)  # fmt: skip


def in_both_ways(body: str, dialect: str) -> tuple[object, object]:
    """Return the page and its findings, and those of one whose code is not set aside."""

    def result() -> object:
        try:
            return outcome(body, dialect=dialect)
        except SourceError as error:  # of a text that exceeds a limit
            return error.faults

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_tokens, "set_aside", lambda html, source: (html, []))
        whole = result()
    return result(), whole


@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
def test_a_page_with_code_is_the_same(dialect: str) -> None:
    """Bytes, words, lines of findings: after each piece, and within it."""
    for piece in PIECES:
        done, whole = in_both_ways(f"{piece}\n{CODE}\nText and [a link](none.md).\n", dialect)
        assert done == whole


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=6),
    dialect=st.sampled_from(["commonmark", "python-markdown"]),
)
def test_a_page_of_any_pieces_is_the_same(pieces: list[str], dialect: str) -> None:
    """Raw HTML that is not closed makes something else of the code behind it."""
    done, whole = in_both_ways("\n".join(pieces), dialect)
    assert done == whole


@given(code=st.text(alphabet="ab01 \n\t\"'&<>=#$(){}[]:;.,\u00a0é\x0c\ufdd0", max_size=40))
def test_the_tokens_are_written_as_a_tree_writes_them(code: str) -> None:
    """Nothing parses what was set aside again."""
    body = f"```python\n{code}\n```\n"
    html = convert_markdown(body, "", "a.md", 1, dialect="commonmark").html
    light, parts = code_tokens.set_aside(html, body)
    for part in parts:
        tree = LexborHTMLParser(f"<pre><code>{part}</code></pre>", is_fragment=True)
        assert tree.html == f"<pre><code>{part}</code></pre>"
    assert re.sub("<[^>]*>", "", code_tokens.without_marks(light)) == re.sub("<[^>]*>", "", html)


def test_code_of_most_pages_is_set_aside() -> None:
    """Else nothing would be gained."""
    html = convert_markdown(CODE, "", "a.md", 1, dialect="commonmark").html
    light, parts = code_tokens.set_aside(html, CODE)
    assert "<span" not in light
    assert ["<span" in part for part in parts] == [True]
    assert code_tokens.are_code(LexborHTMLParser(light, is_fragment=True), 1)
