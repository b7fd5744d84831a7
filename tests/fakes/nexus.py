"""A fake Nexus with hosted Helm repositories, with the behaviour of its public source.

The real one needs two gigabytes and an accepted licence, so it does not run here.
The behaviour, and its source (github.com/sonatype/nexus-public, in
plugins/nexus-repository-helm unless noted):

- PUT and DELETE answer 200, DELETE of a missing file 404, and a file is stored
  under the name of the URL: HostedHandlers.java.
- A second PUT of a file answers 400 "Repository does not allow updating assets:
  NAME" under the write policy ALLOW_ONCE, whatever its bytes are: the message is
  in ContentFacetSupport.java of components/nexus-repository-content.
- index.yaml is rebuilt an interval after a change, with the changes meanwhile:
  CreateIndexFacetImpl.java, `nexus.helm.createrepo.interval`, 1000 ms.
- An entry has the name and the version of Chart.yaml, and the relative URL
  NAME-VERSION.tgz made of them, whatever the file is called. It has these fields and
  no other, no apiVersion among them: CreateIndexServiceImpl.java, ChartEntry.java.
- The digest is the file's SHA-256 in hex; it is null where a version of Nexus keeps
  other sums only (HelmContentFacetImpl.java names MD5 and SHA-1): ``digests``.
- Basic authentication: 401 with a challenge for a wrong password, and for none
  without anonymous access; 403 without the privilege to write: Sonatype's help,
  "Anonymous Access" and "Privileges".

A ``Toxic`` injects a fault. Everything is in memory.
"""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import struct
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import RLock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.fakes.upstream import Request
from tests.support import fast_yaml

_BUSY = b"Nexus is starting, or has too much to do"
_FIELDS = ("description", "name", "version", "appVersion", "icon", "sources", "maintainers")


@dataclass
class Toxic:
    """A fault for the next ``times`` matching requests; the first match applies."""

    method: str = ""  # "" matches all
    ending: str = ""  # of the path: ".tgz", "/index.yaml"; "" matches all
    times: int = 1
    delay: float = 0.0  # seconds before the response
    status: int = 0  # of the response instead; nothing is stored
    cut: int = (
        -1
    )  # bytes of the request body of a PUT, else of the response body, before the connection breaks
    mute: bool = False  # the request is served, and the connection breaks before the response


@dataclass
class HostedRepository:
    """One hosted repository."""

    files: dict[str, bytes] = field(default_factory=dict)  # by file name
    created: dict[str, float] = field(default_factory=dict)  # seconds since 1970
    index: bytes = b""
    due: float | None = None  # when the index is rebuilt, by the server's clock


@dataclass
class Nexus:
    """Contents, behaviour and received requests of the server."""

    url: str = ""  # "http://127.0.0.1:8081"
    writer: tuple[str, str] = ("ci", "a long password")  # may read and write
    reader: tuple[str, str] = ("flux", "another password")  # may read
    anonymous: bool = False  # anonymous access for reading
    once: bool = True  # write policy ALLOW_ONCE; False is ALLOW
    digests: bool = True  # entries have a digest
    lag: float = 1.0  # seconds until index.yaml is rebuilt
    clock: Callable[[], float] = time.monotonic  # seconds
    busy: int = 0  # every n-th request gets a 503; 0 for none
    toxics: list[Toxic] = field(default_factory=list)
    repositories: dict[str, HostedRepository] = field(default_factory=dict)  # by the name of the repository
    request_log: list[Request] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock, repr=False)

    def repository(self, name: str = "charts") -> str:
        """Return the URL of the repository *name*."""
        return f"{self.url}/repository/{name}"

    def requests(self, method: str, ending: str = "") -> list[Request]:
        """Return the received requests with *method* and a path with *ending*."""
        return [one for one in self.request_log if one.method == method and one.path.endswith(ending)]

    def rebuild_due_indexes(self) -> None:
        """Rebuild every index that is due."""
        for hosted in self.repositories.values():
            if hosted.due is not None and self.clock() >= hosted.due:
                hosted.index, hosted.due = self._index(hosted), None

    def changed(self, hosted: HostedRepository) -> None:
        """Schedule a rebuild of the index of *hosted*, unless one is scheduled."""
        if hosted.due is None:
            hosted.due = self.clock() + self.lag

    def take_toxic(self, method: str, path: str) -> Toxic:
        """Return the fault of this request, and count it."""
        for toxic in self.toxics:
            if toxic.times and toxic.method in ("", method) and path.endswith(toxic.ending):
                toxic.times -= 1
                return toxic
        if self.busy and len(self.request_log) % self.busy == 0:
            return Toxic(status=503)
        return Toxic()

    def _index(self, hosted: HostedRepository) -> bytes:
        entries: dict[str, list[dict[str, Any]]] = {}
        for name, data in hosted.files.items():
            chart = chart_of(data)
            sha256 = hashlib.sha256(data).hexdigest() if self.digests else None
            entry = {key: chart.get(key) for key in _FIELDS}
            entry |= {"created": _moment(hosted.created[name]), "digest": sha256}
            entry["urls"] = [f"{chart['name']}-{chart['version']}.tgz"]
            entries.setdefault(chart["name"], []).append(entry)
        index = {"apiVersion": "v1", "entries": entries, "generated": _moment(time.time())}
        return yaml.safe_dump(index).encode()


def chart_of(archive: bytes) -> dict[str, Any]:
    """Return Chart.yaml of *archive*; raise ValueError when it is missing."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                if member.name.count("/") == 1 and member.name.endswith("/Chart.yaml"):
                    file = tar.extractfile(member)
                    assert file
                    return dict(fast_yaml.load(file.read()))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(str(error)) from error
    raise ValueError("no Chart.yaml")


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    nexus: Nexus

    def do_GET(self) -> None:  # the names that http.server calls
        self._serve()

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815

    def _serve(self) -> None:
        nexus = self.nexus
        path = unquote(urlsplit(self.path).path)
        with nexus.lock:
            nexus.request_log.append(Request(self.command, path, dict(self.headers.items()), b""))
            toxic = nexus.take_toxic(self.command, path)
        time.sleep(toxic.delay)
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.command in ("PUT", "POST")
        if sent and toxic.cut >= 0:
            self.rfile.read(min(toxic.cut, length))
            return self._break()
        body = self._body(length)
        if toxic.status:
            return self._respond(toxic.status, _BUSY)
        with nexus.lock:
            nexus.rebuild_due_indexes()
            status, content, kind = self._do(path, body)
        if toxic.mute:
            return self._break()
        return self._respond(status, content, kind, toxic.cut)

    def _body(self, length: int) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(length)
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _do(self, path: str, body: bytes) -> tuple[int, bytes, str]:
        nexus, plain = self.nexus, "text/plain"
        writes = self.command not in ("GET", "HEAD")
        who = _credentials(self.headers.get("Authorization", ""))
        if who not in (nexus.writer, nexus.reader) and (who or writes or not nexus.anonymous):
            return 401, b"", plain
        if writes and who != nexus.writer:
            return 403, b"", plain
        parts = path.strip("/").split("/")
        if len(parts) != 3 or parts[0] != "repository" or parts[1] not in nexus.repositories:
            return 404, b"Not Found", plain
        return self._file(parts[1], nexus.repositories[parts[1]], parts[2], body)

    def _file(
        self, repository: str, hosted: HostedRepository, name: str, body: bytes
    ) -> tuple[int, bytes, str]:
        nexus, plain = self.nexus, "text/plain"
        if self.command in ("GET", "HEAD"):
            if name == "index.yaml":
                return 200, hosted.index, "text/x-yaml"
            found = hosted.files.get(name)
            return (404, b"Not Found", plain) if found is None else (200, found, "application/x-tgz")
        if self.command == "DELETE":
            known = hosted.files.pop(name, None) is not None
            nexus.changed(hosted)
            return 200 if known else 404, b"", plain
        if self.command != "PUT" or not name.endswith(".tgz"):
            return 404, b"Not Found", plain
        if nexus.once and name in hosted.files:
            return 400, f"Repository does not allow updating assets: {repository}".encode(), plain
        try:
            chart_of(body)
        except ValueError as error:  # its source names no status here, only a refusal
            return 400, str(error).encode(), plain
        hosted.files[name], hosted.created[name] = body, time.time()
        nexus.changed(hosted)
        return 200, b"", plain

    def _respond(self, status: int, body: bytes, kind: str = "text/plain", cut: int = -1) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'BASIC realm="Sonatype Nexus Repository Manager"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut < 0 else body[:cut])
        if cut >= 0:
            self._break()

    def _break(self) -> None:
        """Reset the connection, as a dying machine does, instead of closing it."""
        self.wfile.flush()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _credentials(header: str) -> tuple[str, str] | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    name, _, password = base64.b64decode(encoded).decode().partition(":")
    return name, password


@contextmanager
def nexus(*repositories: str, tls: SSLContext | None = None, port: int = 0) -> Iterator[Nexus]:
    """Run a Nexus with *repositories* (default: "charts") on 127.0.0.1 until the block ends."""
    state = Nexus()
    for name in repositories or ("charts",):
        state.repositories[name] = HostedRepository()
        state.repositories[name].index = state._index(state.repositories[name])  # empty at the start
    handler = type("Handler", (_Handler,), {"nexus": state})
    server = _Server(("127.0.0.1", port), handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Ignores clients that disconnect, which some tests do on purpose."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing."""
