"""Read the TOML between ``+++`` lines that Hugo and Zola write.

A pure function. No reads, no writes, no network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import NamedTuple

from pipelines.core.errors import Fault, SourceError
from pipelines.core.toml_reader import line_numbers, toml_syntax_fault

# tomllib takes time that grows with the square of the parts of a dotted key.
_LONG_KEY = re.compile(r"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){16}")


class TomlEntry(NamedTuple):
    """One key of the front matter."""

    key: str
    value: str | tuple[str, ...] | None  # None for a table, and for a list of lists or tables
    line: int


def toml_entries(block: str, name: str) -> list[TomlEntry]:
    """Return the keys of the TOML text *block*, whose first line is line 2 of the file *name*.

    Values become the texts that YAML front matter holds. Raises SourceError.
    """
    try:
        if found := _LONG_KEY.search(block):
            line = block.count("\n", 0, found.start()) + 2
            what = "a key has more than 16 parts"
            raise SourceError([Fault(name, line, what, "write `key = …`", "front-matter")])
        data = tomllib.loads(block)
    except tomllib.TOMLDecodeError as error:
        fault = toml_syntax_fault(name, error)
        text, fix = fault.text, fault.fix
        if re.search(r"^[A-Za-z][\w-]*:(?:[ \t]|$)", block, re.MULTILINE):
            fix = "write `key = …`, or --- for both +++ lines, as it looks like YAML"
        raise SourceError([Fault(name, fault.line + 1, text, fix, "front-matter")]) from None
    except (RecursionError, ValueError):  # nested too deeply; an integer of thousands of digits
        fix = "write texts and flat lists"
        raise SourceError([Fault(name, 1, "is not TOML that can be read", fix, "front-matter")]) from None
    lines = line_numbers(block)
    entries = []
    for key, value in data.items():
        entries.append(TomlEntry(key.strip().lower(), _value(value), _line_of(key, block, lines)))
    return entries


def _line_of(key: str, block: str, lines: Mapping[tuple[str, int, str], int]) -> int:
    """Return the line of the file that *key* is on; for a table, that of its first header or dotted key."""
    if found := lines.get(("", 0, key)):
        return found + 1
    dotted = re.search(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[.=]", block, re.MULTILINE)
    starts = [line for (table, _, _), line in lines.items() if table == key or table.startswith(f"{key}.")]
    if dotted:
        starts.append(block.count("\n", 0, dotted.start()) + 1)
    return min(starts, default=0) + 1


def _value(value: object) -> str | tuple[str, ...] | None:
    if not isinstance(value, list):
        return _text(value)
    items = tuple(text for item in value if (text := _text(item)) is not None)
    return items if len(items) == len(value) else None


def _text(value: object) -> str | None:
    """Return *value* as YAML front matter writes it; None for a table or a list."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, (str, int, float)) else None
