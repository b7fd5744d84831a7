"""The summary and the description of a page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.site.html.summary import plain_text, summary_html, truncate
from tests.site.html.fragments import faults, finish

steady = settings(derandomize=True, max_examples=150, deadline=None, database=None)


@pytest.mark.parametrize(
    ("summary", "expected", "description"),
    [
        ("plain & <b>bold</b>", "plain &amp; <b>bold</b>", "plain & bold"),
        ("a *b* `c`", "a <em>b</em> <code>c</code>", "a b c"),
        ('a [link](one.md "x > y") b', "a link b", "a link b"),
        ("costs $a^2$", "costs <math", "costs a2"),
        ("a <!-- b --> c", "a  c", "a c"),
        ("a *b*{: #x }", "a <em>b</em>", "a b"),
    ],
)
def test_a_summary_is_text_without_links_or_ids(summary: str, expected: str, description: str) -> None:
    """It is inside of a link, beside the summaries of other pages."""
    found = finish("Words.", summary)
    assert found.summary.startswith(expected)
    assert (found.description, re.findall(r"<a\b|id=", found.summary)) == (description, [])


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ("[a](nowhere.md)", ["3: links to content/posts/nowhere.md, which does not exist"]),
        ("a\n\nb", ["3: the summary is not one paragraph of text"]),
        ("- a\n- b", ["3: the summary is not one paragraph of text"]),
        ("## a", ["3: the summary is not one paragraph of text"]),
        ("![a](../images/a.png) b", ["3: the summary has an image"]),
        ("List<String>", ["3: <String> is not an HTML element of content: it is shown as text"]),
        ("$\\nosuch$", ["3: math uses the unknown TeX command \\nosuch"]),
        ("a &#1; b", ["3: has a character that is not allowed in a page (U+0001)"]),
    ],
)
def test_a_summary_that_is_not_one_paragraph_of_text_is_a_fault(summary: str, message: list[str]) -> None:
    """The fault names the line of the key."""
    assert faults("Words.", summary) == message


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ("One *two*.\n\nThree.", "One <em>two</em>."),
        ("## Part\n\nOne.", "One."),
        ("**One.**\n\nTwo.", "<strong>One.</strong>"),
        ("![a](../images/a.png)\n\nOne.", "One."),
        ('![a](../images/a.png "Cap")\n\nOne.', "One."),
        ("One ![a](../images/a.png) two.", "One  two."),
        ("> Quoted.\n\nOne.", "One."),
        ("- item\n\nOne.", "One."),
        ("- only\n- a list", ""),
        ("!!! note\n    Boxed.\n\nOne.", "One."),
        ("One[^1].\n\n[^1]: Foot.", "One."),
        ("- a list[^1]\n\n[^1]: Foot.", ""),
        ("[One](one.md) two.", "One two."),
    ],
)
def test_without_a_summary_the_first_paragraph_is_taken(body: str, summary: str) -> None:
    """A list, an admonition or a quotation does not summarize the page."""
    assert finish(body).summary == summary


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one two", 10, "one two"),
        ("one  two\nthree", 20, "one two three"),
        ("one two three", 10, "one two…"),
        ("one, two", 6, "one…"),
        ("沙漠" * 10, 10, "沙漠沙漠沙漠沙漠沙…"),
        ("", 5, ""),
    ],
)
def test_a_description_is_cut_between_words(text: str, limit: int, expected: str) -> None:
    """Search engines show about so much; some languages have no spaces to cut at."""
    assert truncate(text, limit) == expected
    assert len(expected) <= limit or limit > len(text)


@steady
@given(st.text(max_size=60))
def test_any_text_becomes_a_summary_without_links(html: str) -> None:
    """Any text becomes a summary without links, and a description of at most 50 characters."""
    found = summary_html(html)
    assert not re.search(r"<a[\s>]", found)
    assert len(truncate(plain_text(found), 50)) <= 50
