"""What CommonMark nests or parses and Python-Markdown shows flat or as text is a finding."""

from __future__ import annotations

import random

import pytest

from pipelines.core.errors import Fault
from pipelines.site.markdown.converter import convert_markdown
from tests.site.html.fragments import outcome

FLAT = "list-indent"
TEXT = "unparsed-markup"


def found(body: str) -> list[Fault]:
    """Return the findings in the structure of *body*, which begins on line 1."""
    findings = convert_markdown(body, "", "a.md", 1, dialect="python-markdown").flat
    assert convert_markdown(body, "", "a.md", 1, dialect="commonmark").flat == ()
    return [*findings]


@pytest.mark.parametrize(
    ("body", "line", "what", "spaces"),
    [
        ("- a\n  - b\n  - c",                                 2, "a list item",  4),
        ("1. a\n\n   ```\n   x\n   ```\n\n2. b",              3, "code",         4),
        ("- a\n\n    - b\n      - c",                         4, "a list item",  8),
        ("- a\n\n  b\n\n  c",                                 3, "a paragraph",  4),
        ("- a\n\n  | b | c |\n  |---|---|\n  | d | e |",       3, "a table",      4),
        ("1. a\n\n   > b",                                    3, "a paragraph",  4),
        ("- a\n\n  ## b",                                     3, "a heading",    4),
        ("- a\n\n  $$\n  b\n  $$",                            3, "a formula",    4),
        ("- a\n\n      b",                                    3, "code",         8),
        ("- a\n    - b\n\n      c",                           4, "a paragraph",  8),
        ("> - a\n>   - b",                                    2, "a list item",  4),
        ("!!! note\n    - a\n      - b",                       3, "a list item",  8),
    ],
)  # fmt: skip
def test_a_block_that_is_not_nested_is_named_with_the_indent_it_needs(
    body: str, line: int, what: str, spaces: int
) -> None:
    """Python-Markdown wants four spaces for each level; CommonMark takes the width of the marker."""
    (one,) = found(body)
    assert (one.line, one.check, one.severity) == (line, FLAT, "warning")
    assert one.text.startswith(f"{what} is indented by ")
    assert one.fix == f"indent it by {spaces} spaces, or write dialect: commonmark"


@pytest.mark.parametrize(
    ("body", "line", "text"),
    [
        ("a\n- b\n- c",                     2, "unparsed list item: '- b'"),
        ("1) a\n2) b",                      1, "unparsed list item: '1) a'"),
        ("Term\n~ d",                         2, "unparsed list item: '~ d'"),
        ("a\n| b |\n|---|\n| c |",          3, "unparsed table: '|---|'"),
        ("a\nb\n===\n",                     1, "unparsed heading: 'a'"),
        ("a\n$$\nb\n$$",                    2, "unparsed formula: '$$'"),
        ("```\na",                          1, "unparsed code: '```'"),
        ("> [!TIP]\n> a",                   1, "unparsed alert: '> [!TIP]'"),
        ('??? note "a"\n    b',             1, "unparsed admonition: '??? note \"a\"'"),
        ("<div>\n\n- a\n\n</div>",          3, "unparsed Markdown in an HTML element: '- a'"),
        ("<div>\n\na\n\nb\n\n</div>",       3, "unparsed Markdown in an HTML element: 'a'"),
        ("<div>\n\na *b*\n\n</div>",        3, "unparsed Markdown in an HTML element: 'a *b*'"),
        ("a\n~~b~~",                        2, "unparsed strike-through: '~~b~~'"),
        ("a $`b`$ c",                       1, "unparsed formula: 'a $`b`$ c'"),
    ],
)  # fmt: skip
def test_a_block_that_is_shown_as_text_is_an_error(body: str, line: int, text: str) -> None:
    """A reader would see its signs."""
    (one,) = found(body)
    assert (one.line, one.text, one.check, one.severity) == (line, text, TEXT, "error")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("a ==b==", "mark"),
        ("a^2^", "superscript"),
        ("a :tada:", "emoji"),
        ("a\\\nb", "line break"),
        ("a \\~ b", "escape"),
    ],
)
def test_a_sign_that_a_reader_skips_is_a_warning(body: str, what: str) -> None:
    (one,) = found(body)
    assert one.text.startswith(f"unparsed {what}: ")
    assert (one.line, one.check, one.severity) == (1, TEXT, "warning")


@pytest.mark.parametrize(
    "body",
    [
        *("- a\n    - b\n", " * a\n * b\n", "a\n\n  - b\n", "```\n- a\n  - b\n```\n"),
        *("a\n\n    - b\n      - c", "- a\n\n        code\n", "- [ ] a\n- [x] b"),
        *("1. a\n\n    b\n\n    > c\n\n    ```\n    d\n    ```\n\n2. e", "`> [!NOTE]` and `~~a~~`"),
        *("    > [!NOTE]\n    ??? note\n", "```\na\n| b |\n|---|\n:tada: a^2^\n```", "<div>\n\na\n\n</div>"),
        *('<div markdown="1">\n\n- a\n\n    b\n\n## c\n\n</div>', "<pre>\n~~a~~\n\n- b\n</pre>"),
        *("x[^1]\n\n[^1]: a\n\n    - b\n    - c", "!!! note\n    - a\n    - b\n\n        c"),
        *("T\n:   d\n\n    e\n\n:   f", "a\n## b\nc\n> d\n\n---\n", "C:\\new\\table and 10:30:15"),
        *("a | b\n--|--\n~5 | c\n", "$a ^b^ \\~ c$", "> - a\n>     - b\n"),
    ],
)  # fmt: skip
def test_what_python_markdown_parses_or_code_shows_is_no_finding(body: str) -> None:
    """A page may mention markup, and may be indented as this dialect wants it."""
    assert found(body) == []


@pytest.mark.parametrize(
    "body", ["a\n- b", "a\n| b | c |\n|---|---|\n| d | e |", "```\na", "a ~~b~~", "!!! note\n\na"]
)
def test_a_line_has_one_finding(body: str) -> None:
    """What the checks of the HTML found is not found again."""
    _, faults = outcome(body)
    assert len({one.line for one in faults}) == len(faults)


def test_the_first_block_of_a_list_stands_for_the_others() -> None:
    """A list of a hundred items is one fault."""
    assert len(found("- a\n" + "  - b\n" * 100)) == 1
    assert len(found("- a\n\n" + "  b\n\n" * 100)) == 1


PIECES = (
    *(
        "- a",
        "  - b",
        "    - c",
        "1. d",
        "1) e",
        "> f",
        "> - g",
        "~ h",
        ": i",
        "Term",
        "```",
        "## j",
        "===",
        "---",
    ),
    *("| a | b |", "|---|---|", "| c | d | e |", "$$", "k $$l$$", "!!! note", "??? m", "    n", "> [!NOTE]"),
    *(
        "<div>",
        "</div>",
        '<div markdown="1">',
        "[^1]: o",
        "p[^1]",
        "*[q]: r",
        "[s]: t",
        "",
        "",
        "",
        "a\\",
        "\t- u",
    ),
    *("==w== :tada: x^2^ ~y~ ~~z~~", "<!-- x", "-->", "[TOC]", "{: .a}", "- [ ] t", "<pre>", "</pre>", "  v"),
)


@pytest.mark.parametrize("seed", range(4))
def test_no_mixture_of_blocks_ends_a_build(seed: int) -> None:
    """Two of them ended it with a traceback: a formula below an item, and a definition that ~ begins."""
    choose = random.Random(seed)  # the same texts in each run
    for _ in range(50):
        body = "\n".join(choose.choices(PIECES, k=choose.randint(2, 12)))
        for dialect in ("commonmark", "python-markdown"):
            outcome(body, dialect=dialect)
