"""Run a task on machines: changes on one after the other, reads on all at once; gather what each did.

No reads, no writes of its own. Network: the machines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TypeVar

from nodes.connection import connect
from nodes.host import Change, Host
from nodes.inventory import Inventory
from nodes.tables import Node
from pipelines.core.errors import PipelineError

UNCHANGED, CHANGED, WOULD_CHANGE = "unchanged", "changed", "would change"
FAILED = "failed"
NOT_STARTED = "not started"  # a machine before it has failed
_Value = TypeVar("_Value")
_WORKERS = 16  # connections at once


@dataclass(frozen=True, slots=True)
class HostResult:
    """What a task did on one machine."""

    host: str
    state: str  # one of the above
    changes: tuple[Change, ...]  # made, or in a dry run those that would be made
    fault: str  # why it failed; else ""
    seconds: float
    notes: tuple[str, ...] = ()  # what the operator must know or copy


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task did on all machines."""

    task: str
    dry_run: bool
    hosts: tuple[HostResult, ...]  # in the order of names

    @property
    def has_failed(self) -> bool:
        """Return whether a machine has failed."""
        return any(one.state == FAILED for one in self.hosts)


@dataclass(frozen=True, slots=True)
class Session:
    """How a task reaches its machines."""

    inventory: Inventory
    known_hosts: Path
    identity: tuple[str, ...] = ()  # files of private keys; (): the agent's, and those of ~/.ssh
    dry_run: bool = False

    def connect(self, node: Node, *, read_only: bool = False) -> Host:
        """Return *node*, connected; with *read_only*, nothing can be changed."""
        return connect(
            self.inventory, node, self.known_hosts, self.identity, dry_run=self.dry_run or read_only
        )


def run_changes(
    session: Session, task: str, nodes: Sequence[Node], apply: Callable[[Host], None]
) -> TaskResult:
    """Apply a task to *nodes* one after the other; stop at the first that fails."""
    results: list[HostResult] = []
    for node in nodes:
        if any(one.state == FAILED for one in results):
            results.append(HostResult(node.name, NOT_STARTED, (), "", 0.0))
        else:
            results.append(_apply(session, node, apply))
    return TaskResult(task, session.dry_run, tuple(results))


def _apply(session: Session, node: Node, apply: Callable[[Host], None]) -> HostResult:
    start = monotonic()
    changes: list[Change] = []
    notes: list[str] = []
    fault = ""
    try:
        with session.connect(node) as host:
            changes, notes = host.changes, host.notes
            apply(host)
    except PipelineError as error:
        fault = str(error)
    seconds = round(monotonic() - start, 3)
    state = state_of(changes, fault, dry_run=session.dry_run)
    return HostResult(node.name, state, tuple(changes), fault, seconds, tuple(notes))


def state_of(changes: Sequence[Change], fault: str, *, dry_run: bool) -> str:
    """Return the state of a machine with these changes."""
    if fault:
        return FAILED
    if not changes:
        return UNCHANGED
    return WOULD_CHANGE if dry_run else CHANGED


def read_all(
    session: Session, nodes: Sequence[Node], read: Callable[[Host], _Value]
) -> dict[str, _Value | PipelineError]:
    """Return what *read* gives for each of *nodes*, by name, or its error.

    A machine that is away stops no other. No machine is changed.
    """

    def one(node: Node) -> _Value | PipelineError:
        try:
            with session.connect(node, read_only=True) as host:
                return read(host)
        except PipelineError as error:
            return error

    if not nodes:
        return {}
    with ThreadPoolExecutor(min(_WORKERS, len(nodes))) as pool:
        return dict(zip((node.name for node in nodes), pool.map(one, nodes), strict=True))
