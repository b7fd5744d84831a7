"""Read nodes.toml into frozen, checked values.

Reads nodes/nodes.toml. No writes, no network, no environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nodes.acme_consistency import check_policy_host, check_wildcards
from nodes.consistency import check_consistency
from nodes.mail_consistency import check_mail
from nodes.tables import (
    Acme,
    Alias,
    Base,
    Cluster,
    Containerd,
    Dns,
    Edge,
    Mail,
    Mailbox,
    Mesh,
    Node,
    Record,
    Registry,
    Ssh,
)
from pipelines.core.errors import Fault, SourceError, UsageError, suggest
from pipelines.core.files import read_regular
from pipelines.core.setting import Table, from_tables, nested, tables_of
from pipelines.core.toml_reader import TomlReader

FILE = "nodes/nodes.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The values of nodes.toml."""

    cluster: Cluster = field(metadata=nested("cluster", Cluster))
    ssh: Ssh = field(metadata=nested("ssh", Ssh))
    mesh: Mesh = field(metadata=nested("mesh", Mesh))
    base: Base = field(metadata=nested("base", Base))
    edge: Edge = field(metadata=nested("edge", Edge))
    acme: Acme = field(metadata=nested("acme", Acme))
    mail: Mail = field(metadata=nested("mail", Mail))
    mailboxes: tuple[Mailbox, ...] = field(
        metadata=nested("mailbox", Mailbox, array=True, doc="Mailboxes; their passwords are on the server.")
    )
    aliases: tuple[Alias, ...] = field(
        metadata=nested("alias", Alias, array=True, doc="Further addresses. `postmaster` is required.")
    )
    dns: Dns = field(metadata=nested("dns", Dns))
    containerd: Containerd = field(metadata=nested("containerd", Containerd))
    registries: tuple[Registry, ...] = field(
        metadata=nested(
            "registry", Registry, array=True, doc="Image registries with mirrors or an authority."
        )
    )
    nodes: tuple[Node, ...] = field(
        metadata=nested("node", Node, array=True, doc="The machines; tasks take them in the order of names.")
    )
    records: tuple[Record, ...] = field(
        metadata=nested(
            "record",
            Record,
            array=True,
            doc="Own records. They replace those of the same name and type that `dns.apply` writes by itself;"
            " a TXT replaces those with the same `v=`.",
        )
    )

    @property
    def mail_domains(self) -> tuple[str, ...]:
        """The domains of mail, the first of which is the server's own."""
        return self.mail.domains or (self.cluster.domain,)

    @property
    def mail_addresses(self) -> tuple[str, ...]:
        """The addresses that the mail server knows."""
        return (*(one.address for one in self.mailboxes), *(one.address for one in self.aliases))

    def node(self, name: str) -> Node:
        """Return the node *name*; raise UsageError for an unknown one."""
        for one in self.nodes:
            if one.name == name:
                return one
        raise UsageError(f"{name}: not in {FILE}; {suggest(name, (one.name for one in self.nodes))}")

    def chosen(self, names: Sequence[str] = (), role: str = "") -> tuple[Node, ...]:
        """Return the nodes *names*, or all with *role*, sorted by name; raise UsageError for an unknown one.

        Of *names*, those without *role* are refused: a task must not skip a node silently.
        """
        if not names:
            found = [one for one in self.nodes if not role or one.has(role)]
            return tuple(sorted(found, key=lambda one: one.name))
        found = [self.node(name) for name in dict.fromkeys(names)]
        for one in found:
            if role and not one.has(role):
                raise UsageError(f"{one.name}: does not have the role {role}; add it in {FILE}:{one.line}")
        return tuple(sorted(found, key=lambda one: one.name))

    def members(self, names: Sequence[str] = ()) -> tuple[Node, ...]:
        """Return the nodes of the cluster, control planes first; refuse those of *names* that are none."""
        for one in (self.node(name) for name in names):
            if not one.in_kubernetes:
                text = f"{one.name}: not a node of the cluster"
                raise UsageError(f"{text}; add control-plane or worker to its roles in {FILE}:{one.line}")
        found = [one for one in self.chosen(names) if one.in_kubernetes]
        return tuple(sorted(found, key=lambda one: (not one.is_control_plane, one.name)))

    def with_role(self, role: str) -> tuple[Node, ...]:
        """Return the nodes with *role*, sorted by name."""
        return self.chosen(role=role)


@cache
def declared_tables() -> dict[str, Table]:
    """Return every table of nodes.toml with its keys."""
    return tables_of(Inventory)


def parse_inventory(text: str, name: str = FILE) -> Inventory:
    """Check the text of a nodes.toml; raise SourceError with every fault at once."""
    reader = TomlReader(text, name, declared_tables())
    check_consistency(reader)
    check_mail(reader)
    check_wildcards(reader)
    check_policy_host(reader)
    if reader.faults:
        raise SourceError(reader.faults)
    return Inventory(**from_tables(Inventory, reader.rows, reader.lines))


def load_inventory(file: Path, name: str = FILE) -> Inventory:
    """Read *file*; raise SourceError when it is missing or invalid."""
    try:
        return parse_inventory(read_regular(file).decode("utf-8"), name)
    except UnicodeDecodeError:
        raise SourceError([Fault(name, 0, "is not UTF-8", "save it as UTF-8")]) from None
    except OSError as error:
        fix = "run in the directory of the site, or name it in NODES_TOML"
        raise SourceError([Fault(name, 0, f"cannot be read ({error.strerror})", fix)]) from None
