"""What the owner sees: members, a way to invite them, and what of theirs can be lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm
from django.http import HttpRequest

from api.accounts.adapters import invite
from api.accounts.models import MEMBERS, Session, User

# They come with admins of their own, which allow too much.
admin.site.unregister([Group, Authenticator])


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
        return {"groups": list(Group.objects.filter(name=MEMBERS))}

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


@admin.register(Group)
class Groups(GroupAdmin):
    """What staff may do. One group is not theirs to change: the gate knows it by its name."""

    filter_horizontal = ()
    actions = None  # no deleting by the dozen, with `members` among them

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Offer permissions as boxes to tick: with a name each, and for every keyboard."""
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": CheckboxSelectMultiple}
        )

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Say why there is nothing to change."""
        if _gated(obj):
            why = "Its members may read the members' pages: it can be neither renamed nor deleted."
            return [(None, {"fields": ("name",), "description": why})]
        return super().get_fieldsets(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Say no for the group of the gate: under another name it would shut every member out."""
        return not _gated(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Say no for the group of the gate: without it nobody is a member."""
        return not _gated(obj) and super().has_delete_permission(request, obj)


def _gated(group: Group | None) -> bool:
    """Return whether *group* is the one that the gate asks for."""
    return group is not None and group.name == MEMBERS


# What a member is told when the owner has removed one. Recovery codes have no mail of their own.
_REMOVED = {
    Authenticator.Type.TOTP: "mfa/email/totp_deactivated",
    Authenticator.Type.WEBAUTHN: "mfa/email/webauthn_removed",
}


@admin.register(Authenticator)
class Authenticators(AuthenticatorAdmin):  # type: ignore[misc]  # allauth ships no types
    """Second factors and passkeys: those that are lost are removed here. What they keep is not shown."""

    list_display = fields = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("user__email", "type")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: members add theirs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        """Say no: a secret that was changed fits no app."""
        return False

    def get_deleted_objects(self, objs: Iterable[Authenticator], request: HttpRequest) -> Any:
        """Say whose they are: before it is too late."""
        _, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return [f"{one}, of {one.user.email}" for one in objs], counts, lacking, protected

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """Remove *obj*; its member is told."""
        self._remove([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Authenticator]) -> None:
        """Remove all of *queryset*; their members are told."""
        self._remove(queryset)

    def _remove(self, lost: Iterable[Authenticator]) -> None:
        for one in lost:
            one.delete()
            rest = Authenticator.objects.filter(user=one.user)
            if not rest.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
                rest.delete()  # they would open the next factor, too: as when members remove their last
            if mail := _REMOVED.get(one.type):
                get_adapter().send_notification_mail(mail, one.user, {"ip": "the owner's admin"})
