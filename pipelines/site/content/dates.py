"""Parse the dates of front matter.

The forms are those of YAML 1.1 timestamps and of ISO 8601 that generators of
sites write. A pure function. No reads, no writes, no network, no clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

# https://yaml.org/type/timestamp.html, and times without seconds.
_DATE = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
    r"(?:(?:[Tt]|[ \t]+)(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?"
    r"(?:[ \t]*(?:(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?))?)?",
    re.ASCII,
)
_FIX = "write it as 2026-05-01, 2026-05-01 18:30 or 2026-05-01 18:30 +02:00"
_YEARS = range(1970, 9999)  # an offset must not lead out of the range of datetime


class InvalidDate(ValueError):
    """A text that is not a date: (what is wrong, the fix)."""


def parse_date(value: str, zone: ZoneInfo) -> datetime:
    """Return *value* with its offset, or in *zone* without one; raise InvalidDate.

    The fraction of a second is dropped.
    """
    found = _DATE.fullmatch(value)
    try:
        if not found:
            raise ValueError
        numbers = (int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second"))
        moment = datetime(*numbers)  # type: ignore[arg-type]  # six integers
        offset = _offset(found)
    except ValueError:
        raise InvalidDate("is not a date", _FIX) from None
    if moment.year not in _YEARS:
        raise InvalidDate("is not within 1970 to 9998", "fix the year")
    if offset is not None:
        return moment.replace(tzinfo=offset)
    moment = moment.replace(tzinfo=zone)
    # A time in the gap of a clock change differs after a conversion to UTC and back.
    if moment.astimezone(UTC).astimezone(zone).replace(fold=0) != moment:
        fix = "the clocks skip it: choose another hour, or add the offset"
        raise InvalidDate(f"does not exist in {zone.key}", fix)
    return moment


def _offset(found: re.Match[str]) -> timezone | None:
    """Return the offset that *found* names, or None; raise ValueError for one of a day or more."""
    if found["utc"]:
        return UTC
    if not found["sign"]:
        return None
    minutes = int(found["minutes"] or 0)
    if minutes > 59:
        raise ValueError
    offset = timedelta(hours=int(found["hours"]), minutes=minutes)
    return timezone(-offset if found["sign"] == "-" else offset)
