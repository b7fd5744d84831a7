"""The mail server: certificate, keys of DKIM, OpenDKIM, Dovecot, Postfix.

Network: the machine. Writes on it. Private keys are made there and stay there.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.certificates import LIVE, served_certificates
from nodes.render.mail import (
    KEYS,
    PASSWORDS,
    STORE,
    USER,
    dovecot_files,
    hook_file,
    key_file,
    opendkim_files,
    postfix_files,
    tls_directory,
)
from nodes.tasks.certificates import ensure_certificates, read_states
from nodes.tasks.checked import Checked, write_checked
from nodes.tasks.system import ensure_enabled, ensure_packages, ensure_service, write_file

_SELF_SIGNED = "/etc/nodes/self-signed"
_DKIM = ("opendkim", "opendkim-tools")
_SOCKETS = "/var/spool/postfix/opendkim"
# Directory, name. A client refuses it; servers that send mail take it.
_MAKE_SELF_SIGNED = """set -eu
mkdir -p -m 755 -- "${1%/*}"
umask 077
mkdir -p -- "$1.new"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$2" \
  -addext "subjectAltName=DNS:$2" -keyout "$1.new/privkey.pem" -out "$1.new/fullchain.pem" 2>/dev/null
mv -T -- "$1.new" "$1"
"""
# Directory, link.
_LINK = """set -eu
mkdir -p -m 755 -- "${2%/*}"
ln -sfn -- "$1" "$2.new"
mv -T -- "$2.new" "$2"
for unit in postfix.service dovecot.service; do
  if systemctl is-active --quiet "$unit"; then systemctl reload "$unit"; fi
done
"""
_RELOAD = ("systemctl", "reload", "postfix.service", "dovecot.service")
# Directory of all keys, domain, selector. The private key comes last: with it, both are there.
_MAKE_KEY = """set -eu
umask 077
new="$1/$2/$3.new"
mkdir -p -- "$new"
opendkim-genkey --bits=2048 --domain="$2" --selector="$3" --directory="$new"
chown -R opendkim:opendkim "$1/$2"
mv -- "$new/$3.txt" "$1/$2/$3.txt"
mv -- "$new/$3.private" "$1/$2/$3.private"
rmdir -- "$new"
"""
# File, addresses. Accounts of others could still send mail.
_PRUNE = """set -eu
umask 077
file="$1"; shift
for one; do awk -F: -v address="$one" '$1 == address' "$file"; done > "$file.new"
chown root:dovecot "$file.new"
chmod 640 "$file.new"
mv -f -- "$file.new" "$file"
"""


# A warning is a fault too: Postfix starts with a parameter that it does not know.
_CHECK_POSTFIX = """postfix check
if postconf -n 2>&1 >/dev/null | grep . >&2; then exit 1; fi
"""


def apply(host: Host, inventory: Inventory) -> None:
    """Write, check and load the configuration of all three programs; on a fault, the old one returns."""
    ensure_packages(host, "postfix", "dovecot-imapd", "dovecot-lmtpd", "openssl", *_DKIM)
    if host.read("getent", "passwd", USER, check=False).status:
        options = ("--system", "--home-dir", STORE, "--create-home", "--shell", "/usr/sbin/nologin")
        host.change(f"add the user {USER}", "useradd", *options, USER)
    _ensure_certificate(host, inventory)
    _make_keys(host, inventory)
    _prune_passwords(host, inventory)
    _ensure_opendkim(host, inventory)
    _ensure_postfix(host, inventory)  # first: Dovecot opens its sockets in a directory that Postfix makes
    _ensure_dovecot(host, inventory)
    write_file(host, hook_file(inventory))
    _serve_certificate(host, inventory)


def ensure_keys(host: Host, inventory: Inventory) -> None:
    """Make the missing keys of DKIM, and note their records: published before the first mail is signed."""
    ensure_packages(host, *_DKIM)
    _make_keys(host, inventory)


def _ensure_certificate(host: Host, inventory: Inventory) -> None:
    """Make a self-signed certificate, which serves until that of certbot is there."""
    name, link = inventory.mail.host, tls_directory(inventory)
    if not host.read("test", "-e", f"{link}/fullchain.pem", check=False).status:
        return
    own = f"{_SELF_SIGNED}/{name}"
    if host.read("test", "-e", f"{own}/fullchain.pem", check=False).status:
        what = f"make a self-signed certificate for {name}"
        host.change(what, "sh", "-c", _MAKE_SELF_SIGNED, "sh", own, name)
    host.change(f"serve {own}", "sh", "-c", _LINK, "sh", own, link)


def _serve_certificate(host: Host, inventory: Inventory) -> None:
    """Request a certificate with [acme], which edge.apply does on an edge; serve that of certbot."""
    name, link = inventory.mail.host, tls_directory(inventory)
    live = f"{LIVE}/{name}"
    is_requested = bool(inventory.acme.directory) and not host.node.has("edge")
    if is_requested:
        ensure_certificates(host, inventory)
    if host.read("readlink", link, check=False).stdout.strip() == live:
        served = tuple(one for one in served_certificates(inventory, host.node, ()) if one.name == name)
        if any(one.is_stale for one in read_states(host, served)):
            host.change("reload Postfix and Dovecot with their certificate", *_RELOAD)
    elif is_requested or not host.read("test", "-e", f"{live}/fullchain.pem", check=False).status:
        host.change(f"serve {live}", "sh", "-c", _LINK, "sh", live, link)
    else:
        host.notes.append(f"{name} has a self-signed certificate until certbot has made {live}")


def _make_keys(host: Host, inventory: Inventory) -> None:
    """Make a key for each domain. Those of older selectors stay: mail that they signed is still under way."""
    selector = inventory.mail.selector
    for domain in inventory.mail_domains:
        file = key_file(inventory, domain)
        if host.read("test", "-e", file, check=False).status:
            host.change(f"make {file}", "sh", "-c", _MAKE_KEY, "sh", KEYS, domain, selector)
            if not host.dry_run:
                record = host.read("cat", f"{file.removesuffix('.private')}.txt").stdout
                host.notes.append(f"publish for {domain}: {' '.join(record.split())}")


def _prune_passwords(host: Host, inventory: Inventory) -> None:
    """Remove the passwords of addresses that are no mailboxes any more; note the mailboxes without one."""
    known = [one.address for one in inventory.mailboxes]
    found: list[str] = []
    if host.read("test", "-e", PASSWORDS, check=False).status:
        mode = ("-m", "640", "-o", "root", "-g", "dovecot")
        host.change(f"make {PASSWORDS}", "install", *mode, "/dev/null", PASSWORDS)
    else:
        found = host.read("cut", "-d:", "-f1", PASSWORDS).stdout.split()
    if stale := sorted(set(found) - set(known)):
        what = f"remove the password of {', '.join(stale)}"
        host.change(what, "sh", "-c", _PRUNE, "sh", PASSWORDS, *known)
    for one in known:
        if one not in found:
            host.notes.append(f"{one} has no password: mail.password --user {one}")


def _ensure_opendkim(host: Host, inventory: Inventory) -> None:
    if host.read("stat", "-c", "%a %U %G", _SOCKETS, check=False).stdout.strip() != "750 opendkim postfix":
        mode = ("-m", "750", "-o", "opendkim", "-g", "postfix")
        host.change(f"make {_SOCKETS}", "install", "-d", *mode, _SOCKETS)
    files = opendkim_files(inventory)
    # A reload would not open another socket.
    load = ("systemctl", "restart", "opendkim.service")
    _ensure_running(host, Checked("opendkim", files, ("opendkim", "-n", "-x", files[-1].path), load))


def _ensure_dovecot(host: Host, inventory: Inventory) -> None:
    load = ("systemctl", "reload-or-restart", "dovecot.service")
    _ensure_running(host, Checked("dovecot", dovecot_files(inventory), ("doveconf", "-n"), load))


def _ensure_postfix(host: Host, inventory: Inventory) -> None:
    load = ("systemctl", "reload-or-restart", "postfix.service")
    check = ("sh", "-e", "-c", _CHECK_POSTFIX)
    _ensure_running(host, Checked("postfix", postfix_files(inventory), check, load))


def _ensure_running(host: Host, service: Checked) -> None:
    """Write and load the files, and let the service start with the machine."""
    if write_checked(host, service):
        ensure_enabled(host, f"{service.name}.service")
    else:
        ensure_service(host, f"{service.name}.service")
