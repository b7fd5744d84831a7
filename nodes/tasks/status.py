"""The state of every machine: what an operator looks at first.

Network: all machines. No writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.runs import Session, read_all
from nodes.sites import Site
from nodes.tables import Node
from nodes.tasks.certificates import read_certificates
from nodes.tasks.dns_status import read_zones
from nodes.tasks.health import Probe, Value, read_drift, read_kubelet, read_mesh, read_routes, read_system
from nodes.tasks.kubernetes.health import read_control_plane
from nodes.tasks.mail_status import read_mail
from pipelines.core.errors import PipelineError

# What is read, in this order; each sets values of COLUMNS, and adds faults.
READERS: tuple[Callable[[Probe], None], ...] = (
    read_system,
    read_mesh,
    read_routes,
    read_kubelet,
    read_control_plane,
    read_certificates,
    read_zones,
    read_mail,
    read_drift,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table."""

    key: str  # of JSON, and of Probe.values
    title: str
    unit: str = ""  # behind the value


COLUMNS = (
    Column("clock_skew", "clock", " s"),
    Column("disk", "disk", " %"),
    Column("mesh", "mesh"),  # "3/3": peers with a recent handshake, and all
    Column("handshake", "handshake", " s"),  # seconds since the oldest of the peers' last ones
    Column("kubelet", "kubelet"),
    Column("certificate_days", "certificate", " d"),  # of the one that ends first
    Column("zone", "zone"),  # serial of the first zone
    Column("mail_queue", "mails"),  # that wait in the queue
    Column("reboot", "reboot"),
    Column("drift", "drift"),  # files that differ from nodes.toml
)


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What was read from one machine; what is wrong, without a full stop, is in *faults*."""

    host: str
    is_reachable: bool
    values: tuple[tuple[str, Value], ...]  # by the key of a column, in their order; () where it is away
    faults: tuple[str, ...]


def status(session: Session, nodes: tuple[Node, ...], sites: tuple[Site, ...]) -> tuple[NodeStatus, ...]:
    """Return the state of each of *nodes*, all read at once."""
    found = read_all(session, nodes, lambda host: _read(host, session.inventory, sites))
    return tuple(
        NodeStatus(name, False, (), (str(one),)) if isinstance(one, PipelineError) else one
        for name, one in found.items()
    )


def _read(host: Host, inventory: Inventory, sites: tuple[Site, ...]) -> NodeStatus:
    probe = Probe(host, inventory, sites)
    for read in READERS:
        read(probe)
    values = tuple((column.key, probe.values.get(column.key)) for column in COLUMNS)
    return NodeStatus(host.node.name, True, values, tuple(probe.faults))
