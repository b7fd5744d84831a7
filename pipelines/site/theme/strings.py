"""Translated strings of the theme, one file per language: theme/strings/<lang>.toml.

Reads those files. No writes, no network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from string import Formatter

from msgspec import Struct

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.toml_reader import toml_syntax_fault
from pipelines.site.cache import Cache
from pipelines.site.content.front_matter import read_text

STRINGS_DIRECTORY = "theme/strings"


class Strings(Struct, frozen=True):
    """The strings of every language of the theme."""

    by_lang: Mapping[str, Mapping[str, object]]
    default: str

    def for_language(self, lang: str) -> Mapping[str, object]:
        """Return the strings of *lang*; "de-AT" falls back to "de", then to the site's language."""
        return self.by_lang.get(lang) or self.by_lang.get(lang.split("-")[0]) or self.by_lang[self.default]

    def text(self, lang: str, key: str, **values: object) -> str:
        """Return the string *key* with ``{name}`` filled in.

        ``n`` selects the plural form: ``key_one`` for 1, else ``key_other``, if the
        language has them. Raises LookupError for an unknown key.
        """
        strings = self.for_language(lang)
        if "n" in values:
            plural = f"{key}_one" if values["n"] == 1 else f"{key}_other"
            key = plural if plural in strings else key
        if key not in strings:
            raise LookupError(f"no string {key!r} in {STRINGS_DIRECTORY}; {suggest(key, strings)}")
        try:
            return str(strings[key]).format_map(values)
        except KeyError as missing:
            raise LookupError(f"string {key!r} requires {missing}; write t({key!r}, …)") from None

    def date(self, lang: str, day: date) -> str:
        """Return *day* in the format of *lang*, as in "23 November 2026"."""
        if not isinstance(day, date):
            raise LookupError(f"date_text() requires a date, not {day!r}")
        strings = self.for_language(lang)
        months = strings["months"]
        assert isinstance(months, list)  # checked by load_strings()
        return str(strings["date"]).format(day=day.day, month=months[day.month - 1], year=day.year)


def load_strings(project: Path, paths: Iterable[str], default: str, cache: Cache | None = None) -> Strings:
    """Read the languages among *paths*, the files of theme/; *cache* has those that earlier builds have read.

    Raises SourceError for invalid files and incomplete translations.
    """
    faults: list[Fault] = []
    texts: dict[str, str] = {}
    for name in sorted(paths):
        if re.fullmatch(rf"{STRINGS_DIRECTORY}/[^/]+\.toml", name):
            try:
                texts[name] = read_text(project / name, name)
            except SourceError as error:
                faults.extend(error.faults)
    if not (project / STRINGS_DIRECTORY / f"{default}.toml").exists():
        fix = "write that file, or change lang in site.toml"
        faults.append(Fault(f"{STRINGS_DIRECTORY}/{default}.toml", 0, "no such file", fix, "theme"))
    try:
        inputs = (default, *texts.items())
        strings = (cache or Cache()).get_or_compute(
            "strings", inputs, lambda: _parse(texts, default), Strings
        )
    except SourceError as error:
        faults.extend(error.faults)
    if faults:
        raise SourceError(faults)
    return strings


def _parse(texts: Mapping[str, str], default: str) -> Strings:
    """Return the strings of *texts*, the files by name; raise SourceError."""
    faults: list[Fault] = []
    found: dict[str, Mapping[str, object]] = {}
    for name, text in texts.items():
        try:
            found[PurePosixPath(name).stem] = strings = tomllib.loads(text)
            faults.extend(_value_faults(strings, text, name))
        except tomllib.TOMLDecodeError as error:
            faults.append(toml_syntax_fault(name, error))
    if not faults and default in found:
        faults.extend(_translation_faults(found, default))
    if faults:
        raise SourceError(faults)
    return Strings(found, default)


def _value_faults(strings: Mapping[str, object], text: str, name: str) -> Iterator[Fault]:
    lines: dict[str, int] = {}
    for number, row in enumerate(text.split("\n"), 1):
        if found := re.match(r"([\w-]+)\s*=", row):
            lines.setdefault(found[1], number)
    for key, value in strings.items():
        line = lines.get(key, 0)
        if key == "months":
            if not (isinstance(value, list) and len(value) == 12 and all(isinstance(v, str) for v in value)):
                yield Fault(
                    name, line, "months is not a list of 12 strings", "write the names of the months", "theme"
                )
        elif not isinstance(value, str):
            yield Fault(name, line, f"{key!r} is not a string", 'write it as "…"', "theme")
        elif _placeholders(value) is None:
            yield Fault(
                name, line, f"{key!r} has an unmatched brace", "write {name}, or {{ for a brace", "theme"
            )
        elif key == "date" and not _placeholders(value) <= {"day", "month", "year"}:  # type: ignore[operator]
            yield Fault(name, line, "unknown name in date", "use {day}, {month} and {year}", "theme")


def _translation_faults(found: Mapping[str, Mapping[str, object]], default: str) -> Iterator[Fault]:
    """Yield a fault for each string or placeholder that only some languages have."""
    keys = set().union(*found.values()) | {"months", "date"}
    for lang, strings in found.items():
        name = f"{STRINGS_DIRECTORY}/{lang}.toml"
        if untranslated := sorted(keys - strings.keys()):
            rest = f" and {len(untranslated) - 5} more" if len(untranslated) > 5 else ""
            what = f"has no {', '.join(untranslated[:5])}{rest}"
            yield Fault(name, 0, what, "translate the strings of the other files", "theme")
        for key in sorted(strings.keys() & found[default].keys()):
            expected = _placeholders(found[default][key]) or set()
            if extra := sorted((_placeholders(strings[key]) or set()) - expected):
                fix = f"write {', '.join(sorted(expected)) or 'no name'}, as {default}.toml does"
                yield Fault(name, 0, f"{key!r} requires {{{extra[0]}}}", fix, "theme")


def _placeholders(text: object) -> set[str] | None:
    """Return the placeholders of *text*; None if its braces are invalid."""
    try:
        names = {name for _, name, _, _ in Formatter().parse(str(text)) if name is not None}
    except ValueError:
        return None
    return names if all(name.isidentifier() for name in names) else None
