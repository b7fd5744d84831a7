"""Kinds of validators: each checks a value of a TOML file, and describes it as a JSON Schema.

No reads, no writes, no network.

Patterns keep to the regular expressions that Python and ECMA-262 share: editors
read them from the JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

JsonSchema = Mapping[str, Any]


class InvalidValue(Exception):
    """A value that its validator refuses: (what it must be, the fix)."""


class Validator(Protocol):
    """Returns the checked value, or raises InvalidValue."""

    schema: JsonSchema  # draft 7; accepts every value that the validator accepts, and perhaps more

    def __call__(self, value: Any, /) -> Any: ...


class Function:
    """A function as a validator."""

    def __init__(self, check: Callable[[Any], Any], schema: JsonSchema) -> None:
        self.check = check
        self.schema = schema

    def __call__(self, value: Any, /) -> Any:
        return self.check(value)


def described(schema: JsonSchema) -> Callable[[Callable[[Any], Any]], Function]:
    """Decorate a function with the JSON Schema of what it accepts."""
    return lambda check: Function(check, schema)


class Pattern:
    """Accept strings that match *regex* as a whole, and "" where it is *optional*."""

    def __init__(self, regex: str, must: str, fix: str, *, optional: bool = False) -> None:
        self.regex = f"(?:{regex}){'?' * optional}"
        self.must = must
        self.fix = fix
        self.optional = optional
        self.schema: JsonSchema = {"type": "string", "pattern": f"^{self.regex}$"}

    def __call__(self, value: Any, /) -> str:
        if self.optional and value == "":
            return ""
        if not re.fullmatch(self.regex, valid_text(value)):
            raise InvalidValue(self.must, self.fix)
        return str(value)


class PatternList:
    """Accept lists of *least* or more strings that match *regex* as a whole."""

    def __init__(self, regex: str, must: str, fix: str, *, least: int = 0) -> None:
        self.regex = regex
        self.must = must
        self.fix = fix
        self.least = least
        items = {"type": "string", "pattern": f"^(?:{regex})$"}
        self.schema: JsonSchema = {"type": "array", "items": items, "minItems": least}

    def __call__(self, value: Any, /) -> tuple[str, ...]:
        strings = valid_strings(value)
        if len(strings) < self.least or not all(re.fullmatch(self.regex, item) for item in strings):
            raise InvalidValue(self.must, self.fix)
        return strings


class Choice:
    """Accept the strings *names*."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.schema: JsonSchema = {"enum": list(names)}

    def __call__(self, value: Any, /) -> str:
        if value not in self.names:
            *first, last = (f'"{name}"' for name in self.names)
            rest = f"{', '.join(first)} or " if first else ""
            raise InvalidValue(f"must be {rest}{last}", "write one of them" if first else f"write {last}")
        return str(value)


class Number:
    """Accept integers from *low* to *high*, and the value *other*."""

    def __init__(self, low: int, high: int, *, other: int | str | None = None) -> None:
        self.low = low
        self.high = high
        self.other = other
        numbers: JsonSchema = {"type": "integer", "minimum": low, "maximum": high}
        self.schema = numbers if other is None else {"anyOf": [numbers, {"const": other}]}

    def __call__(self, value: Any, /) -> int | str:
        if not isinstance(value, bool):
            if isinstance(value, int) and self.low <= value <= self.high:
                return value
            if self.other is not None and value == self.other:
                return self.other
        other = "" if self.other is None else f", or {json.dumps(self.other)}"
        quoted = isinstance(value, str) and value.isdigit()
        fix = "write it without quotes" if quoted else "write a number in this range"
        raise InvalidValue(f"must be an integer from {self.low} to {self.high}{other}", fix)


_CONTROLS = r"\x00-\x1f\x7f-\x9f"


@described({"type": "string", "pattern": rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"})
def valid_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue("must be a string with text in it", 'write "…"')
    if re.search(f"[{_CONTROLS}]", value):
        raise InvalidValue("must be one line without control characters", "remove them")
    return value


@described({"type": "boolean"})
def valid_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("must be true or false", "write it without quotes")
    return value


def valid_strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValue("must be a list of strings", 'write ["one", "two"]')
    return tuple(value)
