"""Passwords of mailboxes: read here, hashed and kept on the mail server alone.

Reads stdin or the terminal. Network: the machine. Writes on it.
"""

from __future__ import annotations

import getpass
from typing import TextIO

from nodes.host import Host
from nodes.inventory import FILE, Inventory
from nodes.render.mail import PASSWORDS
from pipelines.core.errors import UsageError, suggest

_LEAST = 12  # characters
# File, address. `doveadm pw` reads the password twice from stdin; the hash passes no command line.
_SET_PASSWORD = """set -eu
umask 077
hash="$(doveadm pw -s ARGON2ID)"
{ awk -F: -v address="$2" '$1 != address' "$1"; printf '%s:%s\\n' "$2" "$hash"; } > "$1.new"
chown root:dovecot "$1.new"
chmod 640 "$1.new"
mv -f -- "$1.new" "$1"
"""


def read_password(inventory: Inventory, address: str, stdin: TextIO) -> str:
    """Return the password for *address*: asked twice on a terminal, else the first line of *stdin*.

    Raises UsageError for an unknown mailbox, and for a password that is short or has control characters.
    """
    known = [one.address for one in inventory.mailboxes]
    if address not in known:
        raise UsageError(f"--user: {address!r} is not a mailbox of {FILE}; {suggest(address, known)}")
    if stdin.isatty():
        password = getpass.getpass(f"Password of {address}: ")
        if getpass.getpass("The same again: ") != password:
            raise UsageError("the passwords differ; run it again")
    else:
        password = stdin.readline().rstrip("\r\n")
    if len(password) < _LEAST or not password.isprintable():
        raise UsageError(f"the password has fewer than {_LEAST} printable characters; choose a longer one")
    return password


def set_password(host: Host, address: str, password: str) -> None:
    """Make a hash of *password* on the machine, and keep it there for *address*."""
    if host.read("test", "-e", PASSWORDS, check=False).status:
        host.fail("is not a mail server yet", "run mail.apply first")
    data = f"{password}\n{password}\n".encode()
    what = f"set the password of {address}"
    host.change_with(what, data, "sh", "-c", _SET_PASSWORD, "sh", PASSWORDS, address)
