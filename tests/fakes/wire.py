"""A network that somebody listens to: passes bytes on to one port, and keeps what clients sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread


@dataclass
class Wire:
    """What a listener on the network has."""

    host: str  # "127.0.0.1:4711", where clients connect to
    heard: bytearray = field(default_factory=bytearray)  # what all of them sent, as it crossed the network
    lock: Lock = field(default_factory=Lock, repr=False)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """Listen on a free port of 127.0.0.1 and pass everything on to *port* until the block ends."""
    server = socket.create_server(("127.0.0.1", 0))
    told = Wire(f"127.0.0.1:{server.getsockname()[1]}")
    thread = Thread(target=_accept, args=(server, port, told), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _accept(server: socket.socket, port: int, told: Wire) -> None:
    pairs = []
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed
            break
        pairs.append(Thread(target=_join, args=(client, port, told), daemon=True))
        pairs[-1].start()
    for pair in pairs:
        pair.join()


def _join(client: socket.socket, port: int, told: Wire) -> None:
    """Pass on both ways until both sides have ended."""
    with client, socket.create_connection(("127.0.0.1", port)) as upstream:
        back = Thread(target=_pass, args=(upstream, client, None), daemon=True)
        back.start()
        _pass(client, upstream, told)
        back.join()


def _pass(source: socket.socket, target: socket.socket, told: Wire | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if told:
                with told.lock:
                    told.heard += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
