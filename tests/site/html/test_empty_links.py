"""Assistive technology announces a link by its text."""

from __future__ import annotations

import pytest

from pipelines.site.html.document_checks import check_structure
from tests.site.html.trees import run_pass


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('<a href="/y/"></a>', ["a link to /y/ has no text"]),
        ('<a href="/y/"> <b> </b></a>', ["a link to /y/ has no text"]),
        ('<a href="/y/"><img alt="" src="a"></a>', ["a link to /y/ has no text"]),
        ("<button></button>", ["a button has no text"]),
        ('<a href="/y/"><img alt="x" src="a"></a>', []),
        ('<a href="/y/" aria-label="x"></a>', []),
        ('<a href="/y/"><svg aria-label="x"></svg></a>', []),
        ('<a href="/y/">x</a>', []),
        ('<a id="y"></a>', []),
    ],
)
def test_a_link_without_text_is_an_error(written: str, found: list[str]) -> None:
    """The text of an image counts, an anchor is not a link."""
    findings = run_pass(written, check_structure)[1]
    assert findings == [("empty-link", text) for text in found]


def test_of_a_link_in_a_link_the_inner_one_counts() -> None:
    """HTML has no such nesting: parsers leave an empty link before the inner one."""
    written = '<p><a href="#x"><a href="/y/">y</a></a></p>'
    html, findings = run_pass(written, check_structure)
    assert html == '<p><a href="/y/">y</a></p>'
    assert findings == [("html-structure", "a link to #x has a link in it, which counts")]
