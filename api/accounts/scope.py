"""Which rows of the admin a staff user may reach: those of users without privileges, unless a superuser.

A staff user who can change another staff user's address can reset that user's password and log in with
that user's permissions. So superusers, staff and everybody who holds a permission are managed by
superusers alone.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from api.accounts.models import User


def unprivileged() -> QuerySet[User]:
    """Return the users who are neither staff nor superuser, and hold no permission."""
    users = User.objects.filter(is_staff=False, is_superuser=False)
    return users.exclude(groups__permissions__isnull=False).exclude(user_permissions__isnull=False)


def is_superuser(request: HttpRequest) -> bool:
    """Return whether *request* comes from an active superuser."""
    return request.user.is_active and isinstance(request.user, User) and request.user.is_superuser


class FilteredAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose list can be filtered by what it offers as a filter, and by nothing else."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return whether the list's query string may hold *lookup*.

        Django allows every column of the model. `?password__startswith=` and `?sessions__pk__startswith=`
        then read hashes and session keys one letter at a time.
        """
        filters = self.get_list_filter(request) if request else self.list_filter
        return lookup in {
            f"{name}__{how}" for name in filters for how in ("exact", "isnull", "id__exact")
        } and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or run an action; answer 400 to a selection that is not a list of numbers."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(key.isascii() and key.isdigit() and len(key) <= 18 for key in selected):
            raise BadRequest("the selection holds a key that is not a number")
        return super().changelist_view(request, extra_context)


class ScopedAdmin(FilteredAdmin):
    """An admin of users, or of rows that belong to users, limited to users without privileges.

    The limit is on the query, so that it covers lists, forms, actions, history, deletion and autocomplete;
    the permissions of a row are checked besides, for rows that are reached by a relation.
    """

    user_lookup = "pk"  # from a row to the key of its user

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that the user of *request* may reach."""
        found = super().get_queryset(request)
        return found if is_superuser(request) else found.filter(**{f"{self.user_lookup}__in": unprivileged()})

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may see *obj*, or any row."""
        return super().has_view_permission(request, obj) and self._reaches(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may change *obj*, or any row."""
        return super().has_change_permission(request, obj) and self._reaches(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user of *request* may delete *obj*, or any row."""
        return super().has_delete_permission(request, obj) and self._reaches(request, obj)

    def _reaches(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None or is_superuser(request):
            return True
        return self.get_queryset(request).filter(pk=obj.pk).exists()
