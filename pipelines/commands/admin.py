"""`admin`: create the owner of the site on this machine."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context
from pipelines.commands.invitation import add_invitation, invite


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("admin", help="create the owner, and send the mail to set a password")
    add_invitation(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Invite the owner."""
    invite(context, owner=True)
    return 0
