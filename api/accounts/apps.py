"""The applications of Django that stand here."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps


class Accounts(AppConfig):
    """Members, their sessions, and how they log in."""

    name = "api.accounts"
    label = "accounts"
    default = True

    def ready(self) -> None:
        """Listen for what allauth tells."""
        from api.accounts import signals  # noqa: F401  it connects itself


class Admin(apps.AdminConfig):
    """The admin of Django, for staff with a second factor."""

    default_site = "api.accounts.site.Site"
    default = False
