"""The admin: members, invitations, mail addresses, second factors, and the groups that give permissions.

Superusers reach everything. Other staff users need the permission of what they do, and reach users without
privileges only (api/accounts/scope.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm
from django.http import HttpRequest

from api.accounts import addresses
from api.accounts.adapters import invite
from api.accounts.models import MEMBERS, Session, User
from api.accounts.scope import FilteredAdmin, ScopedAdmin, is_superuser

# They come with admins of their own, which allow too much.
admin.site.unregister([Group, Authenticator, EmailAddress])


class UserForm(ModelForm):  # type: ignore[type-arg]
    """A user: the address in lower case, and nobody else's."""

    def clean_email(self) -> str:
        """Return the address; refuse one that another user has verified."""
        email = str(self.cleaned_data["email"]).lower()
        taken = EmailAddress.objects.filter(email__iexact=email, verified=True)
        if taken.exclude(user=self.instance.pk).exists():
            raise ValidationError("Another user has verified this address; remove it there first.")
        return email


@admin.register(User)
class Users(ScopedAdmin):
    """Members. Nobody sees or sets a password here: it is set by mail."""

    form = UserForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login",)
    actions = ("send_invitation", "end_sessions")

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fields of the form: what gives permissions is for superusers alone."""
        privileges = ("is_staff", "groups") if is_superuser(request) else ()
        return ("email", "name", "is_active", *privileges, "last_login")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters beside the list."""
        return ("is_active", "is_staff", "groups") if is_superuser(request) else ("is_active",)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Offer groups as boxes to tick: with a name each, and for every keyboard."""
        return super().formfield_for_manytomany(
            db_field, request, **{**options, "widget": CheckboxSelectMultiple}
        )

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        """Save; invite a new user, and end the sessions of one whose address or activity has changed."""
        old = User.objects.values_list("email", flat=True).get(pk=obj.pk) if change else ""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            _mail(request, obj)
        elif old.lower() != obj.email.lower():
            ended = addresses.replace(obj, old)
            messages.info(request, f"a mail about the change went to {old}, and {ended} sessions ended")
            if not obj.has_usable_password():  # the link of the first invitation went to the old address
                _mail(request, obj)
        elif not obj.is_active:
            Session.objects.filter(user=obj).delete()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups; a user whom other staff than superusers adds becomes a member."""
        super().save_related(request, form, formsets, change)
        if not change and not is_superuser(request):
            form.instance.groups.add(Group.objects.get(name=MEMBERS))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with a member, which is what is mostly wanted."""
        return {"groups": list(Group.objects.filter(name=MEMBERS))}

    @admin.action(description="Send the mail by which a password is set", permissions=["change"])
    def send_invitation(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Write to those who are active."""
        sent = [_mail(request, user, tell=False) for user in queryset.filter(is_active=True)]
        messages.success(request, f"{sum(sent)} mails sent")

    @admin.action(description="End all sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Log them out everywhere."""
        count, _ = Session.objects.filter(user__in=queryset).delete()
        messages.success(request, f"{count} sessions ended")


def _mail(request: HttpRequest, user: User, *, tell: bool = True) -> bool:
    """Send *user* the mail by which a password is set; show and return whether that worked."""
    try:
        invite(user)
    except (OSError, SMTPException) as error:
        what = f"{user.email}: the mail was not sent ({type(error).__name__})"
        messages.error(request, f"{what}; check LOGIN_MAIL_*, then send it by the action of the list")
        return False
    if tell:
        messages.success(request, f"{user.email} was sent a mail to set a password")
    return True


@admin.register(EmailAddress)
class Addresses(ScopedAdmin, EmailAddressAdmin):  # type: ignore[misc]  # allauth ships no types
    """Mail addresses of users. An address is changed in the user's own form, which announces it."""

    user_lookup = "user"
    list_filter = ("primary", "verified")
    ordering = ("user__email", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: members add theirs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        """Refuse: a reset of the password would go to an address that was changed here, unannounced."""
        return False

    def has_verify_permission(self, request: HttpRequest) -> bool:
        """Return whether the user of *request* may mark addresses as verified."""
        return super().has_change_permission(request)

    @admin.action(description="Mark as verified, without a mail", permissions=["verify"])
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        """Mark as verified what is the address of no other user."""
        for address in queryset.filter(verified=False).select_related("user"):
            others = User.objects.filter(email__iexact=address.email).exclude(pk=address.user_id)
            if others.exists() or not address.set_verified():
                messages.error(request, f"{address.email} is the address of another user, too: not verified")
            else:
                messages.success(request, f"{address.email} is verified")


@admin.register(Group)
class Groups(FilteredAdmin, GroupAdmin):
    """What staff may do: for superusers alone. One group never changes: the gate knows it by its name."""

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

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether groups are on the front page: for superusers."""
        return is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user of *request* may make a group: a superuser may."""
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Return whether the user of *request* may see groups: a superuser may."""
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Refuse the group of the gate: under another name it would shut every member out."""
        return not _gated(obj) and is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Refuse the group of the gate: without it nobody is a member."""
        return not _gated(obj) and is_superuser(request)


def _gated(group: Group | None) -> bool:
    """Return whether *group* is the one that the gate asks for."""
    return group is not None and group.name == MEMBERS


# What a member is told when the owner has removed one. Recovery codes have no mail of their own.
_REMOVED = {
    Authenticator.Type.TOTP: "mfa/email/totp_deactivated",
    Authenticator.Type.WEBAUTHN: "mfa/email/webauthn_removed",
}


@admin.register(Authenticator)
class Authenticators(ScopedAdmin, AuthenticatorAdmin):  # type: ignore[misc]  # allauth ships no types
    """Second factors and passkeys: those that are lost are removed here. What they keep is not shown."""

    user_lookup = "user"
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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
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
