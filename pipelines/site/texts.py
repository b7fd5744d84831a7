"""The words of the theme, one file per language: theme/strings/<lang>.toml.

Reads those files. No writes, no network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.errors import Fault, SourceError, suggest

FOLDER = "theme/strings"


@dataclass(frozen=True, slots=True)
class Texts:
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
            raise LookupError(f"no string {key!r} in {FOLDER}; {suggest(key, strings)}")
        return str(strings[key]).format_map(values)

    def date(self, lang: str, day: date) -> str:
        """Return *day* in the form of *lang*, as in "23 November 2026"."""
        strings = self.of(lang)
        months = strings["months"]
        assert isinstance(months, list)  # checked by load()
        return str(strings["date"]).format(day=day.day, month=months[day.month - 1], year=day.year)


def load(project: Path, default: str) -> Texts:
    """Read all languages; raise SourceError where one lacks what another has."""
    faults: list[Fault] = []
    found: dict[str, Mapping[str, object]] = {}
    for file in sorted((project / FOLDER).glob("*.toml")):
        name = f"{FOLDER}/{file.name}"
        try:
            found[file.stem] = tomllib.loads(file.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            faults.append(Fault(name, 0, f"is not TOML: {error}", "mend it"))
    if default not in found:
        remedy = "write that file, or change lang in site.toml"
        faults.append(Fault(f"{FOLDER}/{default}.toml", 0, "no such file", remedy))
    keys = set().union(*found.values()) | {"months", "date"}
    for lang, strings in found.items():
        for key in sorted(keys - strings.keys()):
            faults.append(Fault(f"{FOLDER}/{lang}.toml", 0, f"has no {key!r}", "translate it"))
        months = strings.get("months", [])
        if "months" in strings and not (isinstance(months, list) and len(months) == 12):
            faults.append(Fault(f"{FOLDER}/{lang}.toml", 0, "months is not a list of 12", "mend it"))
    if faults:
        raise SourceError(faults)
    return Texts(found, default)
