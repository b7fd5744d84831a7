"""ModelAdmin classes: users and invitations, mail addresses, second factors, groups.

Superusers may access everything. Other staff users need the model's permission, and may access only users
without privileges (api/accounts/admin_permissions.py).
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
from api.accounts.adapters import send_invitation
from api.accounts.admin_permissions import FilteredAdmin, ScopedAdmin, is_superuser
from api.accounts.models import MEMBERS_GROUP, Session, User

# The ModelAdmin classes of Django and allauth allow too much.
admin.site.unregister([Group, Authenticator, EmailAddress])


class UserForm(ModelForm):  # type: ignore[type-arg]
    """Form of a user: the address in lower case, and unique."""

    def clean_email(self) -> str:
        """Return the address in lower case; raise ValidationError if another user has verified it."""
        email = str(self.cleaned_data["email"]).lower()
        taken = EmailAddress.objects.filter(email__iexact=email, verified=True)
        if taken.exclude(user=self.instance.pk).exists():
            raise ValidationError("Another user has verified this address; remove it there first.")
        return email


@admin.register(User)
class UserAdmin(ScopedAdmin):
    """Users, without a password field: users set their password by a link in a mail."""

    form = UserForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login",)
    actions = ("send_invitation", "end_sessions")

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fields of the form; only superusers get those that grant privileges."""
        privileges = ("is_staff", "groups") if is_superuser(request) else ()
        return ("email", "name", "is_active", *privileges, "last_login")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters of the list."""
        return ("is_active", "is_staff", "groups") if is_superuser(request) else ("is_active",)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Render groups as checkboxes, which have labels and work with the keyboard."""
        return super().formfield_for_manytomany(
            db_field, request, **{**options, "widget": CheckboxSelectMultiple}
        )

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        """Save; invite a new user, and end the sessions after a new address or a deactivation."""
        old = User.objects.values_list("email", flat=True).get(pk=obj.pk) if change else ""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            _send_invitation(request, obj)
        elif old.lower() != obj.email.lower():
            ended = addresses.replace_email(obj, old)
            messages.info(request, f"a mail about the change went to {old}, and {ended} sessions ended")
            if not obj.has_usable_password():  # the link of the first invitation went to the old address
                _send_invitation(request, obj)
        elif not obj.is_active:
            Session.objects.filter(user=obj).delete()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups; add a new user to the members' group unless a superuser chose the groups."""
        super().save_related(request, form, formsets, change)
        if not change and not is_superuser(request):
            form.instance.groups.add(Group.objects.get(name=MEMBERS_GROUP))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the members' group as the default."""
        return {"groups": list(Group.objects.filter(name=MEMBERS_GROUP))}

    @admin.action(description="Send the mail by which a password is set", permissions=["change"])
    def send_invitation(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Send an invitation to each active user."""
        sent = [
            _send_invitation(request, user, show_success=False) for user in queryset.filter(is_active=True)
        ]
        messages.success(request, f"{sum(sent)} mails sent")

    @admin.action(description="End all sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete all sessions of the selected users."""
        count, _ = Session.objects.filter(user__in=queryset).delete()
        messages.success(request, f"{count} sessions ended")


def _send_invitation(request: HttpRequest, user: User, *, show_success: bool = True) -> bool:
    """Send *user* an invitation; show a message, and return whether it was sent."""
    try:
        send_invitation(user)
    except (OSError, SMTPException) as error:
        fault = f"{user.email}: the mail was not sent ({type(error).__name__})"
        messages.error(request, f"{fault}; check LOGIN_MAIL_*, then send it by the action of the list")
        return False
    if show_success:
        messages.success(request, f"{user.email} was sent a mail to set a password")
    return True


@admin.register(EmailAddress)
class AddressAdmin(ScopedAdmin, EmailAddressAdmin):  # type: ignore[misc]  # allauth ships no types
    """Mail addresses of users, read-only: the user's own form changes an address and notifies the user."""

    user_lookup = "user"
    list_filter = ("primary", "verified")
    ordering = ("user__email", "email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: members add their own addresses."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        """Return False: a changed address would get password resets without a notification to the user."""
        return False

    def has_verify_permission(self, request: HttpRequest) -> bool:
        """Return whether the user of *request* may mark addresses as verified."""
        return super().has_change_permission(request)

    @admin.action(description="Mark as verified, without a mail", permissions=["verify"])
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        """Mark the selected addresses as verified, except those of another user."""
        for address in queryset.filter(verified=False).select_related("user"):
            others = User.objects.filter(email__iexact=address.email).exclude(pk=address.user_id)
            if others.exists() or not address.set_verified():
                messages.error(request, f"{address.email} is the address of another user, too: not verified")
            else:
                messages.success(request, f"{address.email} is verified")


@admin.register(Group)
class PermissionGroupAdmin(FilteredAdmin, GroupAdmin):
    """Groups of permissions, for superusers only. The members' group is read-only, since the gate uses it."""

    filter_horizontal = ()
    actions = None  # a bulk delete could include the members' group

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Render permissions as checkboxes, which have labels and work with the keyboard."""
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": CheckboxSelectMultiple}
        )

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Return the fields; for the members' group, explain why it is read-only."""
        if _is_members_group(obj):
            why = "Its members may read the members' pages: it can be neither renamed nor deleted."
            return [(None, {"fields": ("name",), "description": why})]
        return super().get_fieldsets(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the index lists groups: for superusers."""
        return is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user of *request* may add a group: superusers may."""
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Return whether the user of *request* may view groups: superusers may."""
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Return False for the members' group: after a rename, the gate would refuse every member."""
        return not _is_members_group(obj) and is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Return False for the members' group: without it, the gate would refuse every member."""
        return not _is_members_group(obj) and is_superuser(request)


def _is_members_group(group: Group | None) -> bool:
    """Return whether *group* is the group that the gate checks."""
    return group is not None and group.name == MEMBERS_GROUP


# Mail to the member after the owner has deleted a second factor. Recovery codes have no mail of their own.
_REMOVAL_TEMPLATES = {
    Authenticator.Type.TOTP: "mfa/email/totp_deactivated",
    Authenticator.Type.WEBAUTHN: "mfa/email/webauthn_removed",
}


@admin.register(Authenticator)
class SecondFactorAdmin(ScopedAdmin, AuthenticatorAdmin):  # type: ignore[misc]  # allauth ships no types
    """Second factors and passkeys: delete lost ones here. Their secrets are not shown."""

    user_lookup = "user"
    list_display = fields = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("user__email", "type")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: members add their own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        """Return False: a changed secret would not match the member's app."""
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what will be deleted, with the owner of each row for the confirmation page."""
        _, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return [f"{one}, of {one.user.email}" for one in objs], counts, lacking, protected

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """Delete *obj* and notify its member."""
        self._delete_and_notify([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Authenticator]) -> None:
        """Delete all of *queryset* and notify their members."""
        self._delete_and_notify(queryset)

    def _delete_and_notify(self, authenticators: Iterable[Authenticator]) -> None:
        for one in authenticators:
            one.delete()
            rest = Authenticator.objects.filter(user=one.user)
            if not rest.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
                rest.delete()  # recovery codes would be valid for the next factor; allauth deletes them, too
            if mail := _REMOVAL_TEMPLATES.get(one.type):
                get_adapter().send_notification_mail(mail, one.user, {"ip": "the owner's admin"})
