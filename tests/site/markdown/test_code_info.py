"""The first line of a fence, in the spellings of other tools."""

from __future__ import annotations

import pytest

from pipelines.site.markdown.highlight import CodeInfo
from pipelines.site.markdown.rules.code_info import parse_info


@pytest.mark.parametrize(
    ("written", "language", "title", "marked"),
    [
        ("python",                                "python", "",     ()),
        ('python title="a.py" hl_lines="2-4"',    "python", "a.py", (2, 3, 4)),
        ("js{1,3}",                               "js",     "",     (1, 3)),
        ("{1,3}",                                 "",       "",     (1, 3)),
        ("rust,no_run",                           "rust",   "",     ()),
        ("{.python .numberLines}",                "python", "",     ()),
        ("",                                      "",       "",     ()),
    ],
)  # fmt: skip
def test_a_fence_takes_the_options_of_other_tools(
    written: str, language: str, title: str, marked: tuple[int, ...]
) -> None:
    """A text from elsewhere shows its code as it did there."""
    assert parse_info(written) == CodeInfo(language, title, marked)
