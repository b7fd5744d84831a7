"""Digest the values that a result is made of, and record which ones it read.

Pure functions and values. No reads of files, no writes, no network.

A result is stored with its *reads*: the named inputs that its computation looked
at, each with the digest of what it found. The stored result stands as long as
every one of them still has that digest: a computation is a function of what it
reads, so the first difference could only follow from another read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta, tzinfo
from hashlib import blake2b
from pathlib import PurePath

from msgspec import Struct

Read = tuple[str, ...]  # a named input: ("site", "tagline"), ("template", "base.html")
SIZE = 12  # bytes of a digest of a read: 96 bits
MISSING = b"\0" * SIZE  # of an input that is not there


class Opaque(Exception):
    """A value that has no digest: a function, or an object of a type that is not known here."""


def digest_text(text: str) -> bytes:
    """Return the digest of *text*."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


def digest_parts(parts: Iterable[bytes | str]) -> bytes:
    """Return the digest of *parts*; the length of each counts, so that ("ab", "c") is not ("a", "bc")."""
    data = [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts]
    return blake2b(b"".join([b"%d:%b" % (len(one), one) for one in data]), digest_size=SIZE).digest()


def digest_value(value: object, special: Callable[[object], bytes | None] | None = None) -> bytes:
    """Return the digest of a plain *value*, of containers of such, or of what *special* knows.

    Raises Opaque for anything else.
    """
    if isinstance(value, str):  # the most frequent one
        return digest_text(f"{type(value).__name__} {value!s}")
    return digest_parts(_parts(value, special))


def _parts(value: object, special: Callable[[object], bytes | None] | None) -> Iterator[bytes | str]:
    if special is not None and (found := special(value)) is not None:
        yield from (b"=", found)
    elif value is None or isinstance(value, (bool, int, float)):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, str):
        yield from (b"s", type(value).__name__, str(value))  # Markup is not escaped again
    elif isinstance(value, bytes):
        yield from (b"b", value)
    elif isinstance(value, datetime):
        yield f"t {value.isoformat()} {value.tzinfo} {value.fold}"
    elif isinstance(value, (date, timedelta, tzinfo, PurePath)):
        yield f"{type(value).__name__} {value}"
    elif isinstance(value, (list, tuple)):
        yield f"[{len(value)}"
        for one in value:
            yield from _parts(one, special)
    elif isinstance(value, (set, frozenset)):
        yield f"{{{len(value)}"
        yield from sorted(digest_value(one, special) for one in value)
    elif isinstance(value, Mapping):
        yield f"({len(value)}"
        for key, one in value.items():
            yield from _parts(key, special)
            yield from _parts(one, special)
    elif (isinstance(value, Struct) or is_dataclass(value)) and not isinstance(value, type):
        yield type(value).__name__
        names = value.__struct_fields__ if isinstance(value, Struct) else [one.name for one in fields(value)]
        for name in names:
            if name != "line":  # of site.toml: no result shows it
                yield from _parts(getattr(value, name), special)
    else:
        raise Opaque(f"{type(value).__name__}")


class Recorder(Struct):
    """The reads of one computation, in their order."""

    digest_of: Callable[[Read], bytes]  # of the current value of a read; raises Opaque
    reads: dict[Read, bytes]
    opaque: str = ""  # the first read whose value has no digest: the result cannot be stored

    def record(self, read: Read) -> None:
        """Note that the computation reads *read*, also after one without a digest.

        The assets among them are published.
        """
        if read not in self.reads:
            try:
                self.reads[read] = self.digest_of(read)
            except Opaque as error:
                self.opaque = self.opaque or f"{' '.join(read)} is a {error}"


def changed_reads(reads: Mapping[Read, bytes], digest_of: Callable[[Read], bytes]) -> Iterator[Read]:
    """Yield the reads whose value has changed, in the order in which they were read."""
    for read, digest in reads.items():
        try:
            now = digest_of(read)
        except Opaque:
            now = MISSING
        if now != digest:
            yield read
