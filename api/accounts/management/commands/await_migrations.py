"""Wait until the database has every table and column that this code wants: for pods that must not migrate."""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """Ask every second; a database with migrations that this code does not know is good enough."""

    help = "Wait until all migrations are applied, by somebody else."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add --patience."""
        parser.add_argument("--patience", type=float, default=240, help="seconds (default: 240)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Return once nothing is missing; raise CommandError with what is, when patience ends."""
        end = time.monotonic() + options["patience"]
        told = ""
        while missing := _missing():
            if missing != told:
                self.stdout.write(f"waiting: {missing}")
                self.stdout.flush()
                told = missing
            if time.monotonic() > end:
                raise CommandError(f"after {options['patience']:g} s still: {missing}")
            time.sleep(1)


def _missing() -> str:
    """Return in words what is missing, "" for nothing."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        connection.close()
        return f"the database does not answer ({type(error).__name__})"
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
    return f"not yet migrated: {names}" if names else ""
