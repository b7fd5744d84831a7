"""An HTTP proxy in front of one server that records requests and injects faults.

A ``Rule`` for matching requests can respond itself, delay, cut the connection
within a body, or drop the response. ``after`` is called when the server has
responded and the client has not received it: the moment to kill the client.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Any

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass
class Rule:
    """A fault for the next ``times`` matching requests; the first match applies."""

    method: str = ""  # "" matches all
    path: str = ""  # a regular expression, searched in path and query
    least: int = 0  # minimum bytes of the body
    times: int = 1
    delay: float = 0.0  # seconds before anything else
    status: int = 0  # of the response instead, with ``body`` and ``headers``
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = -1  # bytes of the body that reach the server before both connections break
    mute: bool = False  # the server responds, and the connection breaks before the client gets it


@dataclass(frozen=True)
class Call:
    """A forwarded request."""

    method: str
    path: str
    sent: int  # bytes of its body that reached the server
    status: int  # of the response; 0 for none
    headers: dict[str, str]  # names in lower case
    at: float  # when the server had responded, by the monotonic clock


@dataclass
class Proxy:
    """The rules, and the recorded requests."""

    host: str = ""  # "127.0.0.1:4711"
    rules: list[Rule] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    after: Callable[[Call], bool] | None = None  # True: the client gets no response
    lock: RLock = field(default_factory=RLock, repr=False)

    def sent(self, method: str = "", path: str = "") -> int:
        """Return how many bytes of request bodies the server got."""
        return sum(call.sent for call in self.made(method, path))

    def made(self, method: str = "", path: str = "") -> list[Call]:
        """Return the calls with *method* whose path matches."""
        found = [call for call in self.calls if call.method == method or not method]
        return [call for call in found if re.search(path, call.path)]

    def rule(self, method: str, path: str, length: int) -> Rule:
        """Return the rule for this request, and count it."""
        with self.lock:
            for rule in self.rules:
                fits = rule.method in ("", method) and re.search(rule.path, path) and length >= rule.least
                if rule.times and fits:
                    rule.times -= 1
                    return rule
        return Rule()


class _Broken(Exception):
    """Break the connection to the client."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent separately: the second would wait 40 ms
    proxy: Proxy
    target: str
    trusted: ssl.SSLContext | None

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        rule = self.proxy.rule(self.command, self.path, length)
        time.sleep(rule.delay)
        try:
            if rule.cut >= 0:
                self._cut(rule.cut, length)
            body = self.rfile.read(length)
            if rule.status:
                self._note(0, rule.status)
                self._respond(rule.status, rule.headers, rule.body)
                return
            self._pass(body, rule)
        except (_Broken, OSError, HTTPException):
            self._break()

    def _pass(self, body: bytes, rule: Rule) -> None:
        server = self._connect()
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            self._put_headers(server)
            server.send(body)
            response = server.getresponse()
            data = response.read()
        finally:
            server.close()
        call = self._note(len(body), response.status)
        if rule.mute or (self.proxy.after and self.proxy.after(call)):
            raise _Broken
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP}
        length = response.getheader("Content-Length") if self.command == "HEAD" else None
        self._respond(response.status, headers, data, length)

    def _cut(self, count: int, length: int) -> None:
        """Send *count* bytes of the body to the server, and break both connections."""
        server = self._connect()
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        self._put_headers(server)
        sent = self.rfile.read(min(count, length))
        server.send(sent)
        call = self._note(len(sent), 0)
        if self.proxy.after:
            self.proxy.after(call)
        server.close()
        raise _Broken

    def _connect(self) -> HTTPConnection:
        if self.trusted:
            return HTTPSConnection(self.target, timeout=60, context=self.trusted)
        return HTTPConnection(self.target, timeout=60)

    def _put_headers(self, server: HTTPConnection) -> None:
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                server.putheader(name, value)
        server.endheaders()

    def _note(self, sent: int, status: int) -> Call:
        names = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, sent, status, names, time.monotonic())
        with self.proxy.lock:
            self.proxy.calls.append(call)
        return call

    def _respond(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Date": self.date_time_string(), **headers}.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break(self) -> None:
        """Reset the connection, as a dying machine does."""
        self.close_connection = True
        raw = self.connection
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):  # every method is forwarded
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    """Ignores clients that disconnect, which tests do on purpose."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing."""


@contextmanager
def proxy(target: str, tls: Path | None = None) -> Iterator[Proxy]:
    """Run a proxy before *target*, "host:port", until the block ends.

    *tls* is a directory with certificate.pem and key.pem for 127.0.0.1: both sides
    use TLS with that certificate.
    """
    state = Proxy()
    trusted = ssl.create_default_context(cafile=str(tls / "certificate.pem")) if tls else None
    attributes = {"proxy": state, "target": target, "trusted": trusted}
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), attributes))
    if tls:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
        server.socket = own.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.host = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
