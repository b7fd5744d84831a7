"""Change a user's mail address on behalf of the user, as staff does in the admin."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.db import transaction

from api.accounts.models import Session, User

CHANGED = "account/email/email_changed_by_staff"  # the mail to the old address


def replace(user: User, old: str) -> int:
    """Make the new address of *user* the only one, in place of *old*; return how many sessions ended.

    The new address is not verified unless the user has verified it before: the next login, or a reset
    password, verifies it. All other addresses are removed, or the old mailbox could still reset the
    password. Every session ends, because only a login asks for a verified address. *old* and each verified
    address that is removed get a mail once the change is committed. It does not name the new address:
    somebody else may read the old mailbox.
    """
    known = EmailAddress.objects.filter(user=user)
    verified = {address.email.lower() for address in known.filter(verified=True)}
    known.delete()  # not renamed: a link that verifies an address holds the key of its row, and nothing else
    EmailAddress.objects.create(
        user=user, email=user.email, primary=True, verified=user.email.lower() in verified
    )
    ended, _ = Session.objects.filter(user=user).delete()
    for address in sorted({old.lower(), *verified} - {user.email.lower()}):
        _announce(user, address)
    return ended


def _announce(user: User, address: str) -> None:
    """Write to *address* after the commit; the mail is sent in the background."""
    context = {"ip": "the owner's admin", "old_address": address}
    transaction.on_commit(lambda: get_adapter().send_notification_mail(CHANGED, user, context, email=address))
