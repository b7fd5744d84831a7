"""Create a user of the site on this machine, for `user` and `admin`."""

from __future__ import annotations

import argparse

from pipelines.commands.arguments import port
from pipelines.commands.context import Context


def add_invitation(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of an invitation."""
    parser.add_argument("email")
    parser.add_argument("--name", default="", help="display name on the site")
    parser.add_argument("--port", type=port, default=8000,
                        help="of the dev server, for the link in the mail (default: 8000)")  # fmt: skip


def invite(context: Context, *, owner: bool) -> None:
    """Create the user and send the mail to set a password."""
    from pipelines.preview import accounts

    options = context.options
    accounts.invite_user(
        context.project,
        options.email,
        name=options.name,
        owner=owner,
        port=options.port,
        environ=context.environ,
    )
