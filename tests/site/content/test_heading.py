"""A text that begins with a heading may have its title there."""

from __future__ import annotations

import pytest

from pipelines.site.content.heading import leading_heading


@pytest.mark.parametrize(
    ("body", "title", "lines"),
    [
        ("# A title\n\nText.\n", "A title", (0, 1)),
        ("## Second\n", "Second", (0, 1)),
        ("Second\n---\n", "Second", (0, 2)),
        ('<a id="old"></a>\n<a id="b"></a> <a name="c"></a>\n\n# A title\n', "A title", (3, 4)),
        ("\n\n  # A title ##\nText.\n", "A title", (2, 3)),
        ("A title\n=======\nText.\n", "A title", (0, 2)),
        ("<!-- a\nnote -->\n\n# A title\n", "A title", (3, 4)),
        ("# A *new* `__init__` [page](x.md) {#id .class}\n", "A new __init__ page", (0, 1)),
        ("# C#\n", "C#", (0, 1)),
        ("# \\*.py &amp; {{ x }} ~~y~~ a[i][j]\n", "*.py & {{ x }} ~~y~~ a[i][j]", (0, 1)),
        ("# ![Logo](a.svg)\n", "Logo", (0, 1)),
    ],
)
def test_the_heading_is_found_without_its_markup(body: str, title: str, lines: tuple[int, int]) -> None:
    found = leading_heading(body)
    assert found is not None
    assert (found.text, (found.first, found.last)) == (title, lines)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Text.\n\n# Later\n",
        "a <a id=x></a>\n\n# Later\n",
        "#Tag\n",
        "#\n",
        "    # Code\n",
        "- a\n===\n",
        "<!-- # A\n",
        "> # A\n",
        "# " + "[" * 1001,
    ],
)
def test_another_beginning_is_no_title(body: str) -> None:
    assert leading_heading(body) is None


def test_its_lines_become_empty_so_that_findings_keep_their_lines() -> None:
    found = leading_heading("\nA\n=\nText.\n")
    assert found is not None
    assert found.removed_from("\nA\n=\nText.\n") == "\n\n\nText.\n"
