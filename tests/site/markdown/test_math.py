"""TeX becomes MathML, with the characters that its author means."""

from __future__ import annotations

import pytest

from pipelines.site.markdown.math import to_mathml


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
