"""Render the mesh: the configuration of wg-quick, and the state that a running interface must have.

Reads nodes/templates. No writes, no network. Sources: wg(8), wg-quick(8).
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.inventory import Inventory
from nodes.render.files import ConfigFile, render
from nodes.tables import Node

DIRECTORY = "/etc/wireguard"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another machine, as one machine sees it."""

    name: str
    public_key: str
    allowed_ips: tuple[str, ...]  # sorted: its address on the mesh, and the network of its pods
    endpoint: str  # host and port; "" for a machine behind NAT, which calls first
    keepalive: int  # seconds; 0: none


def private_key_file(inventory: Inventory) -> str:
    """Return the file of the private key, which never leaves its machine."""
    return f"{DIRECTORY}/{inventory.mesh.interface}.key"


def peers(inventory: Inventory, node: Node) -> tuple[Peer, ...]:
    """Return all others that have a key, in the order of names. Keys come from the inventory alone.

    A machine that is away stays a peer: only the inventory adds and removes one.
    """
    return tuple(
        Peer(
            one.name,
            one.public_key,
            tuple(sorted(filter(None, (f"{one.mesh}/32", one.pod_cidr)))),
            one.endpoint or (f"{one.address}:{inventory.mesh.port}" if one.address else ""),
            node.keepalive,
        )
        for one in inventory.chosen()
        if one.public_key and one.name != node.name
    )


def routes(inventory: Inventory, node: Node) -> tuple[str, ...]:
    """Return the networks that are routed into the mesh, sorted: the pods of the others.

    The mesh's own network is that of the interface's address.
    """
    found = {network for peer in peers(inventory, node) for network in peer.allowed_ips}
    return tuple(sorted(one for one in found if not one.endswith("/32")))


def wireguard_file(inventory: Inventory, node: Node) -> ConfigFile:
    """Return the configuration of wg-quick; it reads the private key from its own file."""
    mesh = inventory.mesh
    prefix = mesh.network.partition("/")[2]
    text = render(
        "wireguard/wg.conf",
        mesh=mesh,
        address=f"{node.mesh}/{prefix}",
        key_file=private_key_file(inventory),
        peers=peers(inventory, node),
    )
    return ConfigFile(f"{DIRECTORY}/{mesh.interface}.conf", text, mode=0o600)
