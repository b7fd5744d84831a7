"""Errors that a user can fix, and the faults in the site's files.

Only the command line catches the base class; any other exception is a bug and
keeps its traceback. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Fault(Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One finding in a file, and its fix."""

    path: str  # relative to the project, with forward slashes
    line: int  # counted from 1; 0 means the whole file
    text: str  # what is wrong, without a full stop
    fix: str  # in the imperative, without a full stop
    check: str = "project"  # a name of checks.py
    severity: str = "error"  # or "warning"

    def __str__(self) -> str:
        position = f"{self.path}:{self.line}" if self.line else self.path
        return f"{position}: {self.text}; {self.fix}"


class PipelineError(Exception):
    """An error that the user can fix; only its message is printed."""

    exit_code = 1


class UsageError(PipelineError):
    """The command got invalid arguments."""

    exit_code = 2


class ToolError(PipelineError):
    """An external program or service is missing or has failed."""


class SourceError(PipelineError):
    """One or more faults in the site's files, reported together."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type[SourceError], tuple[tuple[Fault, ...]]]:
        # Worker processes pickle an exception by its arguments.
        return type(self), (self.faults,)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean x?`` for the closest of *known*, else the list of all."""
    from difflib import get_close_matches

    names = sorted(known)
    near = [name for name in names if _is_swapped(word, name)][:1]
    near = near or get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def _is_swapped(word: str, name: str) -> bool:
    """Return whether two neighbouring letters of *name* changed places in *word*."""
    if len(word) != len(name) or word == name:
        return False
    differing = [at for at, pair in enumerate(zip(word, name, strict=True)) if pair[0] != pair[1]]
    first, last = differing[0], differing[-1]
    return len(differing) == 2 and last == first + 1 and word[first : last + 1] == name[last] + name[first]
