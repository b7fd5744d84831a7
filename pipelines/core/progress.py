"""Log and progress of long steps, as types that steps receive.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Log = Callable[[str], None]  # writes one line


class Progress(Protocol):
    """Receives the phases of a build or of publishing."""

    def phase(self, name: str, total: int) -> None:
        """Begin the phase *name* of *total* items (0: unknown)."""

    def advance(self, pieces: int) -> None:
        """Count *pieces* items as done."""


class NoProgress:
    """Discards progress."""

    def phase(self, name: str, total: int) -> None:
        """Do nothing."""

    def advance(self, pieces: int) -> None:
        """Do nothing."""
