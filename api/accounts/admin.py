"""What the owner sees: members, and a way to invite them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm
from django.http import HttpRequest

from api.accounts.adapters import invite
from api.accounts.models import Session, User


@admin.register(User)
class Users(admin.ModelAdmin):  # type: ignore[type-arg]
    """Members. Nobody sees or sets a password here: it is set by mail."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_active", "is_staff", "groups", "last_login")
    readonly_fields = ("last_login",)
    actions = ("send_invitation", "end_sessions")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Offer groups as boxes to tick: with a name each, and for every keyboard."""
        return super().formfield_for_manytomany(
            db_field, request, **{**options, "widget": CheckboxSelectMultiple}
        )

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        """Save; a new member gets the mail by which a password is set."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            invite(obj)
            messages.success(request, f"{obj.email} was sent a mail to set a password")
        if change and not obj.is_active:
            Session.objects.filter(user=obj).delete()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with a member, which is what is mostly wanted."""
        from django.contrib.auth.models import Group

        return {"groups": list(Group.objects.filter(name="members"))}

    @admin.action(description="Send the mail by which a password is set")
    def send_invitation(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Write to those who are active."""
        chosen = list(queryset.filter(is_active=True))
        for user in chosen:
            invite(user)
        messages.success(request, f"{len(chosen)} mails sent")

    @admin.action(description="End all sessions")
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Log them out everywhere."""
        count, _ = Session.objects.filter(user__in=queryset).delete()
        messages.success(request, f"{count} sessions ended")
