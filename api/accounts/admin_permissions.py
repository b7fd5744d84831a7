"""Limit the admin's querysets and permissions: staff other than superusers may not access privileged users.

A staff user who can change another staff user's address can reset that user's password and log in with
that user's permissions. So only superusers manage superusers, staff and users with a permission.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from api.accounts.models import User


def unprivileged_users() -> QuerySet[User]:
    """Return the users who are neither staff nor superuser, and have no permission."""
    users = User.objects.filter(is_staff=False, is_superuser=False)
    return users.exclude(groups__permissions__isnull=False).exclude(user_permissions__isnull=False)


def is_superuser(request: HttpRequest) -> bool:
    """Return whether the user of *request* is an active superuser."""
    return request.user.is_active and isinstance(request.user, User) and request.user.is_superuser


class FilteredAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A ModelAdmin whose list accepts only the lookups of its own filters."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return whether the query string may contain *lookup*.

        Django allows every column of the model: `?password__startswith=` and `?sessions__pk__startswith=`
        would disclose hashes and session keys one letter at a time.
        """
        filters = self.get_list_filter(request) if request else self.list_filter
        return lookup in {
            f"{name}__{suffix}" for name in filters for suffix in ("exact", "isnull", "id__exact")
        } and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list or run an action; raise BadRequest for a selection that is not a list of numbers."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(key.isascii() and key.isdigit() and len(key) <= 18 for key in selected):
            raise BadRequest("the selection contains a key that is not a number")
        return super().changelist_view(request, extra_context)


class ScopedAdmin(FilteredAdmin):
    """A ModelAdmin of users or of rows that belong to users, limited to users without privileges.

    The limit is in the queryset, and so covers lists, forms, actions, history, deletion and autocomplete.
    The permission checks of a row cover rows that a relation leads to.
    """

    user_lookup = "pk"  # from a row to the primary key of its user

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that the user of *request* may access."""
        rows = super().get_queryset(request)
        if is_superuser(request):
            return rows
        return rows.filter(**{f"{self.user_lookup}__in": unprivileged_users()})

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may view *obj*, or any row."""
        return super().has_view_permission(request, obj) and self._may_access(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may change *obj*, or any row."""
        return super().has_change_permission(request, obj) and self._may_access(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may delete *obj*, or any row."""
        return super().has_delete_permission(request, obj) and self._may_access(request, obj)

    def _may_access(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None or is_superuser(request):
            return True
        return self.get_queryset(request).filter(pk=obj.pk).exists()
