"""Check the keys of nodes.toml against each other: duplicates, networks, references, reachability.

Adds faults to a reader. No reads, no writes, no network.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from typing import Any

from nodes.validators import KUBERNETES_ROLES
from pipelines.core.errors import suggest
from pipelines.core.toml_reader import TomlReader

Row = dict[str, Any]  # the keys of a node that are valid
_KUBEADM_KEY = "node-role.kubernetes.io/control-plane"
_UNIQUE = ("name", "address", "address6", "private_address", "mesh", "public_key", "endpoint")


def check_consistency(reader: TomlReader) -> None:
    """Add every fault that needs more than one key; keys with a fault of their own are left out."""
    check = _Consistency(reader)
    for step in (
        check.duplicates,
        check.networks,
        check.addresses,
        check.pod_networks,
        check.references,
        check.reachability,
        check.tunnels,
        check.control_plane,
        check.mail_server,
        check.registries,
        check.labels,
    ):
        step()


class _Consistency:
    """The rows of one file, and its faults."""

    def __init__(self, reader: TomlReader) -> None:
        self._reader = reader
        self._nodes: list[Row] = reader.rows["node"]
        self._cluster: Row = next(iter(reader.rows["cluster"]), {})
        self._mesh: Row = next(iter(reader.rows["mesh"]), {})
        self._by_name: dict[str, Row] = {}
        for row in self._nodes:
            self._by_name.setdefault(row.get("name", ""), row)

    def duplicates(self) -> None:
        """A name, address or key belongs to one node."""
        for key in _UNIQUE:
            seen: dict[str, str] = {}
            for index, row in enumerate(self._nodes):
                value = row.get(key)
                if value and value in seen:
                    self._fault(
                        index, key, f"duplicate {value!r}, as of {seen[value]}", "give each node its own"
                    )
                elif value:
                    seen[value] = row.get("name", f"node {index + 1}")

    def networks(self) -> None:
        """Mesh, pods and Services have networks apart from each other."""
        named = [
            (table, key, IPv4Network(row[key]))
            for table, key, row in (
                ("mesh", "network", self._mesh),
                ("cluster", "pod_network", self._cluster),
                ("cluster", "service_network", self._cluster),
            )
            if key in row
        ]
        for (table, key, one), (other_table, other_key, other) in combinations(named, 2):
            if one.overlaps(other):
                text = f"[{other_table}] {other_key}: overlaps [{table}] {key}, {one}"
                self._reader.add_fault(
                    other_table, 0, other_key, text, "choose networks apart from each other"
                )

    def addresses(self) -> None:
        """A mesh address is a host of the mesh's network; an address is of no network of the cluster."""
        mesh = self._network(self._mesh, "network")
        inner = [
            mesh,
            self._network(self._cluster, "pod_network"),
            self._network(self._cluster, "service_network"),
        ]
        for index, row in enumerate(self._nodes):
            if row.get("mesh") == "":
                self._fault(index, "mesh", "must be an IPv4 address, not ''", 'write "10.90.0.11"')
            elif mesh and "mesh" in row:
                one = IPv4Address(row["mesh"])
                if one not in mesh or one in (mesh.network_address, mesh.broadcast_address):
                    self._fault(
                        index,
                        "mesh",
                        f"{one} is not a host of {mesh}",
                        "take a free address of [mesh] network",
                    )
            if row.get("address"):
                for network in filter(None, inner):
                    if IPv4Address(row["address"]) in network:
                        fix = "write the address of its network card"
                        self._fault(
                            index, "address", f"{row['address']} is in {network}, inside the cluster", fix
                        )

    def pod_networks(self) -> None:
        """Each node of the cluster has a part of the pods' network to itself."""
        whole = self._network(self._cluster, "pod_network")
        seen: list[tuple[str, IPv4Network]] = []
        for index, row in enumerate(self._nodes):
            if not row.get("pod_cidr"):
                if "pod_cidr" in row and _in_kubernetes(row):
                    self._fault(index, "pod_cidr", "missing", "add pod_cidr, a part of [cluster] pod_network")
                continue
            if "roles" in row and not _in_kubernetes(row):
                self._fault(
                    index,
                    "pod_cidr",
                    "only nodes of the cluster have pods",
                    "remove it, or add the role worker",
                )
            one = IPv4Network(row["pod_cidr"])
            if whole and not one.subnet_of(whole):
                self._fault(
                    index, "pod_cidr", f"{one} is not in {whole}", "take a part of [cluster] pod_network"
                )
            for name, other in seen:
                if one.overlaps(other):
                    self._fault(
                        index, "pod_cidr", f"{one} overlaps {other} of {name}", "give each node its own"
                    )
            seen.append((row.get("name", f"node {index + 1}"), one))

    def references(self) -> None:
        """`host` and `jump` name other nodes that can do it."""
        for index, row in enumerate(self._nodes):
            for key in ("host", "jump"):
                name = row.get(key)
                if not name:
                    continue
                other = self._by_name.get(name)
                if name == row.get("name"):
                    self._fault(index, key, "names the node itself", "name another one, or remove it")
                elif other is None:
                    self._fault(
                        index, key, f"unknown node {name!r}", suggest(name, self._by_name.keys() - {""})
                    )
                elif key == "host" and "metal" not in other.get("roles", ("metal",)):
                    self._fault(
                        index, key, f"{name} does not have the role metal", f"add it to the roles of {name}"
                    )
                elif key == "jump" and other.get("address") == "":
                    self._fault(index, key, f"{name} has no address", "name a node that SSH reaches directly")

    def reachability(self) -> None:
        """SSH and WireGuard reach a node behind NAT."""
        for index, row in enumerate(self._nodes):
            if row.get("address") != "":
                continue
            if not all(row.get(key, "?") for key in ("jump", "private_address")):
                fix = "add an address, or jump and private_address: SSH cannot reach it"
                self._fault(index, "", "has neither address nor jump with private_address", fix)
            if row.get("keepalive") == 0:
                self._fault(
                    index, "", "has neither address nor keepalive", "add keepalive = 25: its NAT forgets it"
                )

    def tunnels(self) -> None:
        """Of two nodes, at least one can be called: a mesh has no relay."""
        silent = [
            (index, row) for index, row in enumerate(self._nodes)
            if row.get("address") == "" and row.get("endpoint") == ""
        ]  # fmt: skip
        for index, row in silent[1:]:
            names = ", ".join(str(other.get("name")) for _, other in silent if other is not row)
            text = f"has neither address nor endpoint, as {names}: no tunnel joins them"
            self._fault(index, "", text, "forward a UDP port to it, and write that as endpoint")

    def control_plane(self) -> None:
        """A cluster has a control plane, and its endpoint is on the mesh."""
        roles = {role for row in self._nodes for role in row.get("roles", ("control-plane",))}
        if "worker" in roles and "control-plane" not in roles:
            text = "[cluster]: has workers and no node with the role control-plane"
            self._reader.add_fault("cluster", 0, "", text, "add the role to one or three nodes")
        endpoint = self._cluster.get("control_plane_endpoint", "")
        host, _, port = endpoint.rpartition(":")
        if endpoint and not 0 < int(port) < 65536:
            text = f"[cluster] control_plane_endpoint: {port} is not a port"
            self._reader.add_fault("cluster", 0, "control_plane_endpoint", text, "write a port up to 65535")
        planes = [row.get("mesh") for row in self._nodes if "control-plane" in row.get("roles", ())]
        if planes and None not in planes and _is_ipv4(host) and host not in planes:
            text = f"[cluster] control_plane_endpoint: {host} is not the mesh address of a control plane"
            fix = f"write one of {', '.join(map(str, planes))}, or a name in DNS"
            self._reader.add_fault("cluster", 0, "control_plane_endpoint", text, fix)

    def mail_server(self) -> None:
        """The name of the mail server and the role belong together."""
        mail = next(iter(self._reader.rows["mail"]), {})
        has_role = any("mail" in row.get("roles", ()) for row in self._nodes)
        if mail.get("host") and not has_role:
            text = f"[mail] host: no node has the role mail of {mail['host']}"
            self._reader.add_fault("mail", 0, "host", text, "add the role to a node")
        if has_role and mail.get("host") == "":
            text = "[mail] host: missing, and a node has the role mail"
            self._reader.add_fault("mail", 0, "host", text, 'write host = "mail.example.org"')

    def registries(self) -> None:
        """A registry is written once, with a mirror or an authority."""
        seen: set[str] = set()
        for index, row in enumerate(self._reader.rows["registry"]):
            host = row.get("host", "")
            if host and host in seen:
                text = f"[[registry]] {host}: duplicate"
                self._reader.add_fault("registry", index, "host", text, "write its mirrors in one table")
            seen.add(host)
            if row.get("mirrors") == () and row.get("ca") == "":
                text = f"[[registry]] {host}: has neither mirrors nor ca"
                self._reader.add_fault("registry", index, "", text, "add one of them, or remove the table")

    def labels(self) -> None:
        """Labels and taints of kubeadm are not for the inventory, and a node has a taint once."""
        for index, row in enumerate(self._nodes):
            for key, _ in row.get("labels", ()):
                if key.startswith(_KUBEADM_KEY) or key == "kubernetes.io/hostname":
                    self._fault(index, "labels", f"{key} belongs to Kubernetes", "remove it")
            seen: set[tuple[str, str]] = set()
            for taint in row.get("taints", ()):
                key, _, effect = taint.partition("=")[0].partition(":")
                effect = effect or taint.rpartition(":")[2]
                if key.startswith(_KUBEADM_KEY):
                    fix = "remove it: without the role worker, a control plane has it"
                    self._fault(index, "taints", f"{key} belongs to kubeadm", fix)
                if (key, effect) in seen:
                    self._fault(index, "taints", f"{key} has the effect {effect} twice", "keep one value")
                seen.add((key, effect))
            if row.get("taints") and "roles" in row and not _in_kubernetes(row):
                self._fault(index, "taints", "only nodes of the cluster have taints", "remove them")

    def _fault(self, index: int, key: str, text: str, fix: str) -> None:
        name = self._nodes[index].get("name", f"node {index + 1}")
        where = f"[[node]] {name} {key}" if key else f"[[node]] {name}"
        self._reader.add_fault("node", index, key, f"{where}: {text}", fix)

    @staticmethod
    def _network(row: Row, key: str) -> IPv4Network | None:
        return IPv4Network(row[key]) if key in row else None


def _in_kubernetes(row: Row) -> bool:
    return not KUBERNETES_ROLES.isdisjoint(row.get("roles", ()))


def _is_ipv4(text: str) -> bool:
    return text.replace(".", "").isdigit()
