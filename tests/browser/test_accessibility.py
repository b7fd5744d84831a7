"""axe-core finds no violation on any kind of page, at each width and colour scheme."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import violations
from tests.browser.visits import PAGES, Reader

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", PAGES)
def test_axe_finds_nothing(reader: Reader, axe: str, kind: str) -> None:
    """The visit also fails on console messages and on requests to another host."""
    with reader.open(kind) as page:
        assert violations(page, axe) == []
