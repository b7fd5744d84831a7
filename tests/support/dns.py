"""Names with addresses of this machine, by dnsmasq: one for each Service or pod of a chart."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.previews import free_port, wait_until
from tests.support.tools import need


def loopback() -> str:
    """Return an unused loopback address, whose ports are free."""
    return f"127.{20 + secrets.randbelow(200)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(250)}"


@contextmanager
def dns_server(folder: Path, addresses: Mapping[str, Sequence[str]]) -> Iterator[int]:
    """Run a DNS server with the addresses of each name; yield its port."""
    port = free_port()
    # NODATA for AAAA, as in a cluster.
    rows = [f"{address} {name}\n" for name, found in addresses.items() for address in found]
    (folder / "dnsmasq.hosts").write_text("".join(rows))
    argv = [need("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            f"--port={port}", "--local=/cluster.local/", "--listen-address=127.0.0.1", "--bind-interfaces",
            "--user=", "--pid-file=", f"--addn-hosts={folder / 'dnsmasq.hosts'}"]  # fmt: skip
    with (folder / "dnsmasq.log").open("wb") as log:
        one = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        wait_until(lambda: b"started" in (folder / "dnsmasq.log").read_bytes())
        yield port
    finally:
        one.terminate()
        one.wait(10)
