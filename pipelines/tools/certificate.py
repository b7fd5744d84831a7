"""Read the end of a server's certificate, and the certificates of authorities.

Network: the server that it is given. Reads the file of authorities. No writes.
"""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path

from pipelines.core.errors import ToolError
from pipelines.tools.http import trusted_authorities


class NoConnectionError(ToolError):
    """The name is in DNS, and nothing accepts connections there."""


def certificate_end(host: str, port: int, timeout: float, authority: Path | None) -> float:
    """Return when the certificate of *host* ends, in seconds since 1970; *timeout* is in seconds.

    *authority* is a PEM file of authorities, trusted besides the public ones.
    Raises ToolError for an unknown name and a certificate that is not trusted or
    has ended, NoConnectionError where nothing responds.
    """
    context = trusted_authorities(authority)
    try:
        with (
            socket.create_connection((host, port), timeout) as line,
            context.wrap_socket(line, server_hostname=host) as tls,
        ):
            found = tls.getpeercert() or {}
    except socket.gaierror:
        raise ToolError(f"{host}: the name is not in DNS; make a record for it") from None
    except ssl.SSLCertVerificationError as error:
        what = f"{host}: its certificate is not valid ({error.verify_message})"
        raise ToolError(f"{what}; renew it, or name its authority in SITE_CA_FILE") from None
    except ssl.SSLError as error:
        raise ToolError(f"{host}:{port}: does not speak TLS ({error.reason or 'no handshake'})") from None
    except OSError as error:
        raise NoConnectionError(f"{host}:{port}: no connection ({error.strerror or 'timed out'})") from None
    return float(ssl.cert_time_to_seconds(str(found["notAfter"])))


def authorities(data: bytes, name: str) -> str:
    """Return the certificates of authorities in *data* as PEM, without the text between them.

    *name* is the file's, for the ToolError about anything else than certificates
    of authorities (RFC 5280, 4.2.1.9).
    """
    fix = "write the certificates of the authority as PEM"
    text = data.decode("ascii", "replace")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
    if not blocks:
        raise ToolError(f"{name}: has no certificate; {fix}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found = []
    for number, block in enumerate(blocks, start=1):
        try:
            der = ssl.PEM_cert_to_DER_cert(block)
            context.load_verify_locations(cadata=der)
        except (ValueError, ssl.SSLError):
            raise ToolError(f"{name}: certificate {number} is not valid; {fix}") from None
        if der not in context.get_ca_certs(binary_form=True):
            raise ToolError(f"{name}: certificate {number} is not one of an authority; {fix}")
        found.append(ssl.DER_cert_to_PEM_cert(der))
    return "".join(found)
