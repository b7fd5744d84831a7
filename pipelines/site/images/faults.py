"""Faults of an image file. Their path is empty until the caller fills it in."""

from __future__ import annotations

from pipelines.core.errors import Fault, SourceError

REEXPORT_FIX = "export it again, or restore it from its source"


def image_fault(text: str, fix: str) -> SourceError:
    """Return a fault of the whole file."""
    return SourceError([Fault("", 0, text, fix, "broken-image")])


def truncated_image() -> SourceError:
    """Return the fault of a file that ends too early."""
    return image_fault("is truncated or damaged", REEXPORT_FIX)
