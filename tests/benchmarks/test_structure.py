"""The comparison with comrak finds a broken structure, and explains a deviation by design."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from benchmarks import structure
from pipelines.site.markdown.converter import convert_markdown
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE


def _html(source: str) -> str:
    return convert_markdown(source, "", "a.md", 1, dialect="commonmark").html


SOURCE = """\
# Title

- a
  - b
- c

    code

> | x | y |
> |---|---|
> | 1 | 2 |

1. one

   ```python
   print(1)
   ```
"""


def test_the_structure_of_our_pages_is_that_of_comrak() -> None:
    """A heading of the first level moves one down; code has colours; both are no difference."""
    found = structure.compare(SOURCE, _html(SOURCE))
    assert (found.differences, found.deviations) == ([], Counter())


@pytest.mark.parametrize(
    ("written", "broken", "line"),
    [
        ("<li>b</li>",                    "",                                     4),  # an item is gone
        ("<td>2</td>",                    "",                                     9),  # a cell is gone
        ("<td>2</td>",                    "<td>3</td>",                           9),  # of another text
        ("code",                          "cod",                                  7),  # code is not whole
        ("<blockquote>",                  "<div>",                                9),  # no quotation
        ("<h2",                           "<h3",                                  1),  # another level
        ("<ol>",                          '<ol start="2">',                      13),  # another number
    ],
)  # fmt: skip
def test_a_broken_structure_is_a_difference_in_its_line(written: str, broken: str, line: int) -> None:
    html = re.sub(rf' {SPAN_ATTRIBUTE}="[^"]*"', "", _html(SOURCE))
    assert written in html
    found = structure.compare(SOURCE, html.replace(written, broken, 1))
    assert [one.line for one in found.differences][:1] == [line]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ('!!! note "Title"\n    Text.\n',      "admonition"),
        ("An HTML page.\n\n*[HTML]: a\n",      "abbreviation"),
        ("A paragraph.\n{: .note}\n",          "attribute list"),
        ("1. a line\n   $$x$$\n   more\n",     "formula"),
        ("[[_TOC_]]\n\n## A\n",                "table of contents"),
        ("- [x] a\n  -\n",                     "task with a heading"),
    ],
)  # fmt: skip
def test_a_deviation_by_design_is_named(source: str, name: str) -> None:
    found = structure.compare(source, _html(source))
    assert (found.differences, found.deviations) == ([], Counter({name: 1}))
