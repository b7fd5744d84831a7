"""Wait for the database in a management command.

A pod may start before the database does, or before its network policy lets it out.
The login's own requests wait 1.5 s instead (the pool's timeout in
api/config/settings.py): a reader waits for them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from django.core.management.base import CommandError
from django.db import DatabaseError, connections

DEFAULT_WAIT = 60  # seconds


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add --wait."""
    parser.add_argument("--wait", type=float, default=DEFAULT_WAIT, metavar="SECONDS",
                        help=f"wait for the database (default: {DEFAULT_WAIT})")  # fmt: skip


def wait_for_database(seconds: float, log: Callable[[str], object], alias: str = "default") -> None:
    """Connect to the database, with a retry each second; after *seconds* raise CommandError with the fault.

    Each new fault is logged once.
    """
    connection = connections[alias]
    end = time.monotonic() + seconds
    logged = ""
    while True:
        try:
            connection.ensure_connection()
            return
        except DatabaseError as error:
            connection.close()
            fault = f"the database is unreachable ({type(error).__name__}: {' '.join(str(error).split())})"
        if time.monotonic() > end:
            raise CommandError(f"after {seconds:g} s still: {fault}")
        if fault != logged:
            log(f"waiting: {fault}")
            logged = fault
        time.sleep(1)
