"""The site's own facts, read from site.toml into frozen, checked values.

Reads site.toml. No writes, no network, no environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.errors import Fault, SourceError, suggest

FILE = "site.toml"


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One link of the header or the footer."""

    label: str
    path: str  # site-absolute, as in "/posts/"
    line: int = field(default=0, compare=False)  # of site.toml


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What site.toml says."""

    name: str
    url: str  # absolute, no trailing slash
    tagline: str
    author: str
    lang: str  # BCP 47; the language of pages that name none
    timezone: str  # IANA name, for dates that are written without an offset
    login: bool  # False: no login page, no members' tree, no API
    menu: tuple[MenuItem, ...]
    footer: tuple[MenuItem, ...]
    feed_authority: str  # taggingEntity of RFC 4151: "domain,date"
    security_contact: tuple[str, ...]  # URIs (RFC 9116, section 2.5.3)
    metadata_extra: tuple[str, ...]  # further front matter keys
    less_compiler: str  # "lesscpy" or "lessc"
    registry: str  # where images are kept: host and path, without a tag; "" for none


class _Wrong(Exception):
    """A value that does not fit; carries the fault and the remedy."""


Check = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("is not a text", 'write it as "…", not empty')
    if re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise _Wrong("holds a line break or a control character", "write it in one line")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is neither true nor false", "write true or false, without quotes")
    return value


def _url(value: Any) -> str:
    if not re.match(r"https?://", _text(value)):
        raise _Wrong("is not an absolute URL", 'write it as "https://example.org"')
    if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", value):
        remedy = 'write scheme and host only, in lower case, as in "https://example.org"'
        raise _Wrong("is more than scheme and host", remedy)
    return str(value)


def _language(value: Any) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", _text(value)):
        raise _Wrong("is not a language tag", 'write it as "en" or "de-AT" (BCP 47)')
    return str(value)


def _timezone(value: Any) -> str:
    try:
        ZoneInfo(_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _Wrong("is not a time zone", 'write an IANA name, as in "Europe/Berlin"') from None
    return str(value)


def _path(value: Any) -> str:
    if not re.fullmatch(r"/(?!/)[^\s]*", _text(value)):
        raise _Wrong("is not a path of this site", 'write it as "/posts/"')
    return str(value)


def _authority(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*,\d{4}(-\d\d(-\d\d)?)?", _text(value)):
        raise _Wrong("is not a tagging entity", 'write it as "example.org,2026" (RFC 4151)')
    return str(value)


def _contacts(value: Any) -> tuple[str, ...]:
    uris = _texts(value)
    if not uris or not all(re.match(r"(mailto:|https://|tel:)\S+$", uri) for uri in uris):
        raise _Wrong("is not a list of URIs", 'write ["mailto:security@example.org"] (RFC 9116)')
    return uris


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong("is not a list of texts", 'write it as ["one", "two"]')
    return tuple(value)


# Attributes of a page that Pelican, the build or the templates set: a key of that name would win.
_TAKEN = frozenset(
    (
        *("access", "aliases", "author", "authors", "category", "content", "cover", "date", "date_format"),
        *("description", "entry", "filename", "gated", "get_content", "image", "lang", "locale", "mark"),
        *("locale_date", "locale_modified", "metadata", "minutes", "modified", "next_article", "path"),
        *("prev_article", "private", "related", "relative_source_path", "save_as", "series"),
        *("series_name", "settings", "slug", "source_path", "status", "summary", "tags", "template"),
        *("timezone", "title", "toc", "translations", "url"),
    )
)


def _names(value: Any) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in _texts(value)):
        raise _Wrong("has a name that no key can have", "use a-z, 0-9 and _ only")
    if taken := sorted(_TAKEN & set(value)):
        raise _Wrong(f"has {taken[0]!r}, which every page has", "take another name")
    return tuple(value)


def _compiler(value: Any) -> str:
    if value not in ("lesscpy", "lessc"):
        raise _Wrong("is not a LESS compiler known here", 'write "lesscpy" or "lessc"')
    return str(value)


# Host, perhaps a port, a path in lower case (OCI distribution-spec, "Pulling manifests").
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(rf"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{{1,5}})?(?:/{_NAME})+")


def _registry(value: Any) -> str:
    if value == "":
        return ""
    if not _REGISTRY.fullmatch(_text(value)):
        remedy = 'write host and path, as in "registry.example.org/me/site", or "" for none'
        raise _Wrong("is not a place in a registry", remedy)
    return str(value)


_REQUIRED = object()

# table -> key -> (check, default); a table in _LISTS is an array of tables.
_SCHEMA: dict[str, dict[str, tuple[Check, Any]]] = {
    "site": {
        "name": (_text, _REQUIRED),
        "url": (_url, _REQUIRED),
        "tagline": (_text, _REQUIRED),
        "author": (_text, _REQUIRED),
        "lang": (_language, "en"),
        "timezone": (_timezone, "UTC"),
        "login": (_flag, True),
    },
    "menu": {"label": (_text, _REQUIRED), "path": (_path, _REQUIRED)},
    "footer": {"label": (_text, _REQUIRED), "path": (_path, _REQUIRED)},
    "feed": {"authority": (_authority, _REQUIRED)},
    "security": {"contact": (_contacts, _REQUIRED)},
    "metadata": {"extra": (_names, ())},
    "build": {"less_compiler": (_compiler, "lesscpy")},
    "images": {"registry": (_registry, "")},
}
_LISTS = frozenset({"menu", "footer"})


def _places(text: str) -> dict[tuple[str, int, str], int]:
    """Map (table, index in an array of tables, key) to its line; key "" is the header.

    ``tomllib`` keeps no positions. This reads headers and bare keys, which is
    all that this file holds; what it cannot place gets line 0.
    """
    places: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    table, index = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            table = header[2]
            index = counts.get(table, 0) if header[1] == "[[" else 0
            counts[table] = index + 1
            places.setdefault((table, index, ""), number)
        elif key := re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line):
            places.setdefault((table, index, key[1]), number)
    return places


def toml_fault(name: str, error: tomllib.TOMLDecodeError) -> Fault:
    """Return what tomllib says of the file *name* as a fault with its line."""
    what, _, place = str(error).partition(" (at ")
    line = re.search(r"line (\d+)", place)
    return Fault(name, int(line[1]) if line else 0, f"is not TOML: {what}", "mend it")


class _Reading:
    """Checks one file and gathers every fault before it speaks."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.places = _places(text)
        self.faults: list[Fault] = []
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SourceError([toml_fault(name, error)]) from None
        except RecursionError:
            raise SourceError([Fault(name, 0, "is nested too deeply", "write flat lists")]) from None

    def blame(self, table: str, index: int, key: str, text: str, remedy: str) -> None:
        places = ((table, index, key), (table, index, ""), ("", 0, table))
        line = next((self.places[place] for place in places if place in self.places), 0)
        self.faults.append(Fault(self.name, line, text, remedy))

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the checked rows of *table*: one for a table, any number for an array."""
        found = self.data.get(table, [] if table in _LISTS else {})
        rows = found if table in _LISTS else [found]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            form = f"[[{table}]]" if table in _LISTS else f"[{table}]"
            self.blame("", 0, table, f"{table!r} is not a table", f"write it as {form}")
            return
        for index, row in enumerate(rows):
            yield self.row(table, index, row)

    def menu(self, table: str, rows: list[dict[str, Any]]) -> tuple[MenuItem, ...]:
        lines = [self.places.get((table, index, "path"), 0) for index in range(len(rows))]
        return tuple(MenuItem(**row, line=line) for row, line in zip(rows, lines, strict=True))

    def row(self, table: str, index: int, row: dict[str, Any]) -> dict[str, Any]:
        schema = _SCHEMA[table]
        for key in row.keys() - schema.keys():
            self.blame(table, index, key, f"unknown key {key!r} in [{table}]", suggest(key, schema))
        values: dict[str, Any] = {}
        for key, (check, default) in schema.items():
            if key not in row:
                values[key] = default
                if default is _REQUIRED:
                    known = table in self.data
                    remedy = f"add {key} = … under it" if known else f"add [{table}] with {key} = …"
                    self.blame(table, index, "", f"[{table}] has no {key}", remedy)
                continue
            try:
                values[key] = check(row[key])
            except _Wrong as wrong:
                what, remedy = wrong.args
                self.blame(table, index, key, f"{key} {what}: {row[key]!r}", remedy)
        return values


def parse(text: str, name: str = FILE) -> SiteConfig:
    """Check the text of a site.toml; raise SourceError with every fault at once."""
    reading = _Reading(text, name)
    for table in reading.data.keys() - _SCHEMA.keys():
        if isinstance(reading.data[table], (dict, list)):
            reading.blame(table, 0, "", f"unknown table [{table}]", suggest(table, _SCHEMA))
        else:
            reading.blame("", 0, table, f"{table!r} stands outside of a table", "move it below [site]")
    rows = {table: list(reading.rows(table)) for table in _SCHEMA}
    if reading.faults:
        raise SourceError(reading.faults)
    site = rows["site"][0]
    return SiteConfig(
        **site,
        menu=reading.menu("menu", rows["menu"]),
        footer=reading.menu("footer", rows["footer"]),
        feed_authority=rows["feed"][0]["authority"],
        security_contact=rows["security"][0]["contact"],
        metadata_extra=rows["metadata"][0]["extra"],
        less_compiler=rows["build"][0]["less_compiler"],
        registry=rows["images"][0]["registry"],
    )


def load(project: Path) -> SiteConfig:
    """Read *project*/site.toml; raise SourceError when it is missing or wrong."""
    try:
        data = (project / FILE).read_bytes()
        text = data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        remedy = "run in the folder of the site, or name it with --project"
        raise SourceError([Fault(FILE, 0, "no such file", remedy)]) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError([Fault(FILE, line, "is not UTF-8", "save it as UTF-8")]) from None
    except OSError as error:
        remedy = "make it a file that you may read"
        raise SourceError([Fault(FILE, 0, f"cannot be read ({error.strerror})", remedy)]) from None
    return parse(text)
