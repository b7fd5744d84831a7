"""An address that drops connections, as a node without a pod or a pod that is gone does.

Linux drops a SYN while the queue of accepted connections is full (listen(2),
"backlog"), and the client sends it again after a second (RFC 6298, 2.1).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest


@contextmanager
def dropping_server(host: str, port: int) -> Iterator[socket.socket]:
    """Drop all connections to *port* of *host*; yield the listening socket, which may accept them later."""
    with ExitStack() as stack:
        server = stack.enter_context(closing(socket.socket()))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(0)
        for _ in range(4):
            filler = stack.enter_context(closing(socket.socket()))
            filler.setblocking(False)
            filler.connect_ex((host, port))
        probe = stack.enter_context(closing(socket.socket()))
        probe.settimeout(0.3)
        with pytest.raises(TimeoutError):
            probe.connect((host, port))
        yield server
