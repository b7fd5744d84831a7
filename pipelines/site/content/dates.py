"""Parse the dates of front matter.

The forms are those of YAML 1.1 timestamps and of ISO 8601 that generators of
sites write. Pure functions. No reads, no writes, no network, no clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

# https://yaml.org/type/timestamp.html, and times without seconds.
_DATE = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
    r"(?:(?:[Tt]|[ \t]+)(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?"
    r"(?:[ \t]*(?:(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?))?)?",
    re.ASCII,
)
# The basic format of ISO 8601: 20260501, 20260501T183000Z.
_BASIC = re.compile(
    r"(?P<date>\d{8})(?:[Tt](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?P<rest>[Zz]|[+-]\d{2,4})?)?",
    re.ASCII,
)
_MONTHS = "january february march april may june july august september october november december".split()
# What other generators and people write, for the hint alone: a day of it may be meant otherwise.
_OTHER_DATES = (
    re.compile(r"(?P<year>\d{4})[/._](?P<month>\d\d?)[/._](?P<day>\d\d?)(?P<rest>.*)", re.ASCII),
    re.compile(r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})(?P<rest>.*)", re.ASCII),
    re.compile(r"(?P<first>\d\d?)[/-](?P<second>\d\d?)[/-](?P<year>\d{4})(?P<rest>.*)", re.ASCII),
    re.compile(
        r"(?:[a-z]+,? )?(?P<name>[a-z]{3,9})\.? (?P<day>\d\d?)(?:st|nd|rd|th)?,? (?P<year>\d{4})(?P<rest>.*)",
        re.ASCII | re.IGNORECASE,
    ),
    re.compile(
        r"(?:[a-z]+,? )?(?P<day>\d\d?)(?:st|nd|rd|th|\.)? (?P<name>[a-z]{3,9})\.?,? (?P<year>\d{4})"
        r"(?P<rest>.*)",
        re.ASCII | re.IGNORECASE,
    ),
    re.compile(r"\[\[(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\]\](?P<rest>)", re.ASCII),  # Obsidian
    re.compile(r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)(?P<rest>.*)", re.ASCII),
)
_CLOCK = re.compile(
    r"[T, ]*(?:at )?(?P<hour>\d\d?):(?P<minute>\d\d)(?::\d\d)? *(?:(?P<half>[ap])\.?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?", re.ASCII)  # seconds or milliseconds since 1970, from 2001 to 2033
_FIX = "write it as 2026-05-01, 2026-05-01 18:30 or 2026-05-01 18:30 +02:00"
_YEARS = range(1970, 9999)  # an offset must not lead out of the range of datetime


class InvalidDate(ValueError):
    """A text that is not a date: (what is wrong, the fix)."""


def parse_date(value: str, zone: ZoneInfo) -> datetime:
    """Return *value* with its offset, or in *zone* without one; raise InvalidDate.

    The fraction of a second is dropped.
    """
    found = _DATE.fullmatch(_extended(value))
    try:
        if not found:
            raise ValueError
        numbers = (int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second"))
        moment = datetime(*numbers)  # type: ignore[arg-type]  # six integers
        offset = _offset(found)
    except ValueError:
        raise InvalidDate(*_problem(value)) from None
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


def _extended(value: str) -> str:
    """Return *value* in the extended format of ISO 8601 if it has the basic one."""
    if not (found := _BASIC.fullmatch(value)):
        return value
    day = found["date"]
    text = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    if found["hour"]:
        text += f"T{found['hour']}:{found['minute']}:{found['second'] or '00'}{found['rest'] or ''}"
    return text


def _problem(value: str) -> tuple[str, str]:
    """Return (what is wrong, the fix) of *value*, which is not a date."""
    if _EPOCH.fullmatch(value):
        moment = datetime.fromtimestamp(int(value[:10]), UTC)
        return "is a number of seconds, not a date", f"write {moment:%Y-%m-%d %H:%M}Z"
    if re.fullmatch(r"\d\d?:\d\d(?::\d\d)?", value, re.ASCII):
        return "is a time without a day", f"write the day before it, as in 2026-05-01 {value}"
    for form in _OTHER_DATES:
        if (found := form.fullmatch(value)) and (day := _day(found.groupdict())):
            time = _time(found["rest"])
            return "is not a date", _FIX if time is None else f"write {day}{time}"
    return "is not a date", _FIX


def _day(parts: dict[str, str | None]) -> str:
    """Return the day that *parts* of a date mean, as YYYY-MM-DD; "" where they are none, or ambiguous."""
    month = parts.get("month")
    day = parts.get("day")
    if name := parts.get("name"):
        month = next((str(n) for n, one in enumerate(_MONTHS, 1) if one.startswith(name.lower())), None)
    elif (first := parts.get("first")) and (second := parts.get("second")):  # May 1 or 5 January
        if int(first) <= 12 and int(second) <= 12 and first != second:
            return ""
        day, month = (first, second) if int(second) <= 12 else (second, first)
    try:
        return date(int(parts["year"] or 0), int(month or 0), int(day or 0)).isoformat()
    except ValueError:
        return ""


def _time(rest: str) -> str | None:
    """Return the time that *rest* of a date means, with a space before it; None where it is not clear."""
    found = _CLOCK.fullmatch(rest)
    if not found or int(found["minute"]) > 59:
        return None if rest.strip() else ""
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else 24
    return f" {hour:02}:{found['minute']}" if hour < 24 else None


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
