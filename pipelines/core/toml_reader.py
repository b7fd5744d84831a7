"""Check a TOML file by the tables that are declared for it, and gather every fault with its line.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.setting import Table
from pipelines.core.validators import InvalidValue


def line_numbers(text: str) -> dict[tuple[str, int, str], int]:
    """Map (table, index in an array of tables, key) to its line; key "" is the header.

    ``tomllib`` keeps no positions. This reads headers and bare keys, one a line;
    any other way to write a key has no entry.
    """
    lines: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    table, index = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"""\s*(\[\[?)\s*([\w-]+(?:\.(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*\]""", line):
            table = re.sub(r"""["']""", "", header[2])
            index = counts.get(table, 0) if header[1] == "[[" else 0
            counts[table] = index + 1
            lines.setdefault((table, index, ""), number)
        elif key := re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line):
            lines.setdefault((table, index, key[1]), number)
    return lines


def toml_syntax_fault(name: str, error: tomllib.TOMLDecodeError) -> Fault:
    """Return *error* of tomllib in the file *name* as a fault with its line."""
    what, _, position = str(error).partition(" (at ")
    line = re.search(r"line (\d+)", position)
    return Fault(name, int(line[1]) if line else 0, f"is not TOML: {what}", "fix the syntax")


class TomlReader:
    """The rows of each table, their lines, and all faults of one file."""

    def __init__(self, text: str, name: str, tables: Mapping[str, Table]) -> None:
        """Parse *text*; raise SourceError when it is not TOML. Other faults go to ``faults``."""
        self.name = name
        self.lines = line_numbers(text)
        self.faults: list[Fault] = []
        self._tables = tables
        try:
            self._data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SourceError([toml_syntax_fault(name, error)]) from None
        except RecursionError:
            raise SourceError([Fault(name, 0, "is nested too deeply", "write flat lists")]) from None
        for table in self._data.keys() - tables.keys():
            if isinstance(self._data[table], (dict, list)):
                self.add_fault(table, 0, "", f"[{table}]: unknown table", suggest(table, tables))
            else:
                first = next(iter(tables.values())).header
                self.add_fault("", 0, table, f"{table}: must be in a table", f"move it below {first}")
        self.rows = {name: list(self._rows(table)) for name, table in tables.items()}

    def add_fault(self, table: str, index: int, key: str, text: str, fix: str) -> None:
        """Add a fault on the line of *key*, else of its table's header."""
        positions = ((table, index, key), (f"{table}.{key}", 0, ""), (table, index, ""), ("", 0, table))
        line = next((self.lines[one] for one in positions if one in self.lines), 0)
        self.faults.append(Fault(self.name, line, text, fix))

    def _rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """Yield the checked rows of *table*: one for a table, any number for an array."""
        found = self._data.get(table.name, [] if table.array else {})
        rows = found if table.array else [found]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.add_fault("", 0, table.name, f"{table.name}: not a table", f"write it as {table.header}")
            return
        for index, row in enumerate(rows):
            yield self._row(table, index, row)

    def _row(self, table: Table, index: int, row: dict[str, Any]) -> dict[str, Any]:
        """Return the value or the default of each key of *table*; leave out what has a fault."""
        inner = {key: value for key, value in row.items() if table.by_path and isinstance(value, dict)}
        own = {key: value for key, value in row.items() if key not in inner}
        values = self._chosen(table, table.name, table.header, index, own)
        for key, setting in table.settings.items():
            if key not in row and setting.required:
                add = f"add {key} = …" if table.name in self._data else f"add {table.header} with {key} = …"
                self.add_fault(table.name, index, "", f"{table.header} {key}: missing", add)
            elif key not in row:
                values[key] = setting.default
        if table.by_path:
            values[""] = tuple(
                (path, self._chosen(table, f"{table.name}.{path}", f'[{table.name}."{path}"]', 0, chosen))
                for path, chosen in inner.items()
            )
        return values

    def _chosen(
        self, table: Table, name: str, header: str, index: int, row: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the valid values of *row*, whose keys are those of *table*; *name* finds its lines."""
        for key in row.keys() - table.settings.keys():
            text = f"{header} {key}: unknown key"
            self.add_fault(name, index, key, text, suggest(key, table.settings))
        values: dict[str, Any] = {}
        for key, setting in table.settings.items():
            if key in row:
                try:
                    values[key] = setting.validator(row[key])
                except InvalidValue as error:
                    must, fix = error.args
                    self.add_fault(name, index, key, f"{header} {key}: {must}, not {row[key]!r}", fix)
        return values
