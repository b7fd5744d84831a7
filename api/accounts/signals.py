"""Signal receivers: verify the address and end sessions after a new password."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset
from django.dispatch import receiver
from django.http import HttpRequest

from api.accounts.models import Session, User


@receiver(password_reset)
def verify_address(request: HttpRequest, user: User, **more: Any) -> None:
    """Verify the primary address of *user*: the reset key was in a mail to it."""
    addresses = EmailAddress.objects.filter(user=user)
    if not addresses.filter(verified=True).exists():
        addresses.filter(email__iexact=user.email).update(verified=True, primary=True)


@receiver(password_reset)
def end_all_sessions(request: HttpRequest, user: User, **more: Any) -> None:
    """Delete all sessions: the old password may have been disclosed."""
    Session.objects.filter(user=user).delete()


@receiver(password_changed)
def end_other_sessions(request: HttpRequest, user: User, **more: Any) -> None:
    """Delete all other sessions, and keep the one that changed the password."""
    Session.objects.filter(user=user).exclude(session_key=request.session.session_key).delete()
