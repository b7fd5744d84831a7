"""Run Pebble, an ACME authority for tests (RFC 8555), on a machine of the lab.

It rejects one of twenty nonces, as its default is, and validates each order anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.nodes.lab.machines import Machine

_MANAGEMENT = 15000
_DIRECTORY = "/srv/pebble"
_DAYS = 90
# Host and directory. The certificate of Pebble's own server; those that it issues have another root.
_MAKE_CERTIFICATE = """set -eu
cd "$2"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=lab" \
  -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -subj "/CN=$1" -keyout server.key -out server.csr
printf 'subjectAltName=DNS:%s\\n' "$1" > names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 30 -extfile names -out server.pem
"""
_TRUST = 'printf "%s" "$1" > /usr/local/share/ca-certificates/lab.crt && update-ca-certificates'


@dataclass(frozen=True)
class Pebble:
    """A running authority."""

    machine: Machine
    host: str  # by which machines of the mesh call it
    port: int

    @property
    def directory(self) -> str:
        """The URL for [acme] directory."""
        return f"https://{self.host}:{self.port}/dir"

    def trust(self, machine: Machine) -> None:
        """Let *machine* trust the certificate of this server, as an owner of a private authority does."""
        machine.run("sh", "-c", _TRUST, "sh", self.machine.run("cat", f"{_DIRECTORY}/ca.pem"))

    def root(self, machine: Machine) -> str:
        """Return the certificate of the root that signs certificates, asked from *machine*."""
        return machine.run("curl", "-fsS", "--max-time", "10", f"https://{self.host}:{_MANAGEMENT}/roots/0")


@contextmanager
def pebble(
    machine: Machine, host: str, client: Machine, *, hosts: dict[str, str], dns: str = "", port: int = 14000
) -> Iterator[Pebble]:
    """Run Pebble on *machine* as *host* until the block ends; *client* trusts it.

    Names are looked up in *hosts*, or at the server *dns* (address and port). Accounts
    end with the block: another one takes another *port*.
    """
    config = {
        "pebble": {
            "listenAddress": f"0.0.0.0:{port}",
            "managementListenAddress": f"0.0.0.0:{_MANAGEMENT}",
            "certificate": f"{_DIRECTORY}/server.pem",
            "privateKey": f"{_DIRECTORY}/server.key",
            "httpPort": 80,
            "tlsPort": 443,
            "certificateValidityPeriod": _DAYS * 86_400,
            "retryAfter": {"authz": 1, "order": 1},
        }
    }
    write = 'mkdir -p "$1" && printf "%s" "$2" > "$1/config.json" && printf "%s" "$3" > "$1/hosts"'
    names = "".join(f"{address} {name}\n" for name, address in hosts.items())
    machine.run("sh", "-c", write, "sh", _DIRECTORY, json.dumps(config), f"127.0.0.1 localhost\n{names}")
    machine.run("sh", "-c", _MAKE_CERTIFICATE, "sh", host, _DIRECTORY)
    server = ("pebble", "-config", f"{_DIRECTORY}/config.json", *(("-dnsserver", dns) if dns else ()))
    machine.run(
        "systemd-run", "--quiet", "--collect", "--unit=pebble", "--setenv=PEBBLE_VA_NOSLEEP=1",
        "--setenv=PEBBLE_WFE_NONCEREJECT=5", "--setenv=PEBBLE_AUTHZREUSE=0",
        f"--property=BindReadOnlyPaths={_DIRECTORY}/hosts:/etc/hosts", *server,
    )  # fmt: skip
    found = Pebble(machine, host, port)
    try:
        found.trust(client)
        _wait(client, found.directory)
        yield found
    finally:
        machine.run("systemctl", "stop", "pebble")


def _wait(client: Machine, url: str) -> None:
    deadline = time.monotonic() + 20
    while not client.run("curl", "-fs", "--max-time", "5", url, check=False):
        assert time.monotonic() < deadline, "Pebble does not start"
        time.sleep(0.2)
