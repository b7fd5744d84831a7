"""The tasks, as `fab --search-root nodes` and `make nodes` run them: parse, call, print.

Reads nodes.toml, known_hosts and site.toml. Network: the machines. Exit status: 0
done, 1 a machine or a file has a fault, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # fab imports this file by its directory

from nodes import report
from nodes.host import Host
from nodes.inventory import FILE, Inventory, load_inventory
from nodes.kubernetes_cli import collections
from nodes.render.certificates import certificates_of
from nodes.render.dns import challenge_clients
from nodes.runs import Session, TaskResult, run_changes
from nodes.sites import Site, sites_of
from nodes.tasks import base, dns, edge, firewall, mail, passwords, rotation, ssh, status, wireguard
from pipelines.core.config import load_config
from pipelines.core.errors import PipelineError, UsageError

DIRECTORY = str(Path(__file__).resolve().parent)
HELP = {
    "hosts": "machines, separated by commas (default: all that the task is for)",
    "dry-run": "print what would change, and change nothing",
    "json": "print the result as JSON",
    "directory": "directory of nodes.toml and known_hosts; site.toml is in its parent",
}
MAIL_HELP = {
    "user": "the mailbox; its password is read from the terminal, or from stdin",
    "json": HELP["json"],
    "directory": HELP["directory"],
}


class _Run:
    """The options of one task, and what they name."""

    def __init__(self, context: Context, hosts: str, dry_run: bool, json: bool, directory: str) -> None:
        self.json = json
        self.directory = Path(directory)
        try:
            if context.config.run.dry:
                raise UsageError("--dry: has no meaning here; write --dry-run behind the task")
            self.inventory: Inventory = load_inventory(self.directory / "nodes.toml", FILE)
            self.names = [name for name in hosts.split(",") if name]
            self.inventory.chosen(self.names)
        except PipelineError as error:
            raise _exit(error) from None
        keys = context.config.get("connect_kwargs", {}).get("key_filename") or ()
        identity = (keys,) if isinstance(keys, str) else tuple(keys)
        known_hosts = self.directory / "known_hosts"
        self.session = Session(self.inventory, known_hosts, identity, dry_run=dry_run)

    def sites(self) -> tuple[Site, ...]:
        """Return the sites behind the edge; raise SourceError where site.toml and nodes.toml disagree."""
        return sites_of(self.inventory, load_config(self.directory.resolve().parent))

    def changes(self, name: str, apply: Callable[[Host], None], role: str = "") -> None:
        """Apply a task to the machines that were chosen, one after the other."""
        self.result(lambda: run_changes(self.session, name, self.inventory.chosen(self.names, role), apply))

    def result(self, run: Callable[[], TaskResult]) -> None:
        """Print what *run* returns; exit with 1 if a machine has failed."""
        try:
            done = run()
        except PipelineError as error:
            raise _exit(error) from None
        colours = sys.stdout.isatty()
        sys.stdout.write(report.to_json(done) if self.json else report.to_text(done, colours=colours))
        if done.has_failed:
            raise Exit(code=1)


def _exit(error: PipelineError) -> Exit:
    return Exit(f"error: {error}", code=error.exit_code)


def _declare(name: str) -> Callable[[Callable[[_Run], None]], Any]:
    """Return a decorator: it makes a task *name*, with the options of all tasks, of a function."""

    def decorate(function: Callable[[_Run], None]) -> Any:
        def run_task(
            context: Context,
            hosts: str = "",
            dry_run: bool = False,
            json: bool = False,
            directory: str = DIRECTORY,
        ) -> None:
            function(_Run(context, hosts, dry_run, json, directory))

        run_task.__doc__ = function.__doc__
        return task(name=name, help=HELP)(run_task)

    return decorate


@_declare("base")
def base_task(run: _Run) -> None:
    """Write names, time, journal, updates and sudo."""
    run.changes("base", partial(base.apply, inventory=run.inventory))


@_declare("ssh")
def ssh_task(run: _Run) -> None:
    """Write the keys and the configuration of sshd; the old one returns unless a new connection succeeds."""
    run.changes("ssh", partial(ssh.apply, session=run.session))


@_declare("keys")
def wireguard_keys(run: _Run) -> None:
    """Make a private key where there is none, and print the public ones that nodes.toml lacks."""
    run.changes("wireguard.keys", partial(wireguard.ensure_key, inventory=run.inventory))


@_declare("apply")
def wireguard_apply(run: _Run) -> None:
    """Make the mesh what nodes.toml says, without a restart."""
    run.changes("wireguard.apply", partial(wireguard.apply, inventory=run.inventory))


@_declare("rotate")
def wireguard_rotate(run: _Run) -> None:
    """Give one machine a new key, on all machines and in nodes.toml, without losing a packet."""
    if len(run.names) != 1:
        raise _exit(UsageError("--hosts: name one machine; keys are rotated one after the other"))
    node = run.inventory.node(run.names[0])
    run.result(lambda: rotation.rotate(run.session, node, run.directory / "nodes.toml"))


@_declare("apply")
def firewall_apply(run: _Run) -> None:
    """Load the firewall; the old rules return after 60 s unless a new connection succeeds."""
    run.changes("firewall.apply", partial(firewall.apply, session=run.session))


@_declare("apply")
def edge_apply(run: _Run) -> None:
    """Configure NGINX on the machines with the role edge."""

    def apply() -> TaskResult:
        step = partial(edge.apply, inventory=run.inventory, sites=run.sites())
        return run_changes(run.session, "edge.apply", run.inventory.chosen(run.names, "edge"), step)

    run.result(apply)


@_declare("keys")
def dns_keys(run: _Run) -> None:
    """Make the keys with which edges set challenges of DNS-01, and print those that nodes.toml lacks."""
    clients = {one.name: one for one in challenge_clients(run.inventory)}
    others = [name for name in run.names if name not in clients]
    if others:
        text = f"--hosts: {', '.join(others)}: not an edge that sets challenges over SSH"
        raise _exit(UsageError(f"{text}; choose from: {', '.join(clients) or 'none'}"))
    nodes = [clients[name] for name in run.names or clients]
    run.result(lambda: run_changes(run.session, "dns.keys", nodes, dns.ensure_challenge_key))


@task(name="apply", help={**HELP, "new-keys": "make another key for a zone whose key is lost"})
def dns_apply(
    context: Context,
    hosts: str = "",
    dry_run: bool = False,
    json: bool = False,
    new_keys: bool = False,
    directory: str = DIRECTORY,
) -> None:
    """Render the zones, sign them on the primary, and let the secondaries follow."""
    run = _Run(context, hosts, dry_run, json, directory)
    run.result(lambda: dns.apply(run.session, run.names, run.sites(), new_keys=new_keys))


@_declare("keys")
def mail_keys(run: _Run) -> None:
    """Make the keys of DKIM that are missing on the mail server, and print the new records for DNS."""
    run.changes("mail.keys", partial(mail.ensure_keys, inventory=run.inventory), "mail")


@_declare("apply")
def mail_apply(run: _Run) -> None:
    """Configure Postfix, Dovecot and OpenDKIM on the mail server; on a fault, the old files return."""
    run.changes("mail.apply", partial(mail.apply, inventory=run.inventory), "mail")


@task(name="password", help=MAIL_HELP)
def mail_password(context: Context, user: str, json: bool = False, directory: str = DIRECTORY) -> None:
    """Set the password of a mailbox; its hash is made on the mail server, and stays there."""
    run = _Run(context, "", False, json, directory)
    try:
        password = passwords.read_password(run.inventory, user, sys.stdin)
    except PipelineError as error:
        raise _exit(error) from None
    step = partial(passwords.set_password, address=user, password=password)
    run.changes("mail.password", step, "mail")


@task(name="renew", help={**HELP, "force": "renew certificates that are not due, too"})
def edge_renew(
    context: Context,
    hosts: str = "",
    dry_run: bool = False,
    json: bool = False,
    force: bool = False,
    directory: str = DIRECTORY,
) -> None:
    """Renew the certificates that are due on the machines with the roles edge and mail, and print each."""
    run = _Run(context, hosts, dry_run, json, directory)

    def renew() -> TaskResult:
        sites = run.sites()
        nodes = [one for one in run.inventory.chosen(run.names) if certificates_of(run.inventory, one, sites)]
        if not nodes:
            fix = "write [acme] directory, and name a machine with the role edge or mail"
            raise UsageError(f"edge.renew: no machine requests a certificate; {fix}")
        step = partial(edge.renew, inventory=run.inventory, sites=sites, force=force)
        return run_changes(run.session, "edge.renew", nodes, step)

    run.result(renew)


@task(name="status", help={key: HELP[key] for key in ("hosts", "json", "directory")})
def status_task(context: Context, hosts: str = "", json: bool = False, directory: str = DIRECTORY) -> None:
    """Print the state of every machine; exit with 1 if something needs a look."""
    run = _Run(context, hosts, False, json, directory)
    nodes = run.inventory.chosen(run.names)
    try:
        rows = status.status(run.session, nodes, run.sites() if any(one.has("edge") for one in nodes) else ())
    except PipelineError as error:
        raise _exit(error) from None
    colours = sys.stdout.isatty()
    sys.stdout.write(report.status_json(rows) if json else report.status_text(rows, colours=colours))
    if any(one.faults for one in rows):
        raise Exit(code=1)


containerd_tasks, kubernetes_tasks = collections(_Run, HELP, DIRECTORY)
namespace = Collection(
    base_task,
    ssh_task,
    status_task,
    wireguard=Collection(wireguard_keys, wireguard_apply, wireguard_rotate),
    firewall=Collection(firewall_apply),
    containerd=containerd_tasks,
    kubernetes=kubernetes_tasks,
    dns=Collection(dns_keys, dns_apply),
    mail=Collection(mail_keys, mail_apply, mail_password),
    edge=Collection(edge_apply, edge_renew),
)
