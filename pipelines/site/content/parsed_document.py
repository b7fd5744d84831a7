"""What a Markdown file gives by itself, in a form that the cache stores and later builds read.

The text is not part of it: a build reads that anyway. A date keeps its time zone, which
msgpack does not. No reads, no writes, no network.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from pipelines.core.errors import Fault
from pipelines.site.content.heading import Heading
from pipelines.site.content.metadata import Metadata

_Value = str | bool | int | tuple[str, ...] | None


class Moment(msgspec.Struct, frozen=True):
    """A date with its offset, or in a time zone."""

    text: str  # ISO 8601, without the offset
    zone: str  # of the tz database; "" for an offset
    offset: float  # seconds
    fold: int


class ParsedMetadata(msgspec.Struct, frozen=True, array_like=True):
    """The fields of Metadata, in its order."""

    title: str
    date: Moment | None
    modified: Moment | None
    slug: str
    author: tuple[str, ...]
    tags: tuple[str, ...]
    category: str
    status: str
    access: str
    series: str
    summary: str
    aliases: tuple[str, ...]
    image: str
    lang: str
    dialect: str
    url: str
    id: str
    extra: tuple[tuple[str, _Value | Moment], ...]
    lines: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]


class ParsedDocument(msgspec.Struct, frozen=True, array_like=True):
    """A Markdown file, without what Git and the clock add."""

    faults: tuple[Fault, ...]
    is_readable: bool  # its valid values suffice to check the text
    may_change: bool  # the date of its last change is that of Git, where it has none
    meta: ParsedMetadata
    kind: str
    gated: bool
    slug: str
    url: str
    body_start: int  # of the body, which is the rest of the text
    body_line: int
    heading: tuple[int, int] | None  # lines of the body that are its title

    def body(self, text: str) -> str:
        """Return the Markdown of the file *text*."""
        body = text[self.body_start :]
        return Heading("", 0, *self.heading).removed_from(body) if self.heading else body


_NAMES = tuple(one.name for one in fields(Metadata))


def pack_metadata(meta: Metadata) -> ParsedMetadata:
    """Return *meta* in the form that is stored."""
    values = {name: getattr(meta, name) for name in _NAMES}
    values["date"], values["modified"] = _pack(meta.date), _pack(meta.modified)
    values["extra"] = tuple((key, _pack(value)) for key, value in meta.extra)
    return ParsedMetadata(**values)


def unpack_metadata(packed: ParsedMetadata) -> Metadata:
    """Return the metadata that were packed."""
    values = {name: getattr(packed, name) for name in _NAMES}
    values["date"], values["modified"] = _unpack(packed.date), _unpack(packed.modified)
    values["extra"] = tuple((key, _unpack(value)) for key, value in packed.extra)
    return Metadata(**values)


def _pack(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    zone, text = value.tzinfo, value.replace(tzinfo=None, fold=0).isoformat()
    if isinstance(zone, ZoneInfo):
        return Moment(text, zone.key, 0.0, value.fold)
    return Moment(text, "", (value.utcoffset() or timedelta()).total_seconds(), value.fold)


def _unpack(value: Any) -> Any:
    if not isinstance(value, Moment):
        return value
    zone = ZoneInfo(value.zone) if value.zone else timezone(timedelta(seconds=value.offset))
    return datetime.fromisoformat(value.text).replace(tzinfo=zone, fold=value.fold)
