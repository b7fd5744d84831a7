"""Get a port of this machine, under both of its names, and nobody else's.

No reads, no writes. Network: listens on 127.0.0.1 and ::1, and asks them who is there.
"""

from __future__ import annotations

import errno
import socket
from contextlib import closing, suppress

from pipelines.core.errors import PipelineError

# Passkeys refuse 127.0.0.1, so the address to use is localhost: both of its meanings are served.
_ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listen_on(port: int) -> list[socket.socket]:
    """Return sockets that listen on *port*; raise PipelineError that names one that is free."""
    try:
        return _listen(port)
    except PermissionError:
        raise PipelineError(
            f"port {port} is for the administrator; take one from 1024 up: make serve PORT=8000"
        ) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    for other in range(port + 1, 65536):
        with suppress(OSError):
            for one in _listen(other):
                one.close()
            raise PipelineError(f"port {port} is busy; port {other} is free: make serve PORT={other}")
    raise PipelineError(f"port {port} is busy; take another: make serve PORT=8000")


def any_port() -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1 that was free."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.bind(("127.0.0.1", 0))
    one.listen(128)
    return one


def _listen(port: int) -> list[socket.socket]:
    """Listen on both addresses of localhost, or on the one that this machine has."""
    found: list[socket.socket] = []
    try:
        for family, address in _ADDRESSES:
            if one := _bound(family, address, port):
                found.append(one)
    except OSError:
        for one in found:
            one.close()
        raise
    if not found:
        raise PipelineError("this machine has no loopback address; bring its lo interface up")
    return found


def _bound(family: int, address: str, port: int) -> socket.socket | None:
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError:  # a system without IPv6
        return None
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what the last run left may linger
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        _ask(family, address, port)
        one.listen(128)
    except OSError as error:
        one.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise
    return one


def _ask(family: int, address: str, port: int) -> None:
    """Raise OSError if somebody answers: some systems let two servers share a port unnoticed."""
    with closing(socket.socket(family, socket.SOCK_STREAM)) as one:
        one.settimeout(0.2)
        if one.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, "somebody answers there")
