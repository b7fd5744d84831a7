"""The admin's front door: shut to all but staff who have shown a second factor."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


def second_factor(records: list[dict[str, Any]]) -> bool:
    """Return whether *records* of how somebody logged in hold a second factor, or a passkey."""
    return any(record.get("method") == "mfa" for record in records)


class Site(AdminSite):
    """Django's admin without its own login, which would pass limits and second factor by."""

    site_header = site_title = "Members"
    index_title = "Who may read, and who may invite"

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether *request* may see anything here."""
        records = get_authentication_records(request, request.user)
        return super().has_permission(request) and second_factor(records)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Refuse: the login of the site is the only one."""
        raise PermissionDenied

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page for it: that one ends other sessions, and writes a mail."""
        return HttpResponseRedirect("/account/")
