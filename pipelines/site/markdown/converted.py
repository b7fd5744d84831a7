"""The text of one page before its conversion, and its HTML after it.

Both dialects take a ``Source`` and return a ``Converted``; later steps use
nothing else of them. Data. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from pipelines.core.errors import Fault


class Source(Struct, frozen=True):
    """The Markdown of one page."""

    body: str
    summary: str  # of the front matter; "" without one
    name: str  # path of the file, for findings
    body_line: int  # the line of the file on which the body starts
    lang: str = "en"  # BCP 47; decides the quotation marks

    def finding(self, line: int, text: str, fix: str, check: str, severity: str = "error") -> Fault:
        """Return a finding in *line* of the body, counted from 1."""
        return Fault(self.name, self.body_line + line - 1, text, fix, check, severity)


class Converted(Struct, frozen=True):
    """The HTML of one document before its links are resolved.

    Its block elements carry their source lines (positions.py).
    """

    html: str
    summary: str  # of the front matter, as inline HTML; "" without one
    toc: str  # a nested <ul>, or "" without headings
    sections: int  # headings of the second level
    definitions: Mapping[str, int] = field(default_factory=dict)  # target of a link definition -> its line
    findings: tuple[Fault, ...] = ()  # of the conversion
    dialect: str = "commonmark"
    flat: tuple[Fault, ...] = ()  # findings for lines without another one of unparsed markup

    @property
    def refused(self) -> bool:
        """Whether the text exceeds a limit, so that it was not converted."""
        return any(finding.check == "limit" for finding in self.findings)
