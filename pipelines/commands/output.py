"""Print results on stdout and warnings on stderr.

Writes to both. No reads, no network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from pipelines.core import results


def print_result(result: results.Result, text: str, *, as_json: bool) -> None:
    """Print *result* as JSON, or *text*, the same for a person."""
    sys.stdout.write(results.to_json(result) if as_json else text)


def print_json(value: Any) -> None:
    """Print *value* as JSON: sorted, indented, in UTF-8."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def print_warnings(warnings: Iterable[str]) -> None:
    """Print one line a warning on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
