"""Collect the faults of one document, each with its source line.

No reads, no writes, no network.
"""

from __future__ import annotations

from msgspec import Struct, field
from selectolax.lexbor import LexborNode

from pipelines.core.errors import Fault
from pipelines.site.content.document import Document
from pipelines.site.markdown.positions import Positions


class FaultReport(Struct):
    """The faults of one document so far."""

    document: Document
    positions: Positions
    dialect: str = "commonmark"
    faults: list[Fault] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # URLs that have a fault already
    at: int = 0  # the line of all faults, while a value of the front matter is checked

    def line(self, node: LexborNode | None, *needles: str) -> int:
        """Return the source line of *node*; *needles* are its possible spellings in the source."""
        return self.at or self.positions.line_of(node, *needles)

    def add_fault(
        self,
        check: str,
        text: str,
        fix: str,
        node: LexborNode | None = None,
        *needles: str,
        severity: str = "error",
    ) -> None:
        """Add a fault of *check* in *node*, or of the whole text."""
        self.add_fault_at(check, self.line(node, *needles), text, fix, severity)

    def add_fault_at(self, check: str, line: int, text: str, fix: str, severity: str = "error") -> None:
        """Add a fault of one line of the file; *severity* "warning" lowers that of its check."""
        self.faults.append(Fault(self.document.path, line, text, fix, check, severity))
