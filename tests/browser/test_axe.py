"""No barrier that a machine can find, on any kind of page, in any of its looks."""

from __future__ import annotations

import pytest

from tests.browser.axes import violations
from tests.browser.visits import KINDS, Reader

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(reader: Reader, axe: str, kind: str) -> None:
    """Nor does the console say anything, nor is another host asked (see visit)."""
    with reader.kind(kind) as page:
        assert violations(page, axe) == []
