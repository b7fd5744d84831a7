"""Print findings for a person: one line each, by check where there are many.

Functions of findings, and a writer to stderr. No reads, no network.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from pipelines.core.errors import Fault

_MANY = 20  # findings; more are grouped by check
_SHOWN = 3  # findings of each group
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"error": "31", "warning": "33"}  # SGR (ECMA-48): red, yellow


def print_findings(
    findings: Sequence[Fault], *, verbose: bool = False, written: bool = True, summary_only: bool = False
) -> None:
    """Print *findings* on stderr, and how many there are; nothing without any.

    *written* is whether the command has written its result in spite of them.
    """
    if not findings:
        return
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    lines = [] if summary_only else [*finding_lines(findings, verbose=verbose, colour=colour), ""]
    print("\n".join([*lines, summary(findings, verbose=verbose, written=written)]), file=sys.stderr)


def finding_lines(findings: Sequence[Fault], *, verbose: bool, colour: bool = False) -> Iterator[str]:
    """Yield a line for each of *findings*, in order; of more than 20, the first of each check."""
    if verbose or len(findings) <= _MANY:
        yield from (finding_line(one, colour=colour) for one in findings)
        return
    groups: dict[tuple[str, str], list[Fault]] = {}
    for one in findings:
        groups.setdefault((one.severity, one.check), []).append(one)
    for index, (severity, check) in enumerate(
        sorted(groups, key=lambda key: (key[0], -len(groups[key]), key))
    ):
        group = groups[severity, check]
        shown = group if len(group) == _SHOWN + 1 else group[:_SHOWN]
        yield from [""] if index else []
        yield from (finding_line(one, colour=colour) for one in shown)
        if rest := len(group) - len(shown):
            yield f"… {rest} more {_paint(severity + 's', severity, colour)} [{check}]"


def finding_line(one: Fault, *, colour: bool = False) -> str:
    """Return ``file:line: error: what is wrong; the fix [check]``, as compilers print it."""
    position = f"{one.path}:{one.line}" if one.line else one.path
    severity = _paint(one.severity, one.severity, colour)
    return f"{_printable(position)}: {severity}: {_printable(f'{one.text}; {one.fix}')} [{one.check}]"


def _printable(text: str) -> str:
    """Return *text* with escaped controls and changes of direction: a file must not steer a terminal."""
    return text if text.isprintable() else _CONTROL.sub(lambda one: ascii(one[0])[1:-1], text)


def summary(findings: Sequence[Fault], *, verbose: bool, written: bool) -> str:
    """Return the number of errors, warnings and checks, and what follows."""
    counts = Counter(one.severity for one in findings)
    parts = [_count(counts[severity], severity) for severity in ("error", "warning") if counts[severity]]
    text = f"{', '.join(parts)} in {_count(len({one.check for one in findings}), 'check')}"
    if len(findings) > _MANY and not verbose:
        text += "; --verbose shows all"
    return text if written else f"{text}; nothing was written"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _paint(text: str, severity: str, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[severity]}m{text}\x1b[0m" if colour else text
