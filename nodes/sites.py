"""The sites that the edge serves, from site.toml; faults where it and nodes.toml disagree.

No reads, no writes, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from nodes.inventory import FILE, Inventory
from pipelines.core.config import Environment, SiteConfig
from pipelines.core.errors import Fault, SourceError

SITE_FILE = "site.toml"


@dataclass(frozen=True, slots=True)
class Site:
    """One environment behind the edge."""

    name: str  # "production"
    host: str  # of its address
    port: int  # of every node
    webhook_port: int  # of every node, for Flux's Receivers; 0: none


def sites_of(inventory: Inventory, config: SiteConfig) -> tuple[Site, ...]:
    """Return the sites of [edge] environments; raise SourceError with every disagreement at once."""
    by_name = {one.name: one for one in config.environments}
    faults = [
        Fault(
            FILE,
            0,
            f"[edge] environments: {SITE_FILE} has no environment {name!r}",
            "remove it, or add it there",
        )
        for name in inventory.edge.environments
        if name not in by_name
    ]
    chosen = [by_name[name] for name in inventory.edge.environments if name in by_name]
    for one in chosen:
        faults += _faults_of(one, inventory)
    ports = [port for one in chosen for port in (one.edge_port, one.webhook_port) if port]
    if len(set(ports)) != len(ports):
        text = f"[[environment]]: ports {', '.join(map(str, sorted(ports)))} are not different"
        faults.append(
            Fault(SITE_FILE, chosen[0].line, text, "give edge_port and webhook_port of each its own")
        )
    if faults:
        raise SourceError(faults)
    return tuple(
        Site(one.name, urlsplit(one.url).hostname or "", one.edge_port, one.webhook_port) for one in chosen
    )


def _faults_of(one: Environment, inventory: Inventory) -> list[Fault]:
    """Return where one environment contradicts the inventory."""
    found = []

    def fault(key: str, text: str, fix: str) -> None:
        found.append(Fault(SITE_FILE, one.line, f"[[environment]] {one.name} {key}: {text}", fix))

    if one.edge != "nodeport":
        fault("edge", f'"{one.edge}" has no edge outside of the cluster', 'write "nodeport"')
    for node in inventory.with_role("edge"):
        if not _contains(one.trusted, node.mesh):
            text = f"lacks {node.mesh}, the address of {node.name} on the mesh"
            fault("trusted", text, f'add "{node.mesh}/32"')
    host = urlsplit(one.url).hostname or ""
    wildcards, edges, mail = (
        inventory.acme.wildcards,
        inventory.with_role("edge"),
        inventory.with_role("mail"),
    )
    if host == inventory.mail.host and edges != mail:
        text = f"{host} is [mail] host of {FILE} too, of other machines than its edges"
        fault("url", text, f'name the mail server "mail.{host}"')
    if inventory.acme.directory and len(edges) > 1 and not {host, host.partition(".")[2]} & {*wildcards}:
        text = f"{host} needs DNS-01: HTTP-01 reaches one of {', '.join(edge.name for edge in edges)} only"
        fault("url", text, f'add "{host.partition(".")[2]}" to [acme] wildcards of {FILE}')
    if inventory.cluster.pod_network not in one.pods:
        fault(
            "pods",
            f"lacks {inventory.cluster.pod_network}, [cluster] pod_network of {FILE}",
            "write the same",
        )
    if inventory.mail.host and one.mail_host and one.mail_host != inventory.mail.host:
        text = f"{one.mail_host} is not {inventory.mail.host}, [mail] host of {FILE}"
        fault("mail_host", text, "write the same")
    if inventory.mail.host and one.mail_host == inventory.mail.host:
        for node in inventory.with_role("mail"):
            if node.address and not _contains(one.mail_networks, node.address):
                text = f"lacks {node.address}, the address of {node.name}"
                fault("mail_networks", text, f'add "{node.address}/32"')
        sender = one.mail_from or f"login@{urlsplit(one.url).hostname}"
        if sender not in inventory.mail_addresses:
            text = f"{sender} is not an address of {FILE}: the mail server refuses it as a sender"
            fault("mail_from", text, "add it there as a [[mailbox]], whose password the login has")
        if not one.mail_login:
            fault("mail_login", "the mail server accepts no mail without a password", "write true")
    return found


def _contains(networks: tuple[str, ...], address: str) -> bool:
    return any(ip_address(address) in ip_network(one) for one in networks)
