"""The words of the theme, one file per language: theme/strings/<lang>.toml.

Reads those files. No writes, no network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from string import Formatter

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.toml_reader import toml_syntax_fault
from pipelines.site.content.front_matter import read_text

STRINGS_DIRECTORY = "theme/strings"


@dataclass(frozen=True, slots=True)
class Strings:
    """The strings of every language of the theme."""

    by_lang: Mapping[str, Mapping[str, object]]
    default: str

    def of(self, lang: str) -> Mapping[str, object]:
        """Return the strings of *lang*: "de-AT" falls back to "de", then to the site's own."""
        return self.by_lang.get(lang) or self.by_lang.get(lang.split("-")[0]) or self.by_lang[self.default]

    def text(self, lang: str, key: str, **values: object) -> str:
        """Return the string *key* with ``{name}`` filled in.

        With ``n`` given, ``key_one`` is taken for 1 and ``key_other`` else,
        where the language has them. Raises LookupError for an unknown key.
        """
        strings = self.of(lang)
        if "n" in values:
            plural = f"{key}_one" if values["n"] == 1 else f"{key}_other"
            key = plural if plural in strings else key
        if key not in strings:
            raise LookupError(f"no string {key!r} in {STRINGS_DIRECTORY}; {suggest(key, strings)}")
        try:
            return str(strings[key]).format_map(values)
        except KeyError as missing:
            raise LookupError(f"string {key!r} wants {missing}; write t({key!r}, …)") from None

    def date(self, lang: str, day: date) -> str:
        """Return *day* in the form of *lang*, as in "23 November 2026"."""
        if not isinstance(day, date):
            raise LookupError(f"date_text() wants a date, not {day!r}")
        strings = self.of(lang)
        months = strings["months"]
        assert isinstance(months, list)  # checked by load()
        return str(strings["date"]).format(day=day.day, month=months[day.month - 1], year=day.year)


def load_strings(project: Path, paths: Iterable[str], default: str) -> Strings:
    """Read the languages among *paths*, the files of theme/.

    Raises SourceError where one lacks what another has.
    """
    faults: list[Fault] = []
    found: dict[str, Mapping[str, object]] = {}
    for name in sorted(paths):
        if not re.fullmatch(rf"{STRINGS_DIRECTORY}/[^/]+\.toml", name):
            continue
        try:
            text = read_text(project / name, name)
            found[PurePosixPath(name).stem] = strings = tomllib.loads(text)
            faults.extend(_value_faults(strings, text, name))
        except tomllib.TOMLDecodeError as error:
            faults.append(toml_syntax_fault(name, error))
        except SourceError as error:
            faults.extend(error.faults)
    if not (project / STRINGS_DIRECTORY / f"{default}.toml").exists():
        fix = "write that file, or change lang in site.toml"
        faults.append(Fault(f"{STRINGS_DIRECTORY}/{default}.toml", 0, "no such file", fix))
    if not faults:
        faults.extend(_translation_faults(found, default))
    if faults:
        raise SourceError(faults)
    return Strings(found, default)


def _value_faults(strings: Mapping[str, object], text: str, name: str) -> Iterator[Fault]:
    for key, value in strings.items():
        line = next((n for n, row in enumerate(text.split("\n"), 1) if re.match(rf"{key}\s*=", row)), 0)
        if key == "months":
            if not (isinstance(value, list) and len(value) == 12 and all(isinstance(v, str) for v in value)):
                yield Fault(name, line, "months is not a list of 12 texts", "write the names of the months")
        elif not isinstance(value, str):
            yield Fault(name, line, f"{key!r} is not a text", 'write it as "…"')
        elif _placeholders(value) is None:
            yield Fault(name, line, f"{key!r} has a brace of its own", "write {name}, or {{ for a brace")
        elif key == "date" and not _placeholders(value) <= {"day", "month", "year"}:  # type: ignore[operator]
            yield Fault(name, line, "date knows {day}, {month} and {year}", "mend it")


def _translation_faults(found: Mapping[str, Mapping[str, object]], default: str) -> Iterator[Fault]:
    """Yield what one language has and another lacks: a text, or a name to fill in."""
    keys = set().union(*found.values()) | {"months", "date"}
    for lang, strings in found.items():
        name = f"{STRINGS_DIRECTORY}/{lang}.toml"
        if lost := sorted(keys - strings.keys()):
            rest = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
            yield Fault(name, 0, f"has no {', '.join(lost[:5])}{rest}", "translate what the other files have")
        for key in sorted(strings.keys() & found[default].keys()):
            here, there = _placeholders(strings[key]), _placeholders(found[default][key])
            if extra := sorted((here or set()) - (there or set())):
                fix = f"write {', '.join(sorted(there or set())) or 'no name'}, as {default}.toml does"
                yield Fault(name, 0, f"{key!r} wants {{{extra[0]}}}", fix)


def _placeholders(text: object) -> set[str] | None:
    """Return the names that are filled into *text*; None where its braces are wrong."""
    try:
        names = {name for _, name, _, _ in Formatter().parse(str(text)) if name is not None}
    except ValueError:
        return None
    return names if all(name.isidentifier() for name in names) else None
