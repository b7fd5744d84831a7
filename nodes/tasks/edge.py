"""NGINX at the edge, and its certificates.

Network: the machine, which calls the ACME authority. Writes on it.
"""

from __future__ import annotations

import time

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.certificates import LIVE, certificate_name, served_certificates
from nodes.render.edge import CHALLENGES, TLS, edge_files, tls_names
from nodes.sites import Site
from nodes.tasks.certificates import State, ensure_certificates, read_states, renew_certificates
from nodes.tasks.system import ensure_packages, ensure_service, write_file

_CHECKS = {"/etc/nginx/nginx.conf": ("nginx", "-t", "-q", "-c")}
# Directory and name. A browser refuses it, and NGINX starts: HTTP-01 needs a running server.
_SELF_SIGNED = """set -eu
umask 077
mkdir -p -- "$1.new"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$2" \
  -addext "subjectAltName=DNS:$2" -keyout "$1.new/privkey.pem" -out "$1.new/fullchain.pem" 2>/dev/null
chmod 755 -- "$1.new"
chmod 644 -- "$1.new/fullchain.pem"
[ ! -L "$1" ] || rm -- "$1"
mv -T -- "$1.new" "$1"
"""
# Link, its target, and where a directory in its place is kept.
_LINK = """set -eu
if [ -d "$1" ] && [ ! -L "$1" ]; then mkdir -p -- "${3%/*}"; rm -rf -- "$3"; mv -T -- "$1" "$3"; fi
ln -sfn -- "$2" "$1.new"
mv -T -- "$1.new" "$1"
"""
_REPLACED = "/etc/nodes/tls-replaced"
_RELOAD = ("sh", "-c", "nginx -t -q && systemctl reload nginx.service")
_SETTLE = 3.0  # seconds after a reload until no process has the old certificate


def apply(host: Host, inventory: Inventory, sites: tuple[Site, ...]) -> None:
    """Write the configuration, check and load it; request certificates, with self-signed ones until then."""
    ensure_packages(host, "nginx", "openssl")
    if host.read("test", "-d", CHALLENGES, check=False).status:
        host.change(f"make {CHALLENGES}", "install", "-d", "-m", "755", CHALLENGES)
    for name in tls_names(inventory, sites):
        directory = f"{TLS}/{name}"
        if host.read("test", "-e", f"{directory}/fullchain.pem", check=False).status:
            what = f"make a self-signed certificate for {name}"
            host.change(what, "sh", "-c", f"mkdir -p -m 755 -- {TLS}; {_SELF_SIGNED}", "sh", directory, name)
            if not inventory.acme.directory:
                host.notes.append(f"{name} has a self-signed certificate: put its own into {directory}")
    for file in edge_files(inventory, sites):
        write_file(host, file, _CHECKS.get(file.path, ()))
    ensure_service(host, "nginx.service")
    host.settle("nginx", "reload NGINX", "systemctl", "reload-or-restart", "nginx.service")
    if inventory.acme.directory:
        ensure_certificates(host, inventory, sites)
        _serve_certificates(host, inventory, sites)


def renew(host: Host, inventory: Inventory, sites: tuple[Site, ...], *, force: bool) -> None:
    """Renew the certificates of an edge or a mail server that are due, or all with *force*; report each."""
    renew_certificates(host, inventory, sites, force=force)
    stale = _stale(host, inventory, sites)
    if any(one.port == 443 for one in stale):
        host.change("reload NGINX: it serves an older certificate than its file", *_RELOAD)
        stale = _stale(host, inventory, sites)
    if stale and not host.dry_run:
        names = ", ".join(f"{one.name} (port {one.port})" for one in stale)
        host.fail(f"still serves the old certificate of {names}", "look at its log, and reload it")


def _stale(host: Host, inventory: Inventory, sites: tuple[Site, ...]) -> list[State]:
    """Return the certificates that a server shows an older one of, also some seconds after its reload."""
    deadline = time.monotonic() + _SETTLE
    while True:
        states = read_states(host, served_certificates(inventory, host.node, sites))
        found = [one for one in states if one.is_stale]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _serve_certificates(host: Host, inventory: Inventory, sites: tuple[Site, ...]) -> None:
    """Let NGINX serve the files of certbot, and reload it where it serves older ones."""
    is_new = False
    for name in tls_names(inventory, sites):
        link, target = f"{TLS}/{name}", f"{LIVE}/{certificate_name(inventory, name)}"
        if host.read("readlink", link, check=False).stdout.strip() != target:
            is_new = True
            host.change(f"serve {target}", "sh", "-c", _LINK, "sh", link, target, f"{_REPLACED}/{name}")
    served = tuple(one for one in served_certificates(inventory, host.node, sites) if one.port == 443)
    if is_new or any(one.is_stale for one in read_states(host, served)):
        host.change("reload NGINX with its certificates", *_RELOAD)
        if not host.dry_run:
            _stale(host, inventory, sites)  # waits
