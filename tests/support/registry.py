"""A real registry with real TLS, for tests: Debian's docker-registry on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.previews import TIMEOUT, free_port
from tests.support.tools import need

CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http:
  addr: 127.0.0.1:{port}
"""
TLS = "  tls: {{certificate: {folder}/certificate.pem, key: {folder}/key.pem}}\n"
AUTH = "auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"
LOGIN = ("ci", "a long password")
# Output of `htpasswd -nbB`, with the lowest cost: it is checked at every request.
HTPASSWD = f"{LOGIN[0]}:$2b$04$abcdefghijklmnopqrstuunJ0u00SLiuoTA7qEltWZhxMUdJFZu5q\n"


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    host: str  # "127.0.0.1:5000"
    authority: Path  # the certificate that its clients must trust


def certificate(folder: Path, name: str = "IP:127.0.0.1") -> None:
    """Write key.pem and certificate.pem, of an authority of its own, for *name* into *folder*."""
    words = (
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    )
    names = ("-subj", f"/CN={name.partition(':')[2]}", "-addext", f"subjectAltName={name}")
    files = ("-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    subprocess.run([need("openssl"), *words, *names, *files], check=True, capture_output=True)


@contextmanager
def registry(folder: Path, *, closed: bool = False, tls: bool = True) -> Iterator[Registry]:
    """Run a registry with its data below *folder* until the block ends; a *closed* one requires ``LOGIN``.

    Without *tls* it serves plain HTTP, as behind a reverse proxy with TLS.
    """
    port = free_port()
    certificate(folder)
    (folder / "htpasswd").write_text(HTPASSWD)
    config = f"{CONFIG}{TLS if tls else ''}{AUTH if closed else ''}".format(folder=folder, port=port)
    (folder / "config.yml").write_text(config)
    with (folder / "log").open("ab") as log:
        one = subprocess.Popen(
            [need("docker-registry"), "serve", folder / "config.yml"],
            stdout=log,
            stderr=log,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        end = time.monotonic() + TIMEOUT
        while True:
            assert one.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, "the registry does not respond"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Registry(f"127.0.0.1:{port}", folder / "certificate.pem")
    finally:
        one.terminate()
        one.wait(TIMEOUT)
