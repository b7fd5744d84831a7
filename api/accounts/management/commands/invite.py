"""Create a member or the owner, and send the mail with the link to set a password."""

from __future__ import annotations

from argparse import ArgumentParser
from smtplib import SMTPException
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from api.accounts.adapters import send_invitation
from api.accounts.management.wait import add_wait, wait_for_database
from api.accounts.models import MEMBERS_GROUP, User


class Command(BaseCommand):
    """manage.py invite EMAIL [--name NAME] [--owner]"""

    help = "create a member (with --owner: a superuser) and send the mail to set a password"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--owner", action="store_true", help="staff and superuser")
        add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or find the user, and send the invitation."""
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email!r} is not a mail address; write it as name@example.org") from None
        wait_for_database(options["wait"], self.stdout.write)
        with transaction.atomic():
            user = User.objects.filter(email__iexact=email).first()
            created = user is None
            user = user or User.objects.create_user(email, name=options["name"])
            if options["owner"] and not user.is_superuser:
                user.is_staff = user.is_superuser = True
                user.save(update_fields=["is_staff", "is_superuser"])
            user.groups.add(Group.objects.get(name=MEMBERS_GROUP))
        try:
            send_invitation(user)
        except (OSError, SMTPException) as error:
            fault = f"the mail was not sent ({type(error).__name__}: {error})"
            raise CommandError(f"{fault}; check LOGIN_MAIL_*, then invite {user.email} again") from None
        role = "owner" if user.is_superuser else "member"
        result = "created" if created else "found"
        self.stdout.write(f"{result} the {role} {user.email}; the mail to set a password was sent")
