"""Change the mail address of a user on behalf of staff in the admin."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.db import transaction

from api.accounts.models import Session, User

EMAIL_CHANGED_TEMPLATE = "account/email/email_changed_by_staff"  # sent to the old address


def replace_email(user: User, old: str) -> int:
    """Replace all addresses of *user* with user.email, and return the number of ended sessions.

    The new address stays unverified, unless the user has verified it before. The next login or password
    reset verifies it. All other addresses are deleted, or the old mailbox could still reset the password.
    Every session ends, because only a login requires a verified address. *old* and each deleted verified
    address get a mail after the commit. The mail does not name the new address: somebody else may read the
    old mailbox.
    """
    known = EmailAddress.objects.filter(user=user)
    verified = {address.email.lower() for address in known.filter(verified=True)}
    known.delete()  # do not rename: a verification link holds only the primary key of the row
    EmailAddress.objects.create(
        user=user, email=user.email, primary=True, verified=user.email.lower() in verified
    )
    ended, _ = Session.objects.filter(user=user).delete()
    for address in sorted({old.lower(), *verified} - {user.email.lower()}):
        _notify(user, address)
    return ended


def _notify(user: User, address: str) -> None:
    """Send the notification to *address* after the commit."""
    context = {"ip": "the owner's admin", "old_address": address}
    transaction.on_commit(
        lambda: get_adapter().send_notification_mail(EMAIL_CHANGED_TEMPLATE, user, context, email=address)
    )
