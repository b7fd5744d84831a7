"""Delete expired sessions: Django's own command belongs to its sessions app, which is not installed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from api.accounts.sessions import SessionStore


class Command(BaseCommand):
    """Delete expired sessions; run it once a day."""

    help = "Delete expired sessions."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete them in one statement."""
        SessionStore.clear_expired()
