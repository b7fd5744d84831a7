"""Make a member, or the owner, and send the mail by which a password is set."""

from __future__ import annotations

from argparse import ArgumentParser
from smtplib import SMTPException
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from api.accounts.adapters import invite
from api.accounts.models import MEMBERS, User


class Command(BaseCommand):
    """manage.py invite EMAIL [--name NAME] [--owner]"""

    help = "make a member (or, with --owner, who may do everything) and send the mail to set a password"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what is taken."""
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--owner", action="store_true", help="staff and superuser")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or find the user, and write to them."""
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email!r} is not a mail address; write it as name@example.org") from None
        with transaction.atomic():
            user = User.objects.filter(email__iexact=email).first()
            made = user is None
            user = user or User.objects.create_user(email, name=options["name"])
            if options["owner"] and not user.is_superuser:
                user.is_staff = user.is_superuser = True
                user.save(update_fields=["is_staff", "is_superuser"])
            user.groups.add(Group.objects.get(name=MEMBERS))
        try:
            invite(user)
        except (OSError, SMTPException) as error:
            what = f"the mail was not sent ({type(error).__name__}: {error})"
            raise CommandError(f"{what}; mend LOGIN_MAIL_* and invite {user.email} again") from None
        what = "owner" if user.is_superuser else "member"
        self.stdout.write(
            f"{'made' if made else 'there is'} the {what} {user.email}; the mail to set a password was sent"
        )
