"""TeX becomes MathML, with the characters that its author means."""

from __future__ import annotations

import pytest

from pipelines.site.markdown.math import to_mathml
from tests.site.html.fragments import outcome


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"\bigl\lfloor", "⌊"),
        (r"\Bigr\rceil",  "⌉"),
        (r"\bigl\{",      "{"),
        (r"\big\|",       "‖"),
        (r"\Bigl(",       "("),
    ],
)  # fmt: skip
def test_a_large_delimiter_is_its_character(tex: str, shown: str) -> None:
    """latex2mathml writes the command as text."""
    assert f">{shown}</mo>" in to_mathml(f"{tex} x", block=False)


def test_an_unknown_delimiter_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown TeX command \\lfoor"):
        to_mathml(r"\bigl\lfoor x", block=False)


DIALECTS = pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])


@DIALECTS
def test_a_formula_below_an_item_continues_its_text(dialect: str) -> None:
    """As in GitLab; it ended the build with a traceback."""
    html = outcome("- a\n$$\nw\n$$", dialect=dialect)[0].html
    assert html.count("<math") == (dialect == "commonmark")


@DIALECTS
def test_a_fence_of_math_is_a_formula(dialect: str) -> None:
    html = outcome("a\n\n```math\nw < v\n```\n", dialect=dialect)[0].html
    assert html.count('display="block"') == 1
