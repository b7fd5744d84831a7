"""Remove sessions that have ended: Django's own command comes with its sessions, and ours are not those."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from api.accounts.sessions import SessionStore


class Command(BaseCommand):
    """For a job of every day; a session that lasts is never touched."""

    help = "Remove sessions that have ended."

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove them, in one statement."""
        SessionStore.clear_expired()
