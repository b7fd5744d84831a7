"""`secrets`: make a Secret of the cluster, or rotate the keys of one.

Reads the value of a Secret from standard input, so that no process list shows it.
"""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context
from pipelines.commands.output import write_stdout
from pipelines.core.errors import UsageError

KINDS = ("keys", "receiver", "mail", "charts", "images", "backup", "ca", "alerts")
SIGNING = "signing"  # a pair of keys, not a Secret
STEPS = ("introduce", "use", "retire")  # of a rotation


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("secrets", help="make a Secret of the cluster, or rotate its keys")
    parser.add_argument("kind", nargs="?", choices=(*KINDS, SIGNING), default="keys", metavar="KIND",
                        help=f"one of {', '.join((*KINDS, SIGNING))} (default: keys)")  # fmt: skip
    parser.add_argument("--name", default="site", help="signing: of the public key (default: site)")
    parser.add_argument("--user", default="", help="user of the login; its password comes on standard input")
    parser.add_argument("--server", default="", help="images: the host of the registry")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it to FILE, with mode 600")
    parser.add_argument("--sops", action="store_true", help="encrypt it by sops, by the rules of .sops.yaml")
    parser.add_argument("--rotate", nargs=3, metavar=("NAME", "KEYS", "FILE"),
                        help="rotate a key: NAME of the Secret, its secret-keys or encryption-keys, "
                             "and the file that holds it")  # fmt: skip
    parser.add_argument("--step", choices=STEPS, help="of --rotate: accept a new key, then use it, then "
                        "remove the oldest; roll out after each (default: introduce)")  # fmt: skip
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Make a Secret or a pair of keys, or rotate a key."""
    options = context.options
    if options.rotate:
        return _rotate(context)
    if options.step:
        raise UsageError("--step: needs --rotate")
    if options.kind == SIGNING:
        return _make_pair(context)
    return _make_secret(context)


def _rotate(context: Context) -> int:
    from pipelines.flux import secrets

    name, keys, file = context.options.rotate
    step = context.options.step or "introduce"
    count = secrets.rotate_key(context.project, name, keys, Path(file), step)
    context.log(f"{file}: {name} has {count} {keys} now")
    return 0


def _make_pair(context: Context) -> int:
    from pipelines.flux import secrets

    public = secrets.signing_pair(context.project, context.options.out, context.options.name)
    print(context.options.out)
    print(public.relative_to(context.project).as_posix())
    return 0


def _make_secret(context: Context) -> int:
    from pipelines.flux import secrets

    options = context.options
    if options.out:
        secrets.check_output(context.project, options.out, encrypted=options.sops)
    elif context.environ.get("CI") and not options.sops:
        raise UsageError("a Secret must not be printed to the log of a CI job; add --out FILE, or --sops")
    value = _read_value(options.kind) if "value" in secrets.KINDS[options.kind][1] else ""
    given = secrets.SecretInput(user=options.user, server=options.server, value=value)
    text = secrets.secret_manifest(secrets.make_secret(options.kind, given))
    if options.sops:
        text = secrets.encrypted_secret(context.project, text, options.out)
    if options.out:
        secrets.save_secret(options.out, text)
        print(options.out)
    else:
        write_stdout(text.decode())
    return 0


def _read_value(kind: str) -> str:
    """Return the first line of standard input, without echo on a terminal; of certificates all lines."""
    if kind == "ca":
        return sys.stdin.read()
    if sys.stdin.isatty():
        return getpass(f"password, key or address for {kind}: ")
    return sys.stdin.readline().rstrip("\r\n")
