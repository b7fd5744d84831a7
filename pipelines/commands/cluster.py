"""`settings` and `secrets`: their words on the command line, and what a person sees of them.

Reads standard input where a secret is told there. Writes to stdout and stderr.
The environment comes from the command line.
"""

from __future__ import annotations

import argparse
import sys
from getpass import getpass
from pathlib import Path

from pipelines.commands.context import Context
from pipelines.core import config
from pipelines.core.errors import UsageError

KINDS = ("keys", "receiver", "mail", "charts", "images", "backup", "ca", "alerts")
SIGNING = "signing"  # a pair of keys, not a Secret
STEPS = ("introduce", "use", "retire")  # of a rotation


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two commands to *commands*."""
    facts = commands.add_parser("settings", help="write what flux/ needs to know of site.toml")
    facts.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    facts.set_defaults(work=settings)

    keys = commands.add_parser("secrets", help="make a Secret of the cluster, or rotate its keys")
    keys.add_argument("kind", nargs="?", choices=(*KINDS, SIGNING), default="keys", metavar="KIND",
                      help=f"one of {', '.join((*KINDS, SIGNING))} (default: keys)")  # fmt: skip
    keys.add_argument("--name", default="site", help="signing: of the public key (default: site)")
    keys.add_argument("--user", default="", help="the login's name; its password comes on standard input")
    keys.add_argument("--server", default="", help="images: the host of the registry")
    keys.add_argument("--out", type=Path, metavar="FILE", help="write it there, readable by you alone")
    keys.add_argument("--sops", action="store_true", help="encrypted by sops, as .sops.yaml says")
    keys.add_argument("--rotate", nargs=3, metavar=("NAME", "KEYS", "FILE"),
                      help="change a key: NAME of the Secret, its secret-keys or encryption-keys, "
                           "and the file that holds it")  # fmt: skip
    keys.add_argument("--step", choices=STEPS, help="of --rotate: a new key is believed, then used, "
                      "and the oldest is forgotten; roll out after each (default: introduce)")  # fmt: skip
    keys.set_defaults(work=secrets)


def settings(options: argparse.Namespace, context: Context) -> int:
    """Write or check what flux/ knows of site.toml."""
    from pipelines.flux import settings as work

    project = options.project.resolve()
    found = work.site_settings(project, config.load_config(project))
    if options.check:
        work.check_settings(project, found)
        return 0
    for path in work.write_settings(project, found):
        print(path)
    return 0


def secrets(options: argparse.Namespace, context: Context) -> int:
    """Make a Secret, or change a key of one."""
    from pipelines.flux import secrets as work

    project = options.project.resolve()
    if options.rotate:
        name, keys, file = options.rotate
        count = work.rotate_key(project, name, keys, Path(file), options.step or "introduce")
        print(f"{file}: {name} has {count} {keys} now", file=sys.stderr)
        return 0
    if options.step:
        raise UsageError("--step belongs to --rotate")
    if options.kind == SIGNING:
        public = work.signing_pair(project, options.out, options.name)
        print(options.out)
        print(public.relative_to(project).as_posix())
        return 0
    if options.out:
        work.check_output(project, options.out, clear=not options.sops)
    elif context.environ.get("CI") and not options.sops:
        raise UsageError("the log of a pipeline is no place for a Secret; add --out FILE, or --sops")
    value = _told_in_secret(options.kind) if "value" in work.KINDS[options.kind][1] else ""
    given = work.SecretInput(user=options.user, server=options.server, value=value)
    text = work.secret_manifest(work.make_secret(options.kind, given))
    if options.sops:
        text = work.encrypted_secret(project, text, options.out)
    if options.out:
        work.save_secret(options.out, text)
        print(options.out)
    else:
        sys.stdout.write(text.decode())
    return 0


def _told_in_secret(kind: str) -> str:
    """Return the first line of standard input, which a terminal does not show; of certificates all lines."""
    if kind == "ca":
        return sys.stdin.read()
    if sys.stdin.isatty():
        return getpass(f"password, key or address for {kind}: ")
    return sys.stdin.readline().rstrip("\r\n")
