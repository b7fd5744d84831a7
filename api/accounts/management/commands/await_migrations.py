"""Wait until another process has applied every migration: for pods that must not migrate themselves."""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """Check every second; newer migrations than those of this code are accepted."""

    help = "Wait until another process has applied all migrations."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add --timeout."""
        parser.add_argument("--timeout", type=float, default=240, help="seconds (default: 240)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Return once all migrations are applied; after the timeout, raise CommandError with the missing."""
        end = time.monotonic() + options["timeout"]
        logged = ""
        while missing := _describe_missing():
            if missing != logged:
                self.stdout.write(f"waiting: {missing}")
                self.stdout.flush()
                logged = missing
            if time.monotonic() > end:
                raise CommandError(f"after {options['timeout']:g} s still: {missing}")
            time.sleep(1)


def _describe_missing() -> str:
    """Return a description of the missing migrations, or "" for none."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        connection.close()
        return f"the database is unreachable ({type(error).__name__})"
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
    return f"not yet migrated: {names}" if names else ""
