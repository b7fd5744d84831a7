"""What went wrong, said so that the reader can mend it.

One base class, caught by the command line alone; anything else is a fault of
this program and keeps its traceback. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong in one place, and the way out."""

    path: str  # relative to the project, with forward slashes
    line: int  # counted from 1; 0 means the whole file
    text: str  # what is wrong, without a full stop
    fix: str  # what to do about it

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.text}; {self.fix}"


class PipelineError(Exception):
    """A fault that its user can mend; the message is all that is shown."""

    exit_code = 1


class UsageError(PipelineError):
    """The command was called with words that do not fit it."""

    exit_code = 2


class ToolError(PipelineError):
    """A program or a service outside of this one is missing or has failed."""


class SourceError(PipelineError):
    """One or more faults in the site's own files, all of them at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type[SourceError], tuple[tuple[Fault, ...]]]:
        # An exception crosses a process border by its arguments: give it the faults.
        return type(self), (self.faults,)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean x?``, or the list of what is known when nothing is near."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
