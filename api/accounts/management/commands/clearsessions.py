"""Delete expired sessions: Django's own command belongs to its sessions app, which is not installed."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from api.accounts.management.wait import add_wait, wait_for_database
from api.accounts.sessions import SessionStore


class Command(BaseCommand):
    """Delete expired sessions; run it once a day."""

    help = "Delete expired sessions."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add --wait."""
        add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete them in one statement."""
        wait_for_database(options["wait"], self.stdout.write)
        SessionStore.clear_expired()
