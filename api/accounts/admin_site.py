"""The admin site, which requires a second factor of staff."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


def has_second_factor(records: list[dict[str, Any]]) -> bool:
    """Return whether the authentication *records* of a session include a second factor or a passkey."""
    return any(record.get("method") == "mfa" for record in records)


class MembersAdminSite(AdminSite):
    """Django's admin without its own login, which would bypass rate limits and second factor."""

    site_header = site_title = "Members"
    index_title = "Who may read, and who may invite"

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the user of *request* is active staff with a second factor."""
        records = get_authentication_records(request, request.user)
        return super().has_permission(request) and has_second_factor(records)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Raise PermissionDenied: users log in on the site's own page."""
        raise PermissionDenied

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the account page, which ends other sessions and sends a mail."""
        return HttpResponseRedirect("/account/")
