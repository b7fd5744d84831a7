"""Django's migrate under an advisory lock: three replicas may start it at the same time."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from api.accounts.management.wait import add_wait, wait_for_database

ADVISORY_LOCK_ID = 0x6C6F67696E  # "login"; any number that no other program uses


class Command(Migrate):
    """Wait for other processes that migrate the same PostgreSQL; SQLite has one process."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --wait to the arguments of Django."""
        super().add_arguments(parser)
        add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> Any:
        """Migrate while holding a lock, which the server releases when the connection ends."""
        wait_for_database(options.pop("wait"), self._log, options["database"])
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            return super().handle(*args, **options)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK_ID])
            try:
                return super().handle(*args, **options)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK_ID])

    def _log(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
