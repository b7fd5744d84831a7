"""A wiretap: a TCP proxy to one port that records what clients send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread


@dataclass
class Wire:
    """The recorded bytes."""

    host: str  # "127.0.0.1:4711", for clients
    received: bytearray = field(default_factory=bytearray)  # from all clients, as sent over the network
    lock: Lock = field(default_factory=Lock, repr=False)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """Listen on a free port of 127.0.0.1 and forward everything to *port* until the block ends."""
    server = socket.create_server(("127.0.0.1", 0))
    state = Wire(f"127.0.0.1:{server.getsockname()[1]}")
    thread = Thread(target=_accept, args=(server, port, state), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _accept(server: socket.socket, port: int, state: Wire) -> None:
    pairs = []
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed
            break
        pairs.append(Thread(target=_join, args=(client, port, state), daemon=True))
        pairs[-1].start()
    for pair in pairs:
        pair.join()


def _join(client: socket.socket, port: int, state: Wire) -> None:
    """Forward both ways until both sides have closed."""
    with client, socket.create_connection(("127.0.0.1", port)) as upstream:
        back = Thread(target=_pass, args=(upstream, client, None), daemon=True)
        back.start()
        _pass(client, upstream, state)
        back.join()


def _pass(source: socket.socket, target: socket.socket, state: Wire | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if state:
                with state.lock:
                    state.received += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
