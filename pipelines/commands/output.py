"""Print results on stdout and warnings on stderr.

Writes to both. No reads, no network.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from pipelines.core import results
from pipelines.core.errors import PipelineError


def write_stdout(text: str) -> None:
    """Write *text* to stdout now; raise PipelineError for a full disk, BrokenPipeError for a closed pipe."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer goes nowhere, or Python would fail on it at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise PipelineError(f"stdout: cannot be written ({error.strerror}); free some space") from error


def open_closed_streams() -> None:
    """Connect the standard streams that the caller has closed to /dev/null.

    Otherwise the next file that is opened takes their number, and gets what is
    printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            os.set_inheritable(number, True)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def print_result(result: results.Result, text: str, *, as_json: bool) -> None:
    """Print *result* as JSON, or *text*, the same for a person."""
    write_stdout(results.to_json(result) if as_json else text)


def print_json(value: Any) -> None:
    """Print *value* as JSON: sorted, indented, in UTF-8."""
    write_stdout(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def print_warnings(warnings: Iterable[str]) -> None:
    """Print one line a warning on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
