"""What long work reports: a line of log, or how far a phase has got.

Protocols and values. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Log = Callable[[str], None]  # writes one line for a person


class Progress(Protocol):
    """Receives the phases of a build or of a publication."""

    def phase(self, name: str, total: int) -> None:
        """Begin the phase *name* of *total* pieces (0: unknown)."""

    def advance(self, pieces: int) -> None:
        """Count *pieces* as done."""


class NoProgress:
    """Progress that is not shown."""

    def phase(self, name: str, total: int) -> None:
        """Do nothing."""

    def advance(self, pieces: int) -> None:
        """Do nothing."""
