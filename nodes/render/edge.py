"""Render NGINX at the edge: TLS, limits, and the way to the pods.

Reads nodes/templates. No writes, no network. Source of timeouts: docs/operator.md, "The edge".
"""

from __future__ import annotations

from nodes.inventory import Inventory
from nodes.render.files import ConfigFile, render
from nodes.sites import Site

TLS = "/etc/nodes/tls"  # a directory for each name: fullchain.pem and privkey.pem
PAGES = "/var/www/nodes"
CHALLENGES = "/var/www/acme"  # HTTP-01, below .well-known/acme-challenge
_POLICY_AGE = 604_800  # seconds that senders keep the policy of MTA-STS


def edge_files(inventory: Inventory, sites: tuple[Site, ...]) -> tuple[ConfigFile, ...]:
    """Return the files of NGINX on an edge."""
    targets = inventory.with_role("worker") or inventory.with_role("control-plane")
    text = render(
        "edge/nginx.conf",
        edge=inventory.edge,
        sites=sites,
        targets=targets,
        policy_host=policy_host(inventory),
        policy=policy_text(inventory),
        tls=TLS,
        pages=PAGES,
        challenges=CHALLENGES,
    )
    return (
        ConfigFile(f"{PAGES}/unavailable.html", render("edge/unavailable.html")),
        ConfigFile("/etc/nginx/nginx.conf", text, then="nginx"),
    )


def tls_names(inventory: Inventory, sites: tuple[Site, ...]) -> tuple[str, ...]:
    """Return the names that need a certificate, in a fixed order."""
    return tuple(filter(None, (*(one.host for one in sites), policy_host(inventory))))


def policy_host(inventory: Inventory) -> str:
    """Return the host that serves the MTA-STS policy (RFC 8461, 3.3), "" without one."""
    has_policy = inventory.mail.host and inventory.mail.mta_sts != "none"
    return f"mta-sts.{inventory.cluster.domain}" if has_policy else ""


def policy_text(inventory: Inventory) -> str:
    """Return the MTA-STS policy as NGINX quotes it; its lines end in CRLF (RFC 8461, 3.2)."""
    lines = ("version: STSv1", f"mode: {inventory.mail.mta_sts}", f"mx: {inventory.mail.host}",
             f"max_age: {_POLICY_AGE}")  # fmt: skip
    return "".join(f"{line}\\r\\n" for line in lines)
