"""Django's migrate under an advisory lock: three replicas may start it at the same time."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

ADVISORY_LOCK_ID = 0x6C6F67696E  # "login"; any number that no other program uses


class Command(Migrate):
    """Wait for other processes that migrate the same PostgreSQL; SQLite has one process."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Migrate while holding a lock, which the server releases when the connection ends."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            return super().handle(*args, **options)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK_ID])
            try:
                return super().handle(*args, **options)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK_ID])
