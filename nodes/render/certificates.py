"""Render what certbot needs for the certificates of a machine (ACME, RFC 8555).

Reads nodes/templates. No writes, no network. Source: certbot(1).
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.inventory import Inventory
from nodes.render.dns import CHALLENGE
from nodes.render.edge import CHALLENGES, TLS, tls_names
from nodes.render.files import ConfigFile, render
from nodes.sites import Site
from nodes.tables import Node

DIRECTORY = "/etc/nodes/acme"
LIVE = "/etc/letsencrypt/live"  # a directory for each certificate: fullchain.pem and privkey.pem
HOOKS = "/etc/letsencrypt/renewal-hooks/deploy"  # certbot runs each after a renewal, in the order of names
_CHALLENGE = f"{DIRECTORY}/challenge"
_MAIL_PORTS = (25, 465, 993)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of a machine, which certbot requests and renews."""

    name: str  # of its directory below LIVE
    names: tuple[str, ...]  # that it is for
    method: str  # certbot's authenticator: "webroot" (HTTP-01 by NGINX), "standalone", "manual" (DNS-01)

    @property
    def config(self) -> str:
        """The file of certbot's options."""
        return f"{DIRECTORY}/{self.name}.ini"


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate as a server of the machine shows it."""

    name: str
    file: str  # fullchain.pem that the server must have read
    port: int
    starttls: str = ""  # "smtp": TLS begins after a command of that protocol


def certificates_of(inventory: Inventory, node: Node, sites: tuple[Site, ...]) -> tuple[Certificate, ...]:
    """Return the certificates of *node*, in a fixed order; () without [acme] directory."""
    if not inventory.acme.directory:
        return ()
    found = []
    if node.has("edge"):
        names = tls_names(inventory, sites)
        domains = [one for one in inventory.acme.wildcards if any(_covers(one, name) for name in names)]
        found += [Certificate(one, (one, f"*.{one}"), "manual") for one in domains]
        found += [
            Certificate(one, (one,), "webroot")
            for one in names
            if certificate_name(inventory, one) == one and one not in domains
        ]
    host = inventory.mail.host
    # On one machine, the mail server shares the certificate that the edge has of its name.
    if node.has("mail") and host not in {one.name for one in found}:
        found.append(Certificate(host, (host,), "webroot" if node.has("edge") else "standalone"))
    return tuple(found)


def certificate_name(inventory: Inventory, host: str) -> str:
    """Return the name of the certificate that the edge serves for *host*: a wildcard, else its own."""
    return next((one for one in inventory.acme.wildcards if _covers(one, host)), host)


def _covers(domain: str, host: str) -> bool:
    """Return whether a certificate for *domain* and `*.domain` is valid for *host* (RFC 9525, 6.3)."""
    return host == domain or host.partition(".")[2] == domain


def certificate_files(inventory: Inventory, node: Node, sites: tuple[Site, ...]) -> tuple[ConfigFile, ...]:
    """Return the options of each certificate, and the hooks: for DNS-01, and to reload NGINX on an edge."""
    wanted = certificates_of(inventory, node, sites)
    found = [
        ConfigFile(
            one.config,
            render("acme/certbot.ini", acme=inventory.acme, one=one, webroot=CHALLENGES, hook=_CHALLENGE),
            then=f"certificate-{one.name}",
        )
        for one in wanted
    ]
    if any(one.method == "manual" for one in wanted):
        found.append(ConfigFile(_CHALLENGE, render("acme/challenge", command=CHALLENGE), mode=0o755))
    if found and node.has("edge"):
        found.append(ConfigFile(f"{HOOKS}/10-nginx", render("acme/deploy-nginx"), mode=0o755))
    return tuple(found)


def served_certificates(inventory: Inventory, node: Node, sites: tuple[Site, ...]) -> tuple[Served, ...]:
    """Return where the servers of *node* show certificates: NGINX, and those of mail."""
    found = []
    if node.has("edge"):
        found += [Served(one, f"{TLS}/{one}/fullchain.pem", 443) for one in tls_names(inventory, sites)]
    if node.has("mail"):
        host = inventory.mail.host
        file = f"{LIVE}/{host}/fullchain.pem"
        found += [Served(host, file, port, "smtp" if port == 25 else "") for port in _MAIL_PORTS]
    return tuple(found)
