"""The chart's README and schema match its values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.helm.docs import README, VALUES, value_rows, with_values_table
from tests.helm.render import CHART


def test_the_table_is_that_of_the_values() -> None:
    """If not: make chart-docs."""
    text = README.read_text("utf-8")
    assert with_values_table(text, VALUES.read_text("utf-8")) == text


def test_every_value_is_explained_and_in_the_schema() -> None:
    """And the schema has no value that does not exist."""
    found = list(value_rows(VALUES.read_text("utf-8")))
    assert [path for path, _, what in found if not what] == []
    schema = json.loads((CHART / "values.schema.json").read_text())
    refused = {"web.image.tag", "api.image.tag"}  # in the schema for a better error message
    known = set(leaves(schema, schema)) - refused - {"global"}
    assert {path for path, _, _ in found} == known


def leaves(schema: dict[str, Any], one: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of every value that the schema names."""
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].rpartition("/")[2]]
    inner = one.get("properties")
    if not inner or path.endswith("resources"):
        yield path
        return
    for name, value in inner.items():
        yield from leaves(schema, value, f"{path}.{name}".lstrip("."))
