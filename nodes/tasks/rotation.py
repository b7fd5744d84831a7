"""Rotate the WireGuard key of one machine without losing a packet.

Network: the machine and all its peers. Writes on them, and nodes.toml.

The machine changes its private key first, its peers right afterwards. In between it
still reads what they send with the old key, and queues what it sends: no peer knows
the new one yet. Each peer then calls it, which ends the queue. Before that, nodes.toml
gets the new key: `wireguard.apply` finishes a run that breaks off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TypeVar

from nodes.host import Host
from nodes.inventory import Inventory, load_inventory
from nodes.render.wireguard import peers, private_key_file, wireguard_file
from nodes.runs import HostResult, Session, TaskResult, state_of
from nodes.tables import Node
from nodes.tasks.system import write_file
from nodes.tasks.wireguard import MAKE_KEY, public_key_of
from pipelines.core.errors import PipelineError
from pipelines.core.files import write_atomic

TASK = "wireguard.rotate"
# Interface, old key, new key, allowed IPs, keepalive, address on the mesh. The endpoint in use stays, since
# the inventory has none for a machine behind NAT. The new peer takes the addresses of the old one, so that no
# packet is without a peer in between. The ping makes the handshake.
_SWAP = r"""set -eu
endpoint="$(wg show "$1" endpoints | awk -v key="$2" '$1 == key && $2 != "(none)" { print $2 }')"
wg set "$1" peer "$3" ${endpoint:+endpoint "$endpoint"} persistent-keepalive "$5" allowed-ips "$4" \
  peer "$2" remove
ping -q -c 1 -W 2 "$6" >/dev/null || true
"""
_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def rotate(session: Session, node: Node, inventory_file: Path) -> TaskResult:
    """Give *node* a new key, on all machines and in *inventory_file*; change nothing if one is away."""
    inventory = session.inventory
    start = monotonic()
    members = [one for one in inventory.chosen() if one.public_key or one is node]
    faults: dict[str, str] = {}
    with ExitStack() as stack:
        hosts: dict[str, Host] = {}
        for name, found in _each(members, session.connect, lambda one: one.name):
            if isinstance(found, PipelineError):
                faults[name] = str(found)
            else:
                hosts[name] = stack.enter_context(found)
        if not faults:
            try:
                _rotate(inventory, hosts, node, inventory_file)
            except PipelineError as error:
                begun = any(one.changes for one in hosts.values()) and not session.dry_run
                faults[node.name] = f"{error}{'; then run wireguard.apply' if begun else ''}"
        seconds = round(monotonic() - start, 3)
        results = [_result(session, one.name, hosts.get(one.name), faults, seconds) for one in members]
    return TaskResult(TASK, session.dry_run, tuple(results))


def _rotate(inventory: Inventory, hosts: dict[str, Host], node: Node, inventory_file: Path) -> None:
    host = hosts[node.name]
    others = [one for name, one in hosts.items() if name != node.name]
    name, key_file = inventory.mesh.interface, private_key_file(inventory)
    if public_key_of(host, key_file) != node.public_key:
        host.fail("its key is not that of nodes.toml", "run wireguard.apply first")
    host.change(f"make {key_file}.new", "sh", "-c", MAKE_KEY, "sh", f"{key_file}.new")
    key = public_key_of(host, f"{key_file}.new") or "NEW"  # a dry run makes none
    if not host.dry_run:
        _replace_key(inventory_file, node, key)
    host.change(f"use the new key for {name}", "wg", "set", name, "private-key", f"{key_file}.new")

    def swap(other: Host) -> None:
        view = next(one for one in peers(inventory, other.node) if one.name == node.name)
        arguments = (name, node.public_key, key, ",".join(view.allowed_ips), str(view.keepalive), node.mesh)
        other.change(f"use the new key of {node.name} for {name}", "sh", "-c", _SWAP, "sh", *arguments)

    _all(others, swap)
    host.change(f"keep the new key in {key_file}", "mv", "-f", "--", f"{key_file}.new", key_file)
    if not host.dry_run:
        updated = load_inventory(inventory_file)
        _all(others, lambda one: write_file(one, wireguard_file(updated, one.node)))
        host.notes.append(f"the new public key is in {inventory_file.name}: commit it")


def _replace_key(file: Path, node: Node, key: str) -> None:
    """Replace the public key of *node* in *file*, and nothing else."""
    text = file.read_text(encoding="utf-8")
    if text.count(f'"{node.public_key}"') != 1:
        raise PipelineError(f"{file.name}: does not have the key of {node.name} once; write it as it was")
    write_atomic(file, text.replace(f'"{node.public_key}"', f'"{key}"').encode())


def _all(hosts: list[Host], call: Callable[[Host], object]) -> None:
    """Call for each of *hosts* at once; raise the first error when all are done."""
    for _, found in _each(hosts, call, lambda one: one.node.name):
        if isinstance(found, PipelineError):
            raise found


def _each(
    items: Sequence[_Item], call: Callable[[_Item], _Value], name: Callable[[_Item], str]
) -> list[tuple[str, _Value | PipelineError]]:
    """Return the name of each of *items* with what *call* gives for it, or its error; all run at once."""

    def one(item: _Item) -> tuple[str, _Value | PipelineError]:
        try:
            return name(item), call(item)
        except PipelineError as error:
            return name(item), error

    with ThreadPoolExecutor(max(1, len(items))) as pool:
        return list(pool.map(one, items))


def _result(
    session: Session, name: str, host: Host | None, faults: dict[str, str], seconds: float
) -> HostResult:
    changes, notes = (host.changes, host.notes) if host else ([], [])
    fault = faults.get(name, "")
    state = state_of(changes, fault, dry_run=session.dry_run)
    return HostResult(name, state, tuple(changes), fault, seconds, tuple(notes))
