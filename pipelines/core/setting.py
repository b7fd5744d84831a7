"""Declare each key of a TOML file once, as a field of a frozen dataclass.

No reads, no writes, no network.

The parser, the reference table and the JSON Schema are derived from the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, NamedTuple

from pipelines.core.validators import Validator


class Setting(NamedTuple):
    """One key of a table."""

    key: str
    validator: Validator
    default: Any  # MISSING: the key is required
    doc: str  # Markdown, sentences

    @property
    def required(self) -> bool:
        return self.default is MISSING


class Table(NamedTuple):
    """One table, or an array of tables, with the keys that it may have."""

    name: str
    array: bool
    doc: str  # Markdown, sentences; "" where the keys say it
    settings: Mapping[str, Setting]
    by_path: bool = False  # tables in it, named by patterns of paths, may set the same keys

    @property
    def header(self) -> str:
        """Return the header as it is written: "[site]" or "[[menu]]"."""
        return f"[[{self.name}]]" if self.array else f"[{self.name}]"


def setting(validator: Validator, default: Any = MISSING, *, doc: str, table: str = "", key: str = "") -> Any:
    """Return a dataclass field that is *key* (default: its name) of *table*.

    *table* is left out in a dataclass that is a table itself (see ``nested``).
    """
    declared = {"validator": validator, "doc": doc, "table": table, "key": key}
    return field(default=default, metadata=declared)


def nested(table: str, rows: type, *, doc: str = "", array: bool = False) -> dict[str, Any]:
    """Return the metadata of a dataclass field that holds *table* as *rows*, or as a tuple of them."""
    return {"rows": rows, "doc": doc, "table": table, "array": array}


def declared(
    table: str, settings: Iterable[Setting], build: Callable[[dict[str, Any]], Any], *, doc: str
) -> dict[str, Any]:
    """Return the metadata of a dataclass field that *build* makes of *table*, which has *settings*.

    The row of ``TomlReader`` has the tables by path under the key "".
    """
    return {"table": table, "settings": tuple(settings), "build": build, "doc": doc}


def line_of(key: str = "") -> Any:
    """Return a dataclass field for the line of *key*, or of the table's header; 0 where it is unknown."""
    return field(default=0, compare=False, metadata={"line_of": key})


def tables_of(root: type) -> dict[str, Table]:
    """Return the tables that the fields of *root* declare, by name, in the order of the fields."""
    found: dict[str, Table] = {}
    for one in fields(root):
        name, doc = one.metadata["table"], one.metadata["doc"]
        if rows := one.metadata.get("rows"):
            declared = [_setting(column) for column in fields(rows) if "validator" in column.metadata]
            settings = {item.key: item for item in declared}
            found[name] = Table(name, one.metadata["array"], doc, settings)
        elif listed := one.metadata.get("settings"):
            found[name] = Table(name, False, doc, {item.key: item for item in listed}, by_path=True)
        else:
            table = found.get(name, Table(name, array=False, doc="", settings={}))
            item = _setting(one)
            found[name] = Table(name, table.array, table.doc, {**table.settings, item.key: item})
    return found


def _setting(one: Field[Any]) -> Setting:
    key = one.metadata["key"] or one.name
    return Setting(key, one.metadata["validator"], one.default, one.metadata["doc"])


def from_tables(
    root: type, rows: Mapping[str, list[dict[str, Any]]], lines: Mapping[tuple[str, int, str], int]
) -> dict[str, Any]:
    """Return the fields of *root* by name, from checked *rows* of each table.

    *lines* maps (table, index in an array of tables, key) to a line.
    """
    values: dict[str, Any] = {}
    for one in fields(root):
        name = one.metadata["table"]
        if kind := one.metadata.get("rows"):
            built = [_row(kind, name, index, row, lines) for index, row in enumerate(rows[name])]
            values[one.name] = tuple(built) if one.metadata["array"] else built[0]
        elif build := one.metadata.get("build"):
            values[one.name] = build(rows[name][0])
        else:
            values[one.name] = rows[name][0][one.metadata["key"] or one.name]
    return values


def _row(
    kind: type, table: str, index: int, row: dict[str, Any], lines: Mapping[tuple[str, int, str], int]
) -> Any:
    values: dict[str, Any] = {}
    for one in fields(kind):
        if "line_of" in one.metadata:
            values[one.name] = lines.get((table, index, one.metadata["line_of"]), 0)
        else:
            values[one.name] = row[one.metadata["key"] or one.name]
    return kind(**values)
