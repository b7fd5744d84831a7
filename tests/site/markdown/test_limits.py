"""No text stops a build: quadratic work has a limit, and large honest pages are below it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.content import front_matter
from pipelines.site.content.document import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html import inspect, postprocess
from pipelines.site.html.allowlist import HTML_ELEMENTS, REFUSED_ELEMENTS
from pipelines.site.html.dropped_markup import find_dropped_definitions
from pipelines.site.html.labels import Labels
from pipelines.site.html.links import LinkContext
from pipelines.site.markdown import limits
from pipelines.site.markdown.converted import Converted
from pipelines.site.markdown.converter import convert_markdown

PATH = "content/posts/a.md"


def converted(body: str) -> Converted:
    return convert_markdown(body, "", PATH, 5, dialect="python-markdown")


def fault(body: str) -> str:
    """Return the one fault of *body*, which starts on line 5 of its file."""
    with pytest.raises(SourceError) as caught:
        page(body)
    assert len(caught.value.faults) == 1
    return str(caught.value)


def page(body: str) -> str:
    """Convert *body*, and run everything behind it that reads its HTML; return that."""
    document = Document(
        PATH, "post", False, Metadata(title="T"), body, 5, "0" * 64, "a", "en", "/posts/a/", None, ""
    )
    around = LinkContext(urls={}, hidden={}, files=frozenset())
    done, findings = postprocess.postprocess(document, converted(body), around, lambda *_: "", Labels())
    if findings:
        raise SourceError(findings)
    html = f"<!DOCTYPE html><html lang=en><title>T</title><body><h1>T</h1>{done.html}"
    inspect.inspect_page(inspect.minify_page(html))
    return done.html


def table(columns: int, rows: int) -> str:
    return "\n".join(["|".join("a" * columns), "|".join("-" * columns), *(["b|c"] * rows)])


# A text on line 7, and what of it is too much. Without a limit most of them take minutes at this
# length, and some end the process. No fault may depend on a clock, so none is read here.
LARGE = 100_000
BRACKETS = "7: has too many unclosed [; "
INLINE = f"7: a text of {LARGE} characters has too much markup; "
TAGS = "7: has too many unclosed HTML tags; "
BLOCK = "has too many headings or definitions; "
SIBLINGS = "blocks, items or rows in one element; "
NESTED = "7: HTML elements are nested more than 100 deep; "
TOO_MUCH: dict[str, tuple[Callable[[int], str], str]] = {
    "brackets": (lambda n: "[" * n, BRACKETS),
    "images": (lambda n: "![" * (n // 2), BRACKETS),
    "brackets of lines": (lambda n: "[a\n" * (n // 3), BRACKETS),
    "nested links": (lambda n: "[" * (n // 5) + "](b)" * (n // 5), BRACKETS),
    "emphasis": (lambda n: "*a" * (n // 2), INLINE),
    "backticks": (lambda n: "`a" * (n // 2), INLINE),
    "dollars": (lambda n: "$a" * (n // 2), INLINE),
    "backslashes": (lambda n: "\\(" * (n // 2), INLINE),
    "quotation marks": (lambda n: '"' * n, INLINE),
    "hard breaks": (lambda n: "a  \n" * (n // 4), "has too much markup; "),
    "open tags": (lambda n: "<a " * (n // 3), TAGS),
    "open attributes": (lambda n: '<a b="\n' * (n // 7), TAGS),
    "headings": (lambda n: "# a\n" * (n // 4), BLOCK),
    "underlined": (lambda n: "a\n---\n" * (n // 6), BLOCK),
    "abbreviations": (lambda n: "*[a]: b\n" * (n // 8), BLOCK),
    "backticks in rows": (lambda n: "a|b\n-|-\n" + "`c|" * (n // 3), BLOCK),
    "abbreviations apart": (
        lambda n: "*[a]: b\n\n" * (n // 9),
        "7: 11111 abbreviations are too many for a page",
    ),
    "paragraphs": (lambda n: "a\n\n" * (n // 3), SIBLINGS),
    "items": (lambda n: "* a\n" * (n // 4), SIBLINGS),
    "rows": (lambda n: table(2, n // 8), SIBLINGS),
    "columns": (lambda n: table(n // 4, 2), "7: a table of 25000 columns; the limit is 1000; "),
    "cells": (lambda n: table(500, n // 8), "7: tables of 6251000 cells; the limit is 100000 a page; "),
    "notes": (lambda n: "[^a] " * (n // 5) + "\n\n[^a]: b", "7: footnote [^a] has 20000 references; "),
    "contents": (lambda n: "[TOC]\n\n" * (n // 7), "7: has [TOC] 14285 times; the limit is 10; "),
    "elements": (lambda n: "<div>" * (n // 5), NESTED),
    "elements of lines": (lambda n: "<div>\n" * (n // 6), NESTED),
    "elements closed": (lambda n: "<div/>" * (n // 6), NESTED),
    "elements in SVG": (lambda n: "<svg>" + "<div/>" * 2_000, NESTED),
    "groups": (lambda n: "<svg>" + "<g>" * 4_000, NESTED),
    "tables of HTML": (lambda n: "<table><tr><td>" * (n // 15), NESTED),
    "quotations": (lambda n: "* " * 20_000 + "a", "5: is nested too deeply; "),
    "quotations of signs": (
        lambda n: "> " * (n // 2),
        "7: quotations or lists are nested more ",
    ),
    "formula": (lambda n: "$$\n" + "a+" * (n // 2) + "\n$$", "the limit is 10000; "),
    "braces": (lambda n: "$" + "{" * 4000 + "a" + "}" * 4000 + "$", "7: math is nested too deeply; "),
    "roots": (lambda n: "$" + r"\sqrt" * 1900 + "a$", "7: math is nested too deeply; "),
    "characters": (lambda n: "a\n\n" * 10**6, "5: has 3000002 characters; the limit is 2097152; "),
}


# Just below each limit: none took more than 2.1 s of a processor. Here each must come to its end.
USED = " ".join(f"x{number}" for number in range(1_200))
BELOW: dict[str, str] = {
    "brackets":      "[" * 3_000,
    "nested links":  "[" * 1_000 + "a" + "](b)" * 1_000,
    "emphasis":      "*a" * 9_900,
    "backslashes":   "\\(" * 9_900,
    "open tags":     "<a " * 3_600,
    "headings":      "# a\n" * 3_100,
    "abbreviations": "".join(f"*[x{n}]: b\n" for n in range(1_200)) + "\n" + USED,
    "paragraphs":    "a\n\n" * 9_990,
    "rows":          table(4, 9_900),
    "columns":       table(1_000, 90),
    "notes":         "[^a] " * 990 + "\n\n[^a]: b",
    "elements":      "<div>" * 99 + "a" + "</div>" * 99,
    "quotations":    "> " * 100 + "a",
    "code":          "```python\n" + "a," * 2_700 + "\n```",
    "brackets of a page": r"\[" * 2_000,  # what finish.py searches
    "unclosed code": "a|b\n-|-\n" + "`c|d`\n" * 4_000,
}  # fmt: skip


EXPENSIVE = ("backslashes", "brackets", "columns", "headings", "notes", "open tags", "paragraphs", "rows")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in EXPENSIVE else ()) for name in BELOW]
)
def test_a_page_at_a_limit_comes_to_its_end(name: str) -> None:
    """No limit refuses it; unparsed markup, as of links in links, is another fault."""
    assert converted(BELOW[name]).html
    with suppress(SourceError):
        page(BELOW[name])


@pytest.mark.slow
def test_large_honest_pages_are_converted() -> None:
    """1 MB of text, a table of 2,000 rows, code of 20,000 lines, 2,000 definitions of links."""
    words = (
        'Words with *emphasis*, a [link](https://example.org/{0}), `code {0}` and "quotes" -- as text has.\n'
    )
    text = "\n".join((f"## Part {n}\n\n" if n % 20 == 0 else "") + words.format(n) for n in range(9_000))
    assert len(text) > 900_000
    assert page(text).count("<p>") == 9_000
    rows = "".join(f"| {n} | [a](https://example.org/{n}) | `b` | *c* | d |\n" for n in range(2_000))
    assert page(f"| a | b | c | d | e |\n|---|:--|--:|---|---|\n{rows}").count("<tr>") == 2_001
    code = "".join(f"def function_{n}(a: int) -> int:  # comment\n" for n in range(20_000))
    assert page(f"```python\n{code}```\n").count("# comment") == 20_000
    assert page(f"```\n{code}```\n").count("# comment") == 20_000
    links = "".join(f"* [{n}][v{n}]\n" for n in range(2_000)) + "\n"
    links += "".join(f"[v{n}]: https://example.org/compare/{n}...{n + 1}\n" for n in range(2_000))
    assert page(links).count("<a ") == 2_000


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("js", "a," * 50_000),
        ("csharp", "a\n" * 50_000 + "a"),
        ("autohotkey", "a" + "\n" * 50_000 + "a"),
        ("text", "a" * 100_000),
    ],
)
def test_code_that_no_lexer_reads_in_time_is_shown_plain(language: str, code: str) -> None:
    """The listing keeps its text, without colours."""
    html = re.sub(' data-at="[^"]*"', "", converted(f"```{language}\n{code}\n```\n").html)
    assert html == f'<div class="highlight"><pre><code>{code}\n</code></pre></div>'


def test_markup_in_code_counts_for_nothing() -> None:
    """Templates and generics in code nest no elements, and comments are no headings."""
    assert "List" in page("```text\n" + "List<String> <div> [ ` $\n# a\n" * 20_000 + "```")
    assert "List" in page(" ".join(["`List<String>`"] * 500))


def test_a_drawing_may_have_many_shapes() -> None:
    """An element of SVG that is closed by /> holds nothing."""
    shapes = '<svg viewBox="0 0 9 9">' + '<path d="M0 0"/><circle r="1" />' * 1_000 + "</svg>\n"
    assert page(f"<div>\n{shapes}</div>\n").count("<path") == 1_000


@pytest.mark.slow
def test_the_depth_of_the_caller_changes_nothing() -> None:
    """The preview converts from a thread, the build from a process: both must find the same."""

    def deep(levels: int, body: str) -> str:
        if levels:
            return deep(levels - 1, body)
        try:
            return converted(body).html
        except SourceError as error:
            return str(error)

    before = sys.getrecursionlimit()
    for count in range(60, 260, 9):
        body = "* " * count + "a"
        assert deep(0, body) == deep(400, body)
    assert sys.getrecursionlimit() == before


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_would_take_minutes_is_refused_with_its_line(name: str) -> None:
    """The limit is found before the work is done, and the next page is as if it had never begun."""
    good = "* a\n\n    b `c` [d](https://example.org/) $e$\n\n[^1]\n\n[^1]: f\n"
    before = converted(good)
    text, message = TOO_MUCH[name]
    assert message in fault("\n\n" + text(LARGE))
    assert converted(good) == before


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a@b.example,", 0),
        ("[a](b \"'", 1),
        ("<!--", 1),
        ("{{ a", 0),
        ("a <name>, ", 1),  # refused: 2,000 of them are text
    ],
)
def test_the_findings_of_a_large_page_take_linear_time(text: str, number: int) -> None:
    """Each would take minutes, if it searched the whole text."""
    body = text * (LARGE // len(text))
    done = convert_markdown(body, "", PATH, 5, dialect="commonmark")
    document = Document(PATH, "post", False, Metadata("T"), body, 5, "", "a", "en", "/a/", None, "")
    around = LinkContext(urls={}, hidden={}, files=frozenset())
    found = done.findings
    if not done.refused:
        _, found = postprocess.postprocess(document, done, around, lambda *_: "", Labels())
    assert len(set(found)) == number


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("![a](b)", 0),
        ("![a ![b](c)](d)", 3),
        ("[![a](b)](c)", 0),
        ("![a][b] ![c](d)", 0),
        ("![![a]", 0),
        ("](", 0),
    ],
)
def test_the_cost_of_images_is_their_length_in_others(text: str, cost: int) -> None:
    """The text of an image is parsed once more for each image around it."""
    assert limits.image_cost(text) == cost


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("between", [" ", "\n\n"])
def test_images_in_images_have_a_limit(between: str) -> None:
    """200 kB of them took 7 s in commonmark; 2,000 images beside each other are fine."""
    found = convert_markdown(
        ("![" * 90 + "](b)" * 90 + between) * 370, "", PATH, 5, dialect="commonmark"
    ).findings
    assert [one.text for one in found] == ["has too many images in the text of images"]
    many = convert_markdown("![a cat](b.png)\n\n" * 2_000, "", PATH, 5, dialect="commonmark")
    assert many.findings == ()


# Each is a page or a finding at 200 kB; none took more than 2 s of a processor in either dialect.
SIGNS = (
    *("[", "![", "](", "*", "_", "`", "<", "> ", "- ", "|", "$", "&", "~", "=", ":", "^", "\\", "{", "#"),
    *("[](", "[a](", "[^", "[a][", "](b)[", "**a* ", "`a ", "$a ", "<a ", "<!--", "&#", "==a", "a@a.", "1. "),
)


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
@pytest.mark.parametrize("sign", SIGNS)
def test_a_page_of_one_sign_comes_to_its_end(sign: str, dialect: str) -> None:
    """A limit that is missing is a test that does not end."""
    body = sign * (200_000 // len(sign))
    done = convert_markdown(body, "", PATH, 5, dialect=dialect)
    assert done.html or done.refused


@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
def test_thousands_of_unknown_languages_are_not_compared_with_all_names(dialect: str) -> None:
    """The first hundred are."""
    body = "".join(f"```pythn{number}\nx\n```\n\n" for number in range(300))
    found = convert_markdown(body, "", PATH, 5, dialect=dialect).findings
    assert len(found) == 300
    assert sum(one.fix.startswith("did you mean") for one in found) == 100


def test_an_item_that_is_not_nested_is_one_finding() -> None:
    """Each of a thousand equal items was reported on the lines of all, a million times."""
    body = "1. a\n   - b\n" * 100
    document = Document(PATH, "post", False, Metadata("T"), body, 5, "", "a", "en", "/a/", None, "")
    around = LinkContext(urls={}, hidden={}, files=frozenset())
    _, found = postprocess.postprocess(document, converted(body), around, lambda *_: "", Labels())
    assert len(found) < 500


def test_placeholders_are_not_nested() -> None:
    """A hundred of them are text, not a hundred levels of elements."""
    done = convert_markdown("Write <name> or List<String>.\n\n" * 500, "", PATH, 5, dialect="commonmark")
    assert done.findings == ()
    assert {*HTML_ELEMENTS, *REFUSED_ELEMENTS} <= limits.HTML_NAMES


def test_many_abbreviations_are_searched_for_once() -> None:
    """What defines them is taken out of the text once, and not once for each."""
    body = "".join(f"*[x{number}]: b\n" for number in range(4_000))
    assert len(list(find_dropped_definitions(body, ""))) == 4_000


@pytest.mark.parametrize(
    "text",
    [
        "---\ntags:\n" + "- a\n" * 40_000 + "---\n",
        "Title: a\n" + "    b\n" * 20_000,
        "---\na: " + "[" * 70_000,
    ],
)
def test_front_matter_has_a_limit(text: str) -> None:
    """Each of its values is searched for in the whole of it."""
    with pytest.raises(SourceError) as caught:
        front_matter.split_front_matter(text + "\n---\n" if text.endswith("[") else text, PATH)
    assert f"{PATH}:1: front matter has " in str(caught.value)
    assert "the limit is 65536" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cost"),
    [("", 0), ("[a]", 2), ("[a", 2), ("]a[", 1), ("[[a]]", 6), ("[a][b", 4), ("[" * 1_000, 500_500)],
)
def test_the_cost_of_brackets_is_their_distance(text: str, cost: int) -> None:
    assert limits.bracket_cost(text) == cost


def test_the_limits_are_documented(request: pytest.FixtureRequest) -> None:
    """An author who meets one finds it in the page on Markdown."""
    guide = (Path(request.config.rootpath) / "docs" / "markdown.md").read_text("utf-8")
    for limit in (
        *(limits.MAX_SIBLINGS, limits.MAX_TABLE_COLUMNS, limits.MAX_TABLE_CELLS),
        *(limits.MAX_FOOTNOTE_REFERENCES, limits.MAX_FORMULA, limits.MAX_NESTING),
    ):
        assert f"{limit:,}" in guide
