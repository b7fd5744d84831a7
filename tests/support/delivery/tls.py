"""TLS for servers of tests."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.support.registry import certificate
from tests.support.tools import need


def private_tls(folder: Path) -> ssl.SSLContext:
    """Return a server context whose CA certificate is *folder*/certificate.pem."""
    need("openssl")
    certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
