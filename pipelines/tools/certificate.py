"""Read the end of a server's certificate.

Network: the server that it is given. Reads the file of authorities. No writes.
"""

from __future__ import annotations

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
