"""The checks of a site: each has a stable name, a default severity and documentation.

An error is what a reader would lose: a link, an image, a part of the text. A
warning is style and portability. ``[checks]`` of site.toml changes severities,
for all files or below a path. Data and functions of values. No reads, no
writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from pipelines.core.errors import Fault
from pipelines.core.setting import Setting
from pipelines.core.validators import Choice

Severity = Literal["error", "warning", "off"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "off")


class Check(NamedTuple):
    """One check: its default severity, and what it finds."""

    name: str
    severity: Severity
    doc: str  # Markdown, sentences
    fixed: bool = False  # an error in every site: the build or the readers' safety depends on it


def _checks(severity: Severity, rows: Mapping[str, str], *, fixed: bool = False) -> Iterable[Check]:
    return [Check(name, severity, doc, fixed) for name, doc in rows.items()]


_ALL = (
    *_checks(
        "error",
        {
            "project": "A file of the project that is not content is missing or invalid: site.toml,"
            " pelicanconf.py, the strings of the theme.",
            "theme": "A template, a stylesheet or an asset of the theme is invalid.",
            "rendered-page": "The theme renders a page that breaks the rules of the site: inline code, an"
            " address of another host, no heading.",
            "read-policy": "A file must not be read or published: a link out of the project, a private key, a"
            " database, a submodule that was not fetched.",
            "encoding": "A file is not UTF-8, or has control characters.",
            "front-matter": "The front matter is missing, is not closed, or is not YAML.",
            "metadata": "A key of the front matter has an invalid value, or no effect where it stands.",
            "address": "Two pages or files have the same URL, or a page has one that the server reserves.",
            "unsafe-html": "HTML that could run code, send data or replace a part of the page: scripts, event"
            " handlers, forms, `javascript:` links.",
            "limit": "A text is so large or so deeply nested that it would block the build.",
        },
        fixed=True,
    ),
    *_checks(
        "error",
        {
            "unknown-key": "The front matter has a key that nothing reads.",
            "misplaced-file": "A Markdown file is in a directory from which no page is built.",
            "broken-link": "A link leads to a page, a section or a file that does not exist or is not"
            " published.",
            "broken-image": "An image does not exist, is damaged, or has a format that browsers do not show.",
            "empty-link": "A link or a button has no text: assistive technology has nothing to announce.",
            "image-alt": "An `<img>` has no `alt` attribute.",
            "alias": "An alias is not a path of this site, or is taken by a page or a file.",
            "duplicate-id": "An `id` is used twice on a page: links lead to the first one only.",
            "unparsed-markup": "A reader would see markup as text: a marker of emphasis, a template tag, the"
            " label of a footnote, and in python-markdown what commonmark parses: a list without a blank line"
            " before it, `> [!NOTE]`, Markdown in an HTML element. It is a warning where the text reads the"
            " same with its signs (`==x==`, `x^2^`, `:tada:`, `\\~`, a `\\` that ends a line), or where they"
            " may be meant (`a[i][j]`, `~5`).",
            "dropped-markup": "A part of the text would not appear on the page: an unclosed comment or tag,"
            " a footnote that nothing refers to.",
            "html-structure": "An element is where HTML does not allow it, so that browsers move or drop it.",
            "math": "A formula is not TeX, or uses an unknown command.",
            "diagram": "A diagram has no committed SVG, or one that does not match its source.",
            "summary": "A summary is not one paragraph of text.",
        },
    ),
    *_checks(
        "warning",
        {
            "unread-file": "A file among the pages has a format that is not read (`.rst`, `.ipynb`, `.org`,"
            " `.adoc`, `.html`).",
            "unused-file": "No page shows or links to a file of content/, so that it is not published.",
            "unused-definition": "A link definition or an abbreviation is not used, or is defined twice.",
            "code-language": "The language of a code block is unknown: it is shown as plain text.",
            "code-option": "A code block has an option that has no effect.",
            "table-cells": "A row of a table has more cells than its header: the last one shows the rest,"
            " which GitHub and GitLab drop.",
            "list-indent": "A block in a list is indented by less than four spaces for each level, so that"
            " the dialect `python-markdown` shows it beside or below the item that it belongs to. A reader"
            " loses no word.",
            "heading-order": "A heading skips a level, or is empty.",
            "heading-level-1": "A text has a heading of the first level, which is the title of the page. It"
            " and those below it move one level down.",
            "admonition": "An admonition has a title, but no text.",
            "inline-style": "A `style` attribute was removed: the Content-Security-Policy blocks it."
            " Alignment and the size of an image keep their effect, without a warning.",
            "html-attribute": "An attribute or element that HTML does not have, or no longer has, was"
            " removed or replaced. `align` keeps its effect, without a warning.",
            "unknown-element": "An element that HTML does not have: a single tag is shown as the text that"
            " it is, a pair of tags is removed and what is in it stays.",
            "external-image": "An image, video or sound of another host was replaced by a link to it:"
            " `images` of `[security]` lists hosts whose images are shown.",
            "external-frame": "An `<iframe>` was replaced by a link to what it shows: `frames` of"
            " `[security]` lists hosts that need no warning.",
            "frame-title": "An `<iframe>` of a host that `frames` of `[security]` lists has no `title`, which"
            " the link that replaces it would show.",
            "alias-link": "A link leads to an alias, which redirects.",
            "tag-spelling": "A tag, category or series is spelled in two ways, or two of them have one"
            " address, as `.NET` and `Net`.",
        },
    ),
)
CHECKS: Mapping[str, Check] = {check.name: check for check in _ALL}
SETTINGS = tuple(
    Setting(check.name, Choice("error") if check.fixed else Choice(*SEVERITIES), check.severity, check.doc)
    for check in _ALL
)


class Severities(Struct, frozen=True):
    """The severity of each check, for all files and below paths: ``[checks]``."""

    chosen: tuple[tuple[str, Severity], ...] = ()
    by_path: tuple[tuple[str, tuple[tuple[str, Severity], ...]], ...] = ()  # (pattern, choices), in order

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Severities:
        """Return the severities of a checked row of ``[checks]``."""
        own = {name: value for name, value in row.items() if name in CHECKS}
        chosen = tuple((name, value) for name, value in own.items() if value != CHECKS[name].severity)
        return cls(chosen, tuple((path, tuple(choices.items())) for path, choices in row[""]))

    def severity(self, check: str, path: str) -> Severity:
        """Return the severity of *check* for a finding in *path*: the last pattern that matches decides."""
        declared = CHECKS[check]
        if declared.fixed:
            return declared.severity
        found = dict(self.chosen).get(check, declared.severity)
        for pattern, choices in self.by_path:
            for name, severity in choices:
                if name == check and _matches(pattern, path):
                    found = severity
        return found

    def apply(self, faults: Iterable[Fault]) -> list[Fault]:
        """Return *faults* with their severities, sorted, without repetitions and what is off.

        A fault that has a severity below its check's keeps it: findings in drafts are warnings.
        """
        done = set()
        for fault in faults:
            severity = self.severity(fault.check, fault.path)
            if severity != "off":
                lower = fault.severity == "warning"
                done.add(fault if lower else replace(fault, severity=severity))
        return sorted(done)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    regex = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(regex.get(part, re.escape(part)) for part in parts))


def _matches(pattern: str, path: str) -> bool:
    """Return whether *path* matches: ``*`` within a directory, ``**`` across directories."""
    return _pattern(pattern).fullmatch(path) is not None
