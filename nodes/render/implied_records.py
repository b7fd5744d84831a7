"""The records that the inventory implies: name servers, machines, sites, certificates, mail.

Functions of values. No reads, no writes, no network. Sources: RFC 4255 (SSHFP), 6186 and 8314 (SRV of mail),
7208 (SPF), 7489 (DMARC), 8460 (TLS-RPT), 8461 (MTA-STS), 8659 (CAA).
"""

from __future__ import annotations

import base64
import hashlib
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from nodes.inventory import Inventory
from nodes.rdata import txt
from nodes.render.edge import policy_host, policy_text
from nodes.render.zone_rules import ResourceRecord
from nodes.tables import Node

# Algorithms of SSHFP (RFC 4255, 6594, 7479).
_SSH_ALGORITHMS = {"ssh-rsa": 1, "ecdsa-sha2-nistp256": 3, "ecdsa-sha2-nistp384": 3,
                   "ecdsa-sha2-nistp521": 3, "ssh-ed25519": 4}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not in nodes.toml."""

    hosts: tuple[str, ...] = ()  # names that the edge serves
    known_hosts: str = ""  # text of the file
    records: tuple[ResourceRecord, ...] = ()  # read from the machines: DKIM keys and TLSA


def zone_names(inventory: Inventory) -> tuple[str, ...]:
    """Return the zones; the first takes the records that name none."""
    return inventory.dns.zones or (inventory.cluster.domain,)


def name_servers(inventory: Inventory) -> tuple[Node, ...]:
    """Return the primary, then the secondaries in the order of names; () without a primary."""
    servers = inventory.with_role("dns") if inventory.dns.primary else ()
    return tuple(sorted(servers, key=lambda one: one.name != inventory.dns.primary))


def contact(inventory: Inventory) -> str:
    """Return the mail address of the zones."""
    return inventory.dns.contact or f"postmaster@{inventory.cluster.domain}"


def implied_records(inventory: Inventory, facts: Facts) -> Iterator[ResourceRecord]:
    """Yield the records that the inventory implies."""
    ttl = inventory.dns.ttl

    def record(name: str, kind: str, data: str) -> ResourceRecord:
        return ResourceRecord(f"{name}.", kind, data, ttl)

    zones, domain = zone_names(inventory), inventory.cluster.domain
    for zone in zones:
        for server in name_servers(inventory):
            yield record(zone, "NS", f"{server.name}.{domain}.")
    for node in inventory.chosen():
        for kind, address in _addresses(node):
            yield record(f"{node.name}.{domain}", kind, address)
        for data in _fingerprints(node, inventory.ssh.port, facts.known_hosts):
            yield record(f"{node.name}.{domain}", "SSHFP", data)
    for host in (*facts.hosts, *filter(None, (policy_host(inventory),))):
        for node in inventory.with_role("edge"):
            for kind, address in _addresses(node):
                yield record(host, kind, address)
    for authority in inventory.dns.caa:
        yield record(domain, "CAA", f'0 issue "{authority}"')
    if inventory.dns.caa:
        yield record(domain, "CAA", f'0 iodef "mailto:{contact(inventory)}"')
    if inventory.mail.host:
        yield from (record(*one) for one in _mail(inventory))


def _mail(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """Yield the records of mail but DKIM and TLSA, which are on the machines."""
    host = inventory.mail.host
    for node in inventory.with_role("mail"):
        for kind, address in _addresses(node):
            yield host, kind, address
    if host not in inventory.mail_domains:
        yield host, "TXT", txt("v=spf1 a -all")  # for bounces, whose sender is the host (RFC 7208, 2.4)
    report = f"rua=mailto:{contact(inventory)}"
    for domain in inventory.mail_domains:
        yield domain, "MX", f"10 {host}."
        yield domain, "TXT", txt("v=spf1 mx -all")
        yield f"_dmarc.{domain}", "TXT", txt(f"v=DMARC1; p=reject; adkim=s; aspf=s; {report}")
        reports = contact(inventory).partition("@")[2]
        if domain != reports:  # it takes reports of another domain (RFC 7489, 7.1)
            yield f"{domain}._report._dmarc.{reports}", "TXT", txt("v=DMARC1")
        yield f"_smtp._tls.{domain}", "TXT", txt(f"v=TLSRPTv1; {report}")
        # RFC 6186 and 8314: how mail programs find the server.
        yield f"_submissions._tcp.{domain}", "SRV", f"0 1 465 {host}."
        yield f"_imaps._tcp.{domain}", "SRV", f"0 1 993 {host}."
    if policy_host(inventory):
        # An id that changes with the policy (RFC 8461, 3.1).
        identity = hashlib.sha256(policy_text(inventory).encode()).hexdigest()[:16]
        yield policy_host(inventory).replace("mta-sts", "_mta-sts", 1), "TXT", txt(f"v=STSv1; id={identity}")


def _addresses(node: Node) -> Iterator[tuple[str, str]]:
    if node.address:
        yield "A", node.address
    if node.address6:
        yield "AAAA", node.address6


def _fingerprints(node: Node, port: int, known_hosts: str) -> Iterator[str]:
    """Yield the SSHFP of a node that is reached by its address: SHA-256 of each of its host keys."""
    wanted = {node.address, f"[{node.address}]:{port}"} if node.address else set()
    for line in known_hosts.splitlines():
        names, kind, key, *_ = [*line.split(), "", "", ""]
        if wanted & set(names.split(",")) and kind in _SSH_ALGORITHMS:
            with suppress(Base64Error):  # paramiko refuses the file at the first connection
                digest = hashlib.sha256(base64.b64decode(key)).hexdigest()
                yield f"{_SSH_ALGORITHMS[kind]} 2 {digest}"
