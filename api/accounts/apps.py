"""AppConfig of the accounts, and of the admin."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps


class AccountsConfig(AppConfig):
    """Members, their sessions, and how they log in."""

    name = "api.accounts"
    label = "accounts"
    default = True

    def ready(self) -> None:
        """Connect the signal receivers."""
        from api.accounts import signals  # noqa: F401  the import connects them


class MembersAdminConfig(apps.AdminConfig):
    """The admin of Django, for staff with a second factor."""

    default_site = "api.accounts.admin_site.MembersAdminSite"
    default = False
