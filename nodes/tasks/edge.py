"""NGINX at the edge.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.edge import CHALLENGES, TLS, edge_files, tls_names
from nodes.sites import Site
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
mv -T -- "$1.new" "$1"
"""


def apply(host: Host, inventory: Inventory, sites: tuple[Site, ...]) -> None:
    """Write the configuration, check and load it; a name without a certificate gets a self-signed one."""
    ensure_packages(host, "nginx", "openssl")
    if host.read("test", "-d", CHALLENGES, check=False).status:
        host.change(f"make {CHALLENGES}", "install", "-d", "-m", "755", CHALLENGES)
    for name in tls_names(inventory, sites):
        directory = f"{TLS}/{name}"
        if host.read("test", "-e", f"{directory}/fullchain.pem", check=False).status:
            what = f"make a self-signed certificate for {name}"
            host.change(what, "sh", "-c", f"mkdir -p -m 755 -- {TLS}; {_SELF_SIGNED}", "sh", directory, name)
            host.notes.append(f"{name} has a self-signed certificate: put its own into {directory}")
    for file in edge_files(inventory, sites):
        write_file(host, file, _CHECKS.get(file.path, ()))
    ensure_service(host, "nginx.service")
    host.settle("nginx", "reload NGINX", "systemctl", "reload-or-restart", "nginx.service")
