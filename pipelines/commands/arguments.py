"""Arguments that several commands take, and the types of their values.

No reads, no writes, no network.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.core.context import Deadlines

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = argparse._SubParsersAction  # argparse has no types to subscript

IMAGES = ("web", "api")


def count(text: str) -> int:
    """Return *text* as a number of processes."""
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def port(text: str) -> int:
    """Return *text* as a TCP port."""
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Return *text* as a duration in seconds."""
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)


def commit(text: str) -> str:
    """Return *text* as a commit id, or a prefix of one."""
    if not re.fullmatch(r"[0-9a-fA-F]{7,40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a commit: write 7 to 40 hex digits")
    return text.lower()


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a build that `build` and `check` share."""
    parser.add_argument("--as-of", metavar="TIME", help="which posts are due: 2026-11-23, or seconds")
    parser.add_argument("--strict", action="store_true", help="treat warnings as errors")
    parser.add_argument(
        "--verbose", action="store_true", help="print all findings, not the first of each check"
    )
    parser.add_argument("--clean", action="store_true", help="build without out/cache, and leave it as it is")
    parser.add_argument(
        "--code-quality",
        type=Path,
        metavar="FILE",
        help="write the findings as a Code Quality report of GitLab",
    )


def add_deadline(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    """Add --deadline with *default* seconds; *what* says what it limits."""
    parser.add_argument(
        "--deadline", type=seconds, default=default, metavar="SECONDS", help=f"{what} (default: {default})"
    )


def add_publication(parser: argparse.ArgumentParser) -> None:
    """Add what every command that publishes takes; ``deadlines`` reads two of them."""
    add_json(parser)
    add_deadline(parser, 900, "time limit of the whole command")
    parser.add_argument("--index-wait", type=seconds, default=60, metavar="SECONDS",
                        help="time limit until the index lists the chart (default: 60)")  # fmt: skip


def add_unchecked(parser: argparse.ArgumentParser) -> None:
    """Add --unchecked."""
    parser.add_argument("--unchecked", action="store_true",
                        help="publish code that has not passed lint, types, test and test-slow")  # fmt: skip


def deadlines(options: argparse.Namespace) -> Deadlines:
    """Return the deadlines of *options*, as ``add_publication`` or ``add_deadline`` declared them."""
    from pipelines.core.context import Deadlines

    if "index_wait" in options:
        return Deadlines(options.deadline, options.index_wait)
    return Deadlines(options.deadline)
