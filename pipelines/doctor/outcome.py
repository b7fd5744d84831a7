"""The outcome of one check, and the rows that are printed.

No reads, no writes, no network.
"""

from __future__ import annotations

from dataclasses import dataclass

OK = "ok"
FAILED = "failed"
LATER = "later"  # a later step of the guide makes it
UNKNOWN = "unknown"  # the check cannot decide it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    state: str  # one of the above
    text: str  # without a full stop
    fix: str = ""  # in the imperative; "" for OK


@dataclass(frozen=True, slots=True)
class Finding:
    """An outcome with the name of its check."""

    check: str
    state: str
    text: str
    fix: str


def ok(text: str) -> Outcome:
    """Return that the prerequisite is met."""
    return Outcome(OK, text)


def failed(text: str, fix: str) -> Outcome:
    """Return that the prerequisite is missing."""
    return Outcome(FAILED, text, fix)


def later(text: str, fix: str) -> Outcome:
    """Return that a later step of the guide, named by *fix*, makes it."""
    return Outcome(LATER, text, fix)


def unknown(text: str, fix: str) -> Outcome:
    """Return that somebody has to look, as *fix* says."""
    return Outcome(UNKNOWN, text, fix)


def failed_message(message: str) -> Outcome:
    """Return the failure of an error's *message*: "what is wrong; the fix"."""
    line = " ".join(message.split())
    text, separator, fix = line.rpartition("; ")
    return Outcome(FAILED, text, fix) if separator else Outcome(FAILED, line, "fix that, and run it again")
