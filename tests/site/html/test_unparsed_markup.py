"""Markup that a reader would see as text is a finding; text that only looks like it is not."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from pipelines.site.html.unparsed_markup import UnparsedMarkup, find_unparsed
from pipelines.site.markdown.converter import convert_markdown

PYTHON = "python-markdown"


def unparsed(html: str, dialect: str = PYTHON, source: str = "") -> list[UnparsedMarkup]:
    return find_unparsed(LexborHTMLParser(html, is_fragment=True), source, dialect)


def found(html: str, dialect: str = PYTHON, source: str = "") -> list[str]:
    return [one.text for one in unparsed(html, dialect, source)]


def found_in(body: str, dialect: str) -> list[str]:
    """Return the findings in the Markdown *body*."""
    return found(convert_markdown(body, "", "a.md", 1, dialect=dialect).html, dialect, body)


LEFT = [
    ("A {{ name }} here", "unparsed Jinja: '{{ name }}'"),
    ("A {% if x %} here", "unparsed Jinja: '{% if x %}'"),
    ("See {filename}a.md now", "unparsed link: '{filename}a.md'"),
    ("See [a](b.md) now", "unparsed link: '[a](b.md)'"),
    ("See ![a](b.png", "unparsed link: '![a](b.png'"),
    ("See [[a]] now", "unparsed link: '[[a]]'"),
    ("See [a][b] now", "unparsed link: '[a][b]'"),
    ("See [a] (https://b/) now", "unparsed link: '[a] (https://b/)'"),
    ("A **b** c", "unparsed emphasis: '**b**'"),
    ("A __b__ c", "unparsed emphasis: '__b__'"),
    ("A ~~b~~ c", "unparsed strike-through: '~~b~~'"),
    ("\n```python\nx", "unparsed code block: '```python'"),
    ("\n## A part", "unparsed heading: '## A part'"),
    ("We have:\n| a |\n|—|—|", "unparsed table: '|---|'"),
    ("A[^1] b", "unparsed footnote: '[^1]'"),
    ("A {: .b } c", "unparsed attribute list: '{: .b }'"),
    ("\n!!! note", "unparsed admonition: '!!! note'"),
    ("We know:\n$$\nx\n$$", "unparsed math: '$$'"),
    ("A &lt;!– b", "unparsed comment: '<!-- b'"),
    ("We need:\n- one\n- two", "unparsed list item: '- one'"),
    ("We need:\n1. one", "unparsed list item: '1. one'"),
    ("- one", "unparsed list item: '- one'"),
]


@pytest.mark.parametrize(("text", "message"), LEFT)
def test_leftovers_are_found_in_prose(text: str, message: str) -> None:
    """What Markdown or Jinja did not understand stands on the page as it was written."""
    assert found(f"<p>{text}</p>") == [message]


@pytest.mark.parametrize("text", [text for text, _ in LEFT])
@pytest.mark.parametrize("tag", ["code", "pre", "kbd", "samp"])
def test_leftovers_are_not_found_in_code(text: str, tag: str) -> None:
    """A page about Markdown must be able to show it."""
    assert found(f"<p>x <{tag}>\n{text}\n</{tag}> y</p>") == []


@pytest.mark.parametrize(
    "text",
    [
        "2 ** 3, a__b__c, snake_case and *",
        "An array a[0] and f(x)",
        "see [1] and (2)",
        "[sic] (and so on)",
        "a | b | c",
        "one - two\nthree -four",
        "born in\n2009. A year",
        "1. A title of a paragraph",
        "{ a } and {b}",
        "# one sign in a line",
        "#hashtag",
        "a ~ b ~~ c",
        "It costs\n$$ or $$$",
        "5 &lt; 6",
        "a - b\n  and --- c",
    ],
)
def test_prose_that_resembles_markup_is_allowed(text: str) -> None:
    """A check that cries wolf is switched off."""
    assert found(f"<p>x {text}</p>") == []


def test_a_list_of_titles_is_no_list_without_a_blank_line() -> None:
    """A post may be called "1. Beginning"; the templates put such titles on lines of their own."""
    body = "<ol>\n  <li><time>May</time>\n    <a href='/a/'>1. Beginning</a></li>\n</ol>\n<p>\n- by me</p>"
    assert found(body) == ["unparsed list item: '- by me'"]


def test_all_unparsed_markup_of_a_page_is_reported() -> None:
    """Not the first of each kind."""
    assert found("<p>{{ a }} and {{ b }}, [c][d] and [e][f]</p>") == [
        "unparsed Jinja: '{{ a }}'",
        "unparsed Jinja: '{{ b }}'",
        "unparsed link: '[c][d]'",
        "unparsed link: '[e][f]'",
    ]


def test_what_typography_changed_is_searched_for_as_it_was_typed() -> None:
    """The finding is on the line of the source."""
    [one] = unparsed("<p>[“a” – b…][c]</p>")
    assert (one.shown, one.typed) == ("[“a” – b…][c]", '["a" -- b...][c]')


@pytest.mark.parametrize("dialect", ["commonmark", PYTHON])
@pytest.mark.parametrize(
    "body",
    [
        "An array a[i][j], f(x)[0][1], and [^a-z]",
        "It costs $5-$10, or $5.",
        "\\* no list",
        "No \\*\\*emphasis\\*\\*, \\[a](b c), and &#91;a](b c)",
        "`{{ x }}`, `[^1]`, `[a](b c)` and `**`",
        "Stop!!! he said.\n\nWow !!! great",
        "a ~~ b ~~ c and 2 ** 3 ** 4",
        "Match **/*.js and **/*.ts.",
        "1986. A great year.",
        "- `payload` - the payload\n- **x** - y",
        "| # of writes | `a` - b |\n|---|---|\n| 1 | 2 |",
        "## A heading <!-- omit in toc -->\n\nText <!-- done -->.",
        "a | b | c and {x}",
        "#hashtag and #42",
        "C# and F#",
        "Use `<T>` and a\\_b.",
    ],
)
def test_what_a_reader_takes_for_text_is_no_finding(dialect: str, body: str) -> None:
    """Real documents have each of these; escaped characters are meant."""
    assert found_in(body, dialect) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("** Bold. ** Text", "unparsed emphasis: '** Bold. **'"),
        ("See [a](b c.md).", "unparsed link: '[a](b'"),
        ("##Heading", "unparsed heading: '##Heading'"),
        ("We know:\n\n$$\nx\n\ny\n$$", "unparsed math: '$$'"),
        ("{{ site.url }}/a", "unparsed Jinja: '{{ site.url }}'"),
        ("A claim[^1].", "unparsed footnote: '[^1]'"),
        ("[this post][]", "unparsed link: '[this post][]'"),
        ("| a | b |\n| --- |\n| 1 |", "unparsed table: '| --- |'"),
    ],
)
def test_what_commonmark_leaves_as_text_is_found(body: str, message: str) -> None:
    """Each of these stands in real documents, where its author sees it on no page."""
    assert [one for one in found_in(body, "commonmark") if one == message] == [message]


def test_brackets_without_a_similar_definition_may_be_text() -> None:
    """``[Slow][Serial]`` names tests in some projects; ``[a][specs]`` misses its definition by a letter."""
    source = "[Slow][Serial] [a][specs]\n\n[spec]: /x/"
    html = convert_markdown(source, "", "a.md", 1, dialect="commonmark").html
    assert [(one.shown, one.severity) for one in unparsed(html, "commonmark", source)] == [
        ("[Slow][Serial]", "warning"),
        ("[a][specs]", "error"),
    ]
