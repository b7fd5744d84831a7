"""Validate front matter: the schema of a page's metadata.

Turns the entries of front_matter.py into typed values. Unknown keys are
refused. No reads, no writes, no network, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.dates import InvalidDate, parse_date
from pipelines.site.content.front_matter import MetadataEntry
from pipelines.site.content.hints import hint, is_private, list_hint, nested_hint
from pipelines.site.content.own_keys import InvalidOwnValue, OwnValue, own_value
from pipelines.site.content.slugs import SLUG_RULES as SLUG_RULES  # for pelicanconf.py of older sites
from pipelines.site.content.slugs import slugify

DEFAULT_CATEGORY = "Misc"  # of a post without a category
KEYS = frozenset(
    (
        *("title", "date", "modified", "slug", "author", "tags", "category"),
        *("status", "access", "series", "summary", "aliases", "image", "lang", "dialect"),
        *("url", "id"),
    )
)
_LIST_KEYS = frozenset({"author", "tags", "aliases"})
MAX_ALIAS = 900  # bytes; an entry of NGINX's map holds 1024
_CHOICES = {
    "status": ("published", "draft"),
    "access": ("public", "members"),
    "dialect": ("commonmark", "python-markdown"),
}
_SLUG = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
# Clean characters only, so that NGINX, links and files agree; a last part with .html is a file.
_PART = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_URL = re.compile(rf"/(?:{_PART}(?<!\.html)/)*(?:{_PART}(?<!/index)\.html|(?<=[^/]/))", re.ASCII)
_MAX_URL = 900  # bytes, as of an alias
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")  # RFC 3987, roughly; RFC 4287 wants an IRI
_ALIAS = re.compile(r"/(?!/)[^?#%\t\n\r]*")
MAX_SLUG = 150  # characters; a file name has at most 255 bytes, and a suffix must fit


@dataclass(frozen=True, slots=True)
class Metadata:
    """The validated front matter of one page."""

    title: str
    date: datetime | None = None  # with an offset
    modified: datetime | None = None  # with an offset
    slug: str = ""  # "": from the file name
    author: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    category: str = ""
    status: str = "published"  # or "draft"
    access: str = ""  # "public", "members"; "": by the directory
    series: str = ""
    summary: str = ""  # Markdown, one paragraph
    aliases: tuple[str, ...] = ()  # site-absolute paths
    image: str = ""  # path of the preview image, as written
    lang: str = ""
    dialect: str = ""  # of Markdown; "": the site's
    url: str = ""  # site-absolute; "": by the patterns of the site
    id: str = ""  # of the feed entry; "": a tag URI of the path
    extra: tuple[tuple[str, OwnValue], ...] = ()  # the keys of [metadata.extra]
    lines: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    faults: tuple[Fault, ...] = field(default=(), compare=False)  # of keys and aliases that have no effect

    def line(self, key: str) -> int:
        """Return the line of *key*; 1 when the author did not write it."""
        return dict(self.lines).get(key, 1)


def slug_fault(text: str) -> tuple[str, str] | None:
    """Return (what is wrong, the fix) of *text* as a part of a URL, or None."""
    slug = slugify(text)
    if not slug:
        return "gives an empty URL", "use at least one letter or digit"
    if len(slug) > MAX_SLUG:
        return f"is too long for a URL ({len(slug)} characters)", f"use at most {MAX_SLUG}"
    return None


def parse_metadata(
    entries: Iterable[MetadataEntry],
    name: str,
    *,
    timezone: str,
    extra: Iterable[tuple[str, str]] = (),
    implied: Iterable[MetadataEntry] = (),
) -> Metadata:
    """Validate *entries* of the file *name*; raise SourceError with all faults if a value is invalid.

    The arguments are those of check_metadata.
    """
    found, invalid = check_metadata(entries, name, timezone=timezone, extra=extra, implied=implied)
    if invalid:
        raise SourceError([*invalid, *found.faults])
    return found


def check_metadata(
    entries: Iterable[MetadataEntry],
    name: str,
    *,
    timezone: str,
    extra: Iterable[tuple[str, str]] = (),
    implied: Iterable[MetadataEntry] = (),
) -> tuple[Metadata, list[Fault]]:
    """Validate *entries* of the file *name*; return the valid values, and the faults of the others.

    The values have faults of their own: the page can be built without unknown keys and
    invalid aliases. *timezone* is the IANA name for dates without an offset. *extra* are the
    additional keys of this site with their types. *implied* are entries that the
    heading or the file name gives; those of the front matter replace them.
    """
    validator = _Validator(name, ZoneInfo(timezone), dict(extra))
    for entry in entries:
        validator.add(entry)
    for entry in implied:
        if entry.key not in validator.lines:
            validator.add(entry)
    return validator.result()


def url_suggestion(text: str) -> str:
    """Return the URL that *text* probably means."""
    path = unquote(urlsplit(text).path if "://" in text else text.partition("?")[0].partition("#")[0])
    parts = [".".join(filter(None, map(slugify, part.split(".")))) for part in path.split("/")]
    joined = "/".join(filter(None, parts)).removesuffix("index.html").strip("/")
    return f"/{joined}" if not joined or joined.endswith(".html") else f"/{joined}/"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


class _Validator:
    def __init__(self, name: str, zone: ZoneInfo, own: Mapping[str, str]) -> None:
        self.name, self.zone, self.own = name, zone, own
        self.known = KEYS | own.keys()
        self.values: dict[str, object] = {}
        self.extra: list[tuple[str, OwnValue]] = []
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.unread: list[Fault] = []  # the page can be built without what they name

    def add_fault(self, line: int, text: str, fix: str, check: str = "metadata") -> None:
        self.faults.append(Fault(self.name, line, text, fix, check))

    def add(self, entry: MetadataEntry) -> None:
        key, line = entry.key, entry.line
        if key not in self.known:
            fix = hint(key, entry.value, self.known)
            check = "metadata" if is_private(key, entry.value) else "unknown-key"
            found = self.faults if check == "metadata" else self.unread
            found.append(Fault(self.name, line, f"unknown key {key!r}", fix, check))
            return
        if key in self.lines:
            self.add_fault(line, f"{key!r} is set twice, first on line {self.lines[key]}", "keep one of them")
            self.values.pop(key, None)
            return
        self.lines[key] = line
        before = len(self.faults)
        self._add_known(key, entry, line)
        if len(self.faults) > before:
            self.values.pop(key, None)

    def _add_known(self, key: str, entry: MetadataEntry, line: int) -> None:
        if entry.value is None:
            self.add_fault(line, f"{key!r} has a nested value", nested_hint(key))
        elif key not in KEYS:
            self._add_own(key, entry.value, line)
        elif key in _LIST_KEYS:
            self.values[key] = self._parse_list(key, entry.value, line)
        elif not isinstance(entry.value, str):
            self.add_fault(line, f"{key!r} must not be a list", list_hint(key))
        elif value := entry.value.strip():  # an empty value counts as a missing key
            value = value if key == "summary" else " ".join(value.split())
            self.values[key] = self._parse_value(key, value, line)

    def _add_own(self, key: str, value: str | tuple[str, ...], line: int) -> None:
        try:
            self.extra.append((key, own_value(value, self.own[key], self.zone)))
        except InvalidOwnValue as error:
            what, fix = error.args
            self.add_fault(line, f"{key!r} {what}", fix)

    def _parse_list(self, key: str, value: str | tuple[str, ...], line: int) -> tuple[str, ...]:
        if isinstance(value, str):  # Pelican's rule: "Doe, Jane; Roe, Richard" are two authors
            value = tuple(value.split(";" if ";" in value else ","))
        items = tuple(" ".join(part.split()) for part in value if part.strip())
        seen: dict[str, str] = {}
        for item in items:
            same = slugify(item) if key == "tags" else item
            if same and (first := seen.get(same)) is not None:
                again = "is listed twice" if first == item else f"has the URL of {first!r}"
                self.add_fault(line, f"{key}: {item!r} {again}", "name it once")
            seen.setdefault(same, item)
        if key == "aliases":
            return tuple(alias for alias in items if self._is_alias(alias, line))
        if key == "tags":
            for tag in items:
                if wrong := slug_fault(tag):
                    self.add_fault(line, f"tag {_quoted(tag)} {wrong[0]}", wrong[1])
        return items

    def _is_alias(self, alias: str, line: int) -> bool:
        """Return whether *alias* is a path; add a fault if not."""
        parts = alias[1:].split("/")
        if "%" in alias and alias.startswith("/"):  # NGINX compares decoded paths
            fix = f"write the letters themselves, as in {unquote(alias)!r}"
            what = f"alias {alias!r} has a percent-escape"
        elif len(alias.encode()) > MAX_ALIAS:
            what, fix = f"alias {_quoted(alias)} is longer than {MAX_ALIAS} bytes", "shorten it, or remove it"
        elif re.match(r"[\w-]+(?:/|\.html|\Z)", alias):  # Zola writes them without the first slash
            written = f"/{alias}" if re.search(r"/|\.html", alias) else f"/{alias}/"
            what, fix = f"alias {_quoted(alias)} is not a path", f"write {written!r}"
        elif not _ALIAS.fullmatch(alias) or {"..", "."} & set(parts) or "" in parts[:-1]:
            fix = "write a path of this site, as in /old/page/"
            if "://" in alias and (path := url_suggestion(alias)) != "/":
                fix = f"write {path!r}"
            what = f"alias {alias!r} is not a path"
        else:
            return True
        self.unread.append(Fault(self.name, line, what, fix, "alias"))
        return False

    def _parse_value(self, key: str, value: str, line: int) -> object:
        if key in ("date", "modified"):
            return self._parse_date(key, value, line)
        if key in _CHOICES and value.lower() not in _CHOICES[key]:
            fix = f"write {' or '.join(_CHOICES[key])}"
            self.add_fault(line, f"unknown {key} {value!r}", fix)
        elif key in _CHOICES:
            return value.lower()
        elif key == "slug" and re.fullmatch(
            r"/?[\w-][\w.-]*(?:/[\w-][\w.-]*)+/?|/[\w-][\w.-]*/?", value
        ):  # Docusaurus
            fix = f"write it as `url: {url_suggestion('/' + value)}`"
            self.add_fault(line, f"slug {value!r} is a whole address", fix)
        elif key == "slug" and not _SLUG.fullmatch(value):
            suggestion = slugify(value)
            fix = f"write {suggestion!r}" if suggestion else "use letters, digits and hyphens"
            self.add_fault(line, f"slug {value!r} is not a URL slug", fix)
        elif key == "slug" and value.lower().endswith(".html"):
            self.add_fault(line, f"slug {value!r} ends with .html", f"write the whole `url: /…/{value}`")
        elif key == "url" and (not _URL.fullmatch(value) or len(value) > _MAX_URL):
            suggestion = url_suggestion(value)
            fix = "remove it: the front page is content/pages/index.md"
            if suggestion != "/":
                fix = f"write {suggestion!r}, and other old addresses as `aliases: […]`"
            self.add_fault(line, f"url {_quoted(value)} is not an address that can be served", fix)
        elif key == "id" and not _IRI.fullmatch(value):
            fix = "write the id of the entry in the old feed, as in `tag:…` or `https://…`, or remove it"
            self.add_fault(line, f"id {_quoted(value)} is not an IRI", fix)
        elif key == "lang" and not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", value):
            tag = re.fullmatch(
                r"([A-Za-z]{2,3})_([A-Za-z]{2})(?:\..*)?", value
            )  # a locale of POSIX: de_AT.UTF-8
            fix = f"write {tag[1].lower()}-{tag[2].upper()}" if tag else "write en or de-AT (BCP 47)"
            self.add_fault(line, f"lang {value!r} is not a language tag", fix)
        elif key in ("category", "series", "slug") and (wrong := slug_fault(value)):
            self.add_fault(line, f"{key} {_quoted(value)} {wrong[0]}", wrong[1])
        return value

    def _parse_date(self, key: str, value: str, line: int) -> datetime | None:
        try:
            return parse_date(value, self.zone)
        except InvalidDate as error:
            what, fix = error.args
            self.add_fault(line, f"{key} {value!r} {what}", fix)
            return None

    def result(self) -> tuple[Metadata, list[Fault]]:
        if "title" not in self.values and not any("'title'" in f.text for f in self.faults):
            fix = (
                "add a line `title: …`" if self.lines else "begin the text with a heading, as in `# A title`"
            )
            self.add_fault(self.lines.get("title", 1), "has no title", fix)
        date, modified = self.values.get("date"), self.values.get("modified")
        if isinstance(date, datetime) and isinstance(modified, datetime) and modified < date:
            fix = "fix one of them, or remove modified: Git has the date"
            self.add_fault(self.lines["modified"], "modified is earlier than date", fix)
        values = {"title": "", **self.values}
        found = Metadata(
            **values,  # type: ignore[arg-type]  # each value was validated by its key
            extra=tuple(self.extra),
            lines=tuple(self.lines.items()),
            faults=tuple(self.unread),
        )
        return found, self.faults
