"""Django's migrate, one at a time: three replicas may start it at once."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

LOCK = 0x6C6F67696E  # "login"; any number that nobody else takes


class Command(Migrate):
    """Wait for whoever migrates the same PostgreSQL; SQLite has one process."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Migrate, holding a lock that the server frees at our end, however we end."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            return super().handle(*args, **options)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                return super().handle(*args, **options)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
