"""docs/markdown.md: what it says about each construct is what the build makes of it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.site.html.fragments import outcome
from tests.support.project import ROOT

# The second and further columns, by the header of a table -> their dialects.
DIALECTS = {"you get": "commonmark", "commonmark": "commonmark", "python-markdown": "python-markdown"}


class Example(NamedTuple):
    """Markdown, and the HTML that the page promises; ``…`` stands for anything."""

    line: int
    written: str
    expected: str
    dialect: str = "commonmark"
    check: str = ""  # of the finding, "" without one


def read_examples(text: str) -> list[Example]:
    """Return the examples: rows of the tables "you write / …", and pairs of blocks markdown / html."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    fences = [token for token in tokens if token.type == "fence"]
    pairs = [
        Example(first.map[0] + 1 if first.map else 0, first.content, second.content)
        for first, second in pairwise(fences)
        if (first.info, second.info) == ("markdown", "html")
    ]
    return sorted([*pairs, *_rows(tokens)])


def _rows(tokens: list[Token]) -> list[Example]:
    found = []
    cells: list[Token] = []
    dialects: list[str] = []
    for before, token in pairwise(tokens):
        if before.type in ("th_open", "td_open"):
            cells.append(token)
        elif token.type == "tr_close":
            if before.type == "th_close":
                names = [cell.content for cell in cells]
                dialects = [DIALECTS.get(name, "") for name in names[1:]] if names[0] == "you write" else []
            elif dialects:
                check = "" if dialects[-1] else cells[-1].content.strip("`")  # the column "check" is the last
                named = [*filter(None, dialects)]
                for dialect, cell in zip(named, cells[1:], strict=False):
                    own = check if dialect == named[-1] else ""
                    found += [one._replace(check=own) for one in _examples(cells[0], cell, dialect)]
            cells = []
    return found


def _examples(left: Token, right: Token, dialect: str) -> list[Example]:
    written, expected = (
        [part.content for part in cell.children or () if part.type == "code_inline"] for cell in (left, right)
    )
    assert len(expected) in (1, len(written)), left.content
    line = left.map[0] + 1 if left.map else 0
    return [
        Example(line, one.replace(r"\n", "\n"), expected[min(at, len(expected) - 1)], dialect)
        for at, one in enumerate(written)
    ]


def one_line(html: str) -> str:
    """Return *html* without white space around tags, and without the paragraph around a single line."""
    text = re.sub(r"\s*(<[^>]*>)\s*", r"\1", re.sub(r"\s+", " ", html.strip()))
    return re.sub(r"\A<p>((?:(?!<p>).)*)</p>\Z", r"\1", text)


EXAMPLES = read_examples((ROOT / "docs" / "markdown.md").read_text("utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line {example.line} {example.dialect}")
def test_each_example_becomes_what_the_page_says(example: Example) -> None:
    """The page stays true."""
    pattern = ".*?".join(map(re.escape, one_line(example.expected).split("…")))
    fragment, findings = outcome(example.written, dialect=example.dialect)
    made = one_line(fragment.html)
    assert re.fullmatch(pattern, made, re.DOTALL), f"{one_line(example.expected)}\n{made}"
    assert sorted({one.check for one in findings}) == [example.check] * bool(example.check)


def test_the_page_has_examples_in_tables_and_in_blocks() -> None:
    assert len(EXAMPLES) > 40
