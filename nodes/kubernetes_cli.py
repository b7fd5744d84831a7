"""The tasks `containerd.apply` and `kubernetes.*`: parse, call, print.

Reads nodes/kubeadm.yaml, nodes/kubernetes.asc and the authorities of registries. Network: the machines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Protocol

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from nodes.host import Host
from nodes.inventory import FILE, Inventory
from nodes.overlay import load_overlay
from nodes.render.kubeadm import api_port, cgroup_driver
from nodes.runs import Session, TaskResult, run_changes
from nodes.tables import Node
from nodes.tasks import containerd
from nodes.tasks.kubernetes import certificates, create, drain, etcd, reset, upgrade
from nodes.tasks.kubernetes.api import first_plane, server_of
from nodes.tasks.kubernetes.create import Setup
from nodes.tasks.kubernetes.join import join
from nodes.versions import minor_of
from pipelines.core.errors import Fault, SourceError, UsageError
from pipelines.core.files import read_regular

KEY = "kubernetes.asc"


class Run(Protocol):
    """The options of one task, and what they name."""

    directory: Path
    inventory: Inventory
    names: list[str]

    @property
    def session(self) -> Session:
        """How the machines are reached."""

    def result(self, run: Callable[[], TaskResult]) -> None:
        """Print what *run* returns; exit with 1 if a machine has failed."""


Make = Callable[[Context, str, bool, bool, str], Run]
_CONFIRM = "name of the machine, in place of typing it"


def collections(make: Make, help_texts: dict[str, str], directory: str) -> tuple[Collection, Collection]:
    """Return the tasks of containerd and of Kubernetes; *make* reads the options of all tasks."""

    def declare(name: str, work: Callable[..., TaskResult], **own: tuple[str, str]) -> Any:
        """Return the task *name* with its *own* options: the default and the help of each."""

        def run_task(context: Context, **values: Any) -> None:
            common = [values.pop(key) for key in ("hosts", "dry_run", "json", "directory")]
            run = make(context, *common)
            run.result(lambda: work(run, **values))

        defaults = {"hosts": "", "dry_run": False, "json": False, "directory": directory}
        defaults |= {key: default for key, (default, _) in own.items()}
        run_task.__signature__ = _signature(defaults)  # type: ignore[attr-defined]
        run_task.__doc__ = work.__doc__
        own_help = {key.replace("_", "-"): text for key, (_, text) in own.items()}
        return task(name=name, help=help_texts | own_help)(run_task)

    days = (str(certificates.DAYS), "renew the certificates that end within so many days")
    kubernetes = Collection(
        declare("init", _init),
        declare("join", _join),
        declare("upgrade", _upgrade),
        declare("drain", _drain),
        declare("uncordon", _uncordon),
        declare("certs", _certificates, days=days),
        declare("reset", _reset, confirm=("", _CONFIRM)),
        declare("backup", _backup, to=("", "the new file here, outside of Git")),
        declare("restore", _restore, file=("", "the snapshot here"), confirm=("", _CONFIRM)),
    )
    return Collection(declare("apply", _containerd)), kubernetes


def _signature(defaults: dict[str, Any]) -> Signature:
    """Return the signature that invoke reads the options from."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    options = [Parameter(key, kind, default=value) for key, value in defaults.items()]
    return Signature([Parameter("context", kind), *options])


def _containerd(run: Run) -> TaskResult:
    """Configure containerd, the mirrors of registries and the kernel; turn swap off."""
    driver = cgroup_driver(load_overlay(run.directory / "kubeadm.yaml"))
    authorities = _authorities(run)
    step = partial(containerd.apply, inventory=run.inventory, cgroup_driver=driver, authorities=authorities)
    return run_changes(run.session, "containerd.apply", run.inventory.members(run.names), step)


def _init(run: Run) -> TaskResult:
    """Make the cluster: its first control plane. A machine that has one is never reset."""
    node = first_plane(run.inventory)
    if run.names and run.names != [node.name]:
        raise UsageError(f"--hosts: the cluster begins with {node.name}, of the endpoint; leave --hosts out")
    return _on(run, "init", (node,), partial(create.init, setup=_setup(run)))


def _join(run: Run) -> TaskResult:
    """Join the machines that are not in the cluster; bring labels, taints and networks of all up to date."""
    return _on(run, "join", run.inventory.members(run.names), partial(join, setup=_setup(run)))


def _upgrade(run: Run) -> TaskResult:
    """Bring Kubernetes to the version of nodes.toml, one node after the other, drained."""
    setup = _setup(run)
    nodes = upgrade.planned(setup, run.names)
    return _on(run, "upgrade", nodes, partial(upgrade.upgrade, setup=setup))


def _drain(run: Run) -> TaskResult:
    """Move the pods of machines (--hosts) to others; never of two machines of one metal."""

    def step(host: Host) -> None:
        with server_of(run.session, host) as api:
            drain.drain(api, run.inventory, host.node, "drain")

    return _on(run, "drain", _named(run), step)


def _uncordon(run: Run) -> TaskResult:
    """Let machines (--hosts) have pods again."""

    def step(host: Host) -> None:
        with server_of(run.session, host) as api:
            drain.uncordon(api, host.node)

    return _on(run, "uncordon", _named(run), step)


def _certificates(run: Run, days: str) -> TaskResult:
    """Renew the certificates of control planes that end soon, and restart the static pods."""
    if not days.isdigit():
        raise UsageError(f"--days: {days!r} is not a number; write 90")
    step = partial(certificates.renew, days=int(days), port=api_port(run.inventory))
    return _on(run, "certs", run.inventory.chosen(run.names, "control-plane"), step)


def _reset(run: Run, confirm: str) -> TaskResult:
    """Take one machine (--hosts) out of the cluster, and remove Kubernetes from it."""
    node = _one(run)
    _confirm(run, node, confirm, "loses its pods and its part of the cluster")
    return _on(run, "reset", (node,), partial(reset.reset, setup=_setup(run)))


def _backup(run: Run, to: str) -> TaskResult:
    """Take a snapshot of etcd, and write it to a file here (--to), with the authorities beside it."""
    if not to:
        raise UsageError("--to: name the file for the snapshot, outside of Git")
    file = Path(to)
    for one in (file, etcd.authorities_file(file)):
        etcd.check_target(one)
    nodes = run.inventory.chosen(run.names, "control-plane")[:1] if run.names else (_answering(run),)
    return _on(run, "backup", nodes, partial(etcd.backup, file=file))


def _restore(run: Run, file: str, confirm: str) -> TaskResult:
    """Replace the data of etcd by a snapshot (--file); what was written since is lost."""
    node = _one(run)
    if not node.is_control_plane:
        raise UsageError(f"{node.name}: not a control plane; etcd runs on those")
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(
            f"--file: {file or '(none)'} cannot be read ({error.strerror}); name a snapshot"
        ) from None
    others = [one.name for one in run.inventory.with_role("control-plane") if one.name != node.name]
    joined = etcd.joined(run.session, [run.inventory.node(name) for name in others])
    if joined:
        text = f"{', '.join(joined)}: still in the old etcd"
        raise UsageError(f"{text}; reset the other control planes first, and join them afterwards")
    _confirm(run, node, confirm, "loses what was written since the snapshot")
    step = partial(etcd.restore, data=data, port=api_port(run.inventory), now=time.time())
    return _on(run, "restore", (node,), step)


def _on(run: Run, name: str, nodes: Sequence[Node], step: Callable[[Host], None]) -> TaskResult:
    return run_changes(run.session, f"kubernetes.{name}", nodes, step)


def _setup(run: Run) -> Setup:
    """Return what the tasks need from files beside nodes.toml; raise SourceError where one is missing."""
    overlay = load_overlay(run.directory / "kubeadm.yaml")
    address = (
        f"{run.inventory.cluster.packages}/v{minor_of(run.inventory.cluster.kubernetes)}/deb/Release.key"
    )
    fix = f"download {address}, compare its fingerprint, and commit it"
    return Setup(run.session, overlay, _read(run.directory / KEY, f"nodes/{KEY}", fix))


def _authorities(run: Run) -> dict[str, str]:
    """Return the text of each file that a registry names as its authority."""
    names = sorted({one.ca for one in run.inventory.registries if one.ca})
    fix = f"put it beside {FILE}, or change ca of the registry"
    return {name: _read(run.directory / name, f"nodes/{name}", fix) for name in names}


def _read(file: Path, name: str, fix: str) -> str:
    try:
        return read_regular(file).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError([Fault(name, 0, f"cannot be read ({error})", fix)]) from None


def _named(run: Run) -> tuple[Node, ...]:
    if not run.names:
        raise UsageError("--hosts: name the machines; this task is never for all of them")
    return run.inventory.members(run.names)


def _one(run: Run) -> Node:
    if len(run.names) != 1:
        raise UsageError("--hosts: name one machine")
    return run.inventory.members(run.names)[0]


def _confirm(run: Run, node: Node, confirm: str, what: str) -> None:
    """Let the operator type the name of *node*, unless it is in --confirm, or nothing will change."""
    if run.session.dry_run:
        return
    if not confirm and sys.stdin.isatty():
        confirm = input(f"{node.name} {what}. Type its name: ").strip()
    if confirm != node.name:
        given = f"{confirm!r} is not {node.name}" if confirm else "missing"
        raise UsageError(f"--confirm: {given}; write --confirm {node.name} to go on")


def _answering(run: Run) -> Node:
    """Return the first control plane that answers."""
    with server_of(run.session) as api:
        return api.host.node
