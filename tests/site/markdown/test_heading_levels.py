"""The first level is the title of the page: headings from the first of it on move one level down."""

from __future__ import annotations

import re

import pytest

from pipelines.site.markdown import heading_levels
from pipelines.site.markdown.converter import convert_markdown

DIALECTS = ["commonmark", "python-markdown"]


def outline(body: str, dialect: str) -> tuple[list[str], list[int], str, int]:
    """Return the tags of the headings, the lines of the findings, the table of contents, its sections."""
    made = convert_markdown(body, "", "a.md", 5, dialect=dialect)
    lines = [one.line for one in made.findings if one.check == "heading-level-1"]
    return (
        re.findall(r"<(h[1-6])", made.html),
        lines,
        " ".join(re.findall(r"#[\w-]+", made.toc)),
        made.sections,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("body", "tags", "lines", "toc", "sections"),
    [
        ("# A\n\n## B\n\n# C\n\n###### D", ["h2", "h3", "h2", "h6"], [5, 9], "#a #b #c", 2),
        ("A\n=\n\nB\n-", ["h2", "h3"], [5], "#a #b", 1),
        ("x\n\n<h1>A</h1>\n\n## B", ["h2", "h3"], [7], "#b", 1),
        ("## A\n\n### B", ["h2", "h3"], [], "#a #b", 1),
        ("## A\n\n### B\n\n# C\n\n## D", ["h2", "h3", "h2", "h3"], [9], "#a #b #c #d", 2),
        ("## A\n\n<h3>B</h3><h1>C</h1>\n\n## D", ["h2", "h3", "h2", "h3"], [7], "#a #d", 1),
        ("## A\n\nx <b>y</b>\n\n# B\n\n<h2>C</h2>", ["h2", "h2", "h3"], [9], "#a #b", 2),
        ("## A `<h1>`\n\n```html\n<h1>x</h1>\n```", ["h2"], [], "#a", 1),
    ],
)
def test_levels_below_the_first_follow_it(
    dialect: str, body: str, tags: list[str], lines: list[int], toc: str, sections: int
) -> None:
    """Table of contents and ids are those of the moved headings; each # has a finding on its line."""
    assert outline(body, dialect) == (tags, lines, toc, sections)


def test_code_has_no_heading() -> None:
    assert outline("<h1>A</h1>\n\n```html\n<h1>x</h1>\n```", "commonmark") == (["h2"], [5], "", 0)


def test_raw_headings_move_as_well() -> None:
    html = '<H1 class=a>x</H1><h5/><h6>y</h6><hr><h10>"h1"'
    assert heading_levels.demote_raw(html) == '<H2 class=a>x</H2><h6/><h6>y</h6><hr><h10>"h1"'
