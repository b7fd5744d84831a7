"""Listen on a port of both loopback addresses, unless another server uses it.

No reads, no writes. Network: listens on 127.0.0.1 and ::1, and connects to them.
"""

from __future__ import annotations

import errno
import socket
from contextlib import closing, suppress

from pipelines.core.errors import PipelineError

# Passkeys refuse 127.0.0.1, so the URL has localhost, which may resolve to either address.
_ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listen_on(port: int) -> list[socket.socket]:
    """Return sockets that listen on *port*; raise PipelineError that names a free one."""
    try:
        return _listen(port)
    except PermissionError:
        raise PipelineError(f"port {port} needs root; use one from 1024 up: make serve PORT=8000") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    for other in range(port + 1, 65536):
        with suppress(OSError):
            for one in _listen(other):
                one.close()
            raise PipelineError(f"port {port} is in use; port {other} is free: make serve PORT={other}")
    raise PipelineError(f"port {port} is in use; use another one: make serve PORT=8000")


def listen_on_free_port() -> socket.socket:
    """Return a socket that listens on a free port of 127.0.0.1."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.bind(("127.0.0.1", 0))
    one.listen(128)
    return one


def _listen(port: int) -> list[socket.socket]:
    """Listen on both loopback addresses, or on the one that this machine has."""
    found: list[socket.socket] = []
    try:
        for family, address in _ADDRESSES:
            if one := _bind(family, address, port):
                found.append(one)
    except OSError:
        for one in found:
            one.close()
        raise
    if not found:
        raise PipelineError("this machine has no loopback address; bring its lo interface up")
    return found


def _bind(family: int, address: str, port: int) -> socket.socket | None:
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError:  # a system without IPv6
        return None
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # despite TIME_WAIT of the last run
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        _refuse_occupied(family, address, port)
        one.listen(128)
    except OSError as error:
        one.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise
    return one


def _refuse_occupied(family: int, address: str, port: int) -> None:
    """Raise OSError if a server accepts: some systems let two servers share a port."""
    with closing(socket.socket(family, socket.SOCK_STREAM)) as one:
        one.settimeout(0.2)
        if one.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, "another server listens there")
