"""Certificates of a machine: requested and renewed by certbot, and compared with what its servers show.

Network: the machine, which calls the authority. Writes on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nodes.host import CommandError, Host
from nodes.inventory import Inventory
from nodes.render.certificates import (
    LIVE,
    Certificate,
    Served,
    certificate_files,
    certificates_of,
    served_certificates,
)
from nodes.render.dns import CHALLENGE
from nodes.render.edge import TLS
from nodes.sites import Site
from nodes.tasks.health import Probe
from nodes.tasks.system import ensure_packages, ensure_service, write_file

_RENEWAL = "/etc/letsencrypt/renewal"  # a file for each certificate that certbot renews
_TIMEOUT = 300.0  # seconds of one order: DNS-01 waits for name servers
_DAY = 86_400  # seconds
_DAYS = 21  # that a certificate must stay valid: certbot renews one of 90 days 30 days before
# Arguments: name, file, port, protocol of STARTTLS of each. Prints the time; then name, port, begin and end
# of the certificate in seconds since 1970, its serial, and that of the port. "-": none, or not a certificate.
_READ = """date +%s
while [ $# -gt 0 ]; do
  name="$1" file="$2" port="$3" starttls="$4"; shift 4
  if [ ! -e "$file" ]; then echo "$name $port - - - -"; continue; fi
  begin="$(openssl x509 -noout -startdate -in "$file" | cut -d= -f2)"
  end="$(openssl x509 -noout -enddate -in "$file" | cut -d= -f2)"
  serial="$(openssl x509 -noout -serial -in "$file" | cut -d= -f2)"
  if [ -z "$serial" ]; then echo "$name $port - - - -"; continue; fi
  served=""
  if [ "$port" != 0 ]; then
    served="$(timeout 10 openssl s_client -connect "127.0.0.1:$port" -servername "$name" \
      ${starttls:+-starttls "$starttls"} </dev/null 2>/dev/null |
      openssl x509 -noout -serial 2>/dev/null | cut -d= -f2)"
  fi
  echo "$name $port $(date +%s --date="$begin") $(date +%s --date="$end") $serial ${served:--}"
done
"""


@dataclass(frozen=True, slots=True)
class State:
    """A certificate as a machine has it."""

    name: str
    port: int  # 0: of the file alone
    begin: int  # seconds since 1970; 0 without a file
    end: int
    serial: str  # of the file; "" without one
    served: str  # serial that the server shows; "" if none answers
    now: int  # clock of the machine

    @property
    def days(self) -> int:
        """The days that it stays valid."""
        return (self.end - self.now) // _DAY

    @property
    def is_due(self) -> bool:
        """Whether a third of its time is left, or half of at most ten days, as certbot decides."""
        whole, left = self.end - self.begin, self.end - self.now
        return left < (whole / 2 if whole <= 10 * _DAY else whole / 3)

    @property
    def is_stale(self) -> bool:
        """Whether the server shows another certificate than that of the file."""
        return bool(self.served and self.serial and self.served != self.serial)


def read_states(host: Host, served: tuple[Served, ...]) -> tuple[State, ...]:
    """Return the state of each of *served*."""
    if not served:
        return ()
    words = [word for one in served for word in (one.name, one.file, str(one.port), one.starttls)]
    now, *rows = host.read("sh", "-c", _READ, "sh", *words).stdout.splitlines()
    return tuple(_state(row.split(), int(now)) for row in rows)


def _state(row: list[str], now: int) -> State:
    name, port, begin, end, serial, served = ("" if word == "-" else word for word in row)
    return State(name, int(port), int(begin or 0), int(end or 0), serial, served, now)


def ensure_certificates(host: Host, inventory: Inventory, sites: tuple[Site, ...] = ()) -> None:
    """Request the certificates that are missing or whose options differ; let certbot's timer renew them.

    Port 80 of the machine must answer for HTTP-01: NGINX on an edge; on others, certbot
    listens meanwhile. Raises CommandError with the last lines of certbot.
    """
    wanted = certificates_of(inventory, host.node, sites)
    if not wanted:
        return
    has_dns = any(one.method == "manual" for one in wanted)
    if has_dns and host.read("test", "-x", CHALLENGE, check=False).status:
        host.fail(f"has no {CHALLENGE} for DNS-01", "run dns.keys and dns.apply before")
    ensure_packages(host, "certbot", "openssl")
    files = {one.path: one for one in certificate_files(inventory, host.node, sites)}
    for path in sorted(files, key=lambda path: path in {one.config for one in wanted}):
        write_file(host, files[path])  # hooks first
    for one in wanted:
        _retry(partial(_request, host, one))
    ensure_service(host, "certbot.timer")
    shown = host.read("find", _RENEWAL, "-name", "*.conf", "-printf", "%f\\n", check=False).stdout
    for name in sorted(
        {line.removesuffix(".conf") for line in shown.splitlines()} - {one.name for one in wanted}
    ):
        host.notes.append(f"renews {name}, which nodes.toml does not name: certbot delete --cert-name {name}")


def _request(host: Host, one: Certificate) -> None:
    """Request a certificate that is missing, or whose options differ from those of the last request."""
    what = f"request a certificate for {', '.join(one.names)}"
    command = ("certbot", "certonly", "--config", one.config, "--force-renewal", "--renew-with-new-domains")
    is_missing = host.read("test", "-e", f"{LIVE}/{one.name}/fullchain.pem", check=False).status
    if not host.settle(f"certificate-{one.name}", what, *command, timeout=_TIMEOUT) and is_missing:
        host.change(what, *command, timeout=_TIMEOUT)


def _retry(order: Callable[[], None]) -> None:
    """Call *order*, again where the authority has rejected a nonce twice: certbot repeats a request once."""
    try:
        order()
    except CommandError as error:
        if "nonce" not in str(error):
            raise
        order()


def renew_certificates(host: Host, inventory: Inventory, sites: tuple[Site, ...], *, force: bool) -> None:
    """Renew the certificates that are due, or all with *force*; note the serial and the days of each.

    The deploy hooks of the machine reload its servers. Raises HostError where one is
    missing, or a server still shows the old one.
    """
    wanted = certificates_of(inventory, host.node, sites)
    before = _read_files(host, wanted)
    for one, state in zip(wanted, before, strict=True):
        if not state.serial:
            host.fail(f"has no certificate for {one.name}", "run edge.apply, or mail.apply on a mail server")
        if force or state.is_due:
            _retry(partial(_renew, host, one))
    after = before if host.dry_run else _read_files(host, wanted)
    for old, new in zip(before, after, strict=True):
        serial = new.serial if new.serial == old.serial else f"{old.serial} became {new.serial}"
        host.notes.append(f"{new.name}: serial {serial}, {new.days} days")


def _renew(host: Host, one: Certificate) -> None:
    command = ("certbot", "renew", "--cert-name", one.name, "--force-renewal", "--no-random-sleep-on-renew")
    host.change(f"renew the certificate for {', '.join(one.names)}", *command, timeout=_TIMEOUT)


def _read_files(host: Host, wanted: tuple[Certificate, ...]) -> tuple[State, ...]:
    return read_states(host, tuple(Served(one.name, f"{LIVE}/{one.name}/fullchain.pem", 0) for one in wanted))


def read_certificates(probe: Probe) -> None:
    """Read the days that certificates stay valid; find those that are not served, or end soon."""
    host, inventory = probe.host, probe.inventory
    states = read_states(host, served_certificates(inventory, host.node, probe.sites))
    days = {one.name: one.days for one in states if one.serial}
    probe.values["certificate_days"] = min(days.values(), default=None)
    for name, left in days.items():
        if left < _DAYS:
            probe.faults.append(f"the certificate of {name} ends in {left} days: edge.renew")
    for one in states:
        if one.is_stale:
            text = f"port {one.port} shows {one.served} for {one.name}, and the file has {one.serial}"
            probe.faults.append(f"{text}: reload the server")
        elif one.serial and not one.served:
            probe.faults.append(f"port {one.port} shows no certificate for {one.name}")
    if host.node.has("edge") and inventory.acme.directory:
        served = {one.name for one in states if one.serial}
        links = host.read("find", TLS, "-maxdepth", "1", "-type", "l", "-printf", "%f\\n", check=False).stdout
        for name in sorted(served - set(links.splitlines())):
            probe.faults.append(f"{name} has a self-signed certificate: edge.apply")
