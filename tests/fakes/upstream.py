"""A fake upstream with configured responses, which records its requests.

It replaces the login API in tests of the gate, as the real one never sends 301 or
304. Also a bucket, which sends 403 for a missing object (S3: without the right to
list, a missing key is AccessDenied).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread


@dataclass(frozen=True)
class Request:
    """A received request."""

    method: str
    path: str  # as it was written, with its query
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Upstream:
    """The configured response, and the received requests."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0  # seconds before the response
    breaks: bool = False  # close the connection after a request, without a response
    pages: dict[str, tuple[int, bytes]] = field(
        default_factory=dict
    )  # by path; the default is *status* and *body*
    requests: list[Request] = field(default_factory=list)

    def respond(self, status: int, body: bytes = b"", delay: float = 0.0, **headers: str) -> None:
        """Configure the response, and clear the received requests; ``Set_Cookie`` is Set-Cookie."""
        self.status, self.body, self.delay = status, body, delay
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages.clear()
        self.requests.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with 5, NGINX gives up a connection of many at once after a second


@contextmanager
def upstream(port: int = 0, tls: SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Upstream]:
    """Run an upstream on *port*, or a free one, of *host* until the block ends."""
    state = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond_to_request(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            names = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(Request(self.command, self.path, names, self.rfile.read(length)))
            time.sleep(state.delay)
            if state.breaks:
                self.close_connection = True
                return
            status, body = state.pages.get(self.path, (state.status, state.body))
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and status not in (204, 304):
                self.wfile.write(body)

        def __getattr__(self, name: str) -> object:
            if name.startswith("do_"):  # every method gets the same response
                return self.respond_to_request
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = _Server((host, port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
