"""Read the values of the keys that a site declares in [metadata.extra].

Pure functions. No reads, no writes, no network, no clock.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.site.content.dates import InvalidDate, parse_date

OwnValue = str | bool | int | datetime | tuple[str, ...] | None
# What a template gets where a page does not have the key.
_MISSING: dict[str, OwnValue] = {"text": "", "bool": False, "int": None, "date": None, "list": ()}
# https://yaml.org/type/bool.html, without y and n.
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class InvalidOwnValue(ValueError):
    """A value that does not have the declared type: (what is wrong, the fix)."""


def missing_value(kind: str) -> OwnValue:
    """Return the value of a key of the type *kind* on a page that does not have it."""
    return _MISSING[kind]


def own_value(value: str | tuple[str, ...], kind: str, zone: ZoneInfo) -> OwnValue:
    """Return *value* as *kind*, a type of [metadata.extra]; raise InvalidOwnValue."""
    if kind == "list":
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(" ".join(part.split()) for part in parts if part.strip())
    if not isinstance(value, str):
        raise InvalidOwnValue("must not be a list", "write one text")
    if kind == "text":
        return value
    plain = value.strip()
    if not plain:
        return _MISSING[kind]
    if kind == "bool":
        if plain.lower() not in _FLAGS:
            raise InvalidOwnValue(f"{plain!r} is not a bool", "write true or false")
        return _FLAGS[plain.lower()]
    if kind == "int":
        digits = plain.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
            raise InvalidOwnValue(f"{plain!r} is not an integer", "write digits, as in 12")
        return int(plain)
    try:
        return parse_date(plain, zone)
    except InvalidDate as error:
        what, fix = error.args
        raise InvalidOwnValue(f"{plain!r} {what}", fix) from None
