"""The inventory of the tests."""

from __future__ import annotations

from functools import cache

from nodes.inventory import Inventory, parse_inventory
from tests.support.project import ROOT

TEXT = (ROOT / "tests" / "nodes" / "data" / "nodes.toml").read_text("utf-8")


@cache
def inventory() -> Inventory:
    """Return the inventory of tests/nodes/data."""
    return parse_inventory(TEXT)
