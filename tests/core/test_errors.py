"""A suggestion is the name that was meant."""

from __future__ import annotations

import pytest

from pipelines.core.errors import suggest


@pytest.mark.parametrize(
    ("word", "known", "suggestion"),
    [
        ("rsut", ["rst", "rust"], "did you mean rust?"),  # rst is as near by difflib
        ("rus", ["rst", "rust"], "did you mean rust?"),
        ("zzz", ["b", "a"], "known: a, b"),
    ],
)
def test_swapped_letters_are_seen_before_others(word: str, known: list[str], suggestion: str) -> None:
    assert suggest(word, known) == suggestion
