"""A front door on loopback with pods behind it: each connection goes to the next one in turn.

Records the connections and requests, how many were open at once, and whether a TLS
session was resumed.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Pod:
    """The response of one pod."""

    version: str = ""
    commit: str = ""
    site: str = "5" * 64
    status: int = 200
    body: bytes | None = None  # instead of a /version.json
    headers: tuple[tuple[str, str], ...] = ()
    resets: bool = False  # the connection is reset before a response
    hangs: bool = False  # no response until the front door is closed
    trickles: bool = False  # a byte now and then, without end

    def response(self) -> bytes:
        """Return the body, as the chart writes it (helm/site/templates/_nginx.tpl)."""
        if self.body is not None:
            return self.body
        images = {"web": f"sha256:{'a' * 64}"}
        document = {"version": self.version, "commit": self.commit, "site": self.site, "images": images}
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass
class FrontDoor:
    """The pods, and the received connections and requests."""

    pods: Sequence[Pod] = ()
    later: dict[int, Sequence[Pod]] = field(default_factory=dict)  # other pods from this connection on
    url: str = ""
    connections: int = 0
    requests: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)  # connection, path, headers
    open: int = 0
    max_open: int = 0  # open at once
    reused: list[bool] = field(default_factory=list)  # TLS sessions
    barrier: int = 0  # no response before as many connections are open
    closed: Event = field(default_factory=Event, repr=False)
    barrier_reached: Event = field(default_factory=Event, repr=False)
    lock: Any = field(default_factory=Lock, repr=False)

    def connect(self) -> tuple[int, Pod]:
        """Return the number of a new connection, and its pod."""
        with self.lock:
            number = self.connections
            self.connections += 1
            self.open += 1
            self.max_open = max(self.max_open, self.open)
            if self.open >= self.barrier:
                self.barrier_reached.set()
            begun = [start for start in self.later if start <= number]
            pods = self.later[max(begun)] if begun else self.pods
            return number, pods[number % len(pods)]

    def disconnect(self) -> None:
        """Count a connection that has ended."""
        with self.lock:
            self.open -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    door: FrontDoor

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
            self.door.reused.append(bool(self.request.session_reused))
        super().setup()

    def handle(self) -> None:
        self.number, self.pod = self.door.connect()
        try:
            super().handle()
        finally:
            self.door.disconnect()

    def do_GET(self) -> None:  # the name that http.server requires
        door, pod = self.door, self.pod
        names = {name.lower(): value for name, value in self.headers.items()}
        door.requests.append((self.number, self.path, names))
        if door.barrier:
            door.barrier_reached.wait(30)
        if pod.hangs:
            door.closed.wait()
        if pod.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = pod.response()
        self.send_response(pod.status)
        for name, value in pod.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (10**6 if pod.trickles else 0)))
        self.end_headers()
        self.wfile.write(body)
        while pod.trickles and not door.closed.wait(0.05):
            self.wfile.write(b" ")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        client, address = super().get_request()
        client.settimeout(30)
        if self.tls:
            client = self.tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        return client, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: some tests break connections on purpose."""


@contextmanager
def front_door(*pods: Pod, tls: ssl.SSLContext | None = None) -> Iterator[FrontDoor]:
    """Open a front door to *pods* on 127.0.0.1 until the block ends."""
    front = FrontDoor(pods)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"door": front}))
    server.tls = tls
    front.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield front
    finally:
        front.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()
        end = time.monotonic() + 5
        while front.open and time.monotonic() < end:
            time.sleep(0.01)
