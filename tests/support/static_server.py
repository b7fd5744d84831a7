"""Serve a built tree to tests, as NGINX does in production.

Clean URLs, error pages, types, compressed twins, and the headers of production.
Reads out/site of a project on each request. Network: a free port of 127.0.0.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
TYPES = {
    ".atom": "application/atom+xml; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml; charset=utf-8",
}
# The page of each error status; 401: the login, under the requested URL.
ERRORS = {401: "account/login/index.html", 403: "403.html", 404: "404.html", 503: "503.html"}
_HASHED = re.compile(r"\.[0-9a-f]{8}\.\w+$")


@contextmanager
def serve_static(out: Path, refused: Mapping[str, int] | None = None) -> Iterator[str]:
    """Yield the URL at which the site in *out* (a project's out/site) is served within the block.

    *refused* maps paths to the status of an error: "/members/x/": 403.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, out, refused or {}))
    server.daemon_threads = True  # a browser keeps its connections open
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, out: Path, refused: Mapping[str, int], *args: object) -> None:
        self.out, self.refused = out, refused
        super().__init__(*args)  # type: ignore[arg-type]  # the arguments of a socket server

    def do_GET(self) -> None:
        self.respond(body=True)

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def respond(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        file = self.file_of(path)
        if path in self.refused:
            self.send(self.refused[path], self.public / ERRORS[self.refused[path]], body=body)
        elif file is None:
            self.send(404, self.public / ERRORS[404], body=body)
        elif file.is_dir():
            self.send_response(301)
            self.send_header("Location", quote(path) + "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send(200, file, body=body)

    @property
    def public(self) -> Path:
        return self.out / "public"

    def file_of(self, path: str) -> Path | None:
        """Return the file of *path*, or its directory when the last slash is missing."""
        root = self.out / "gated" if path.startswith("/members/") else self.public
        file = (root / path.lstrip("/") / ("index.html" if path.endswith("/") else "")).resolve()
        inside = file.is_relative_to(root.resolve())
        return file if inside and file.exists() and not file.name.endswith((".br", ".gz")) else None

    def send(self, status: int, file: Path, *, body: bool) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))
        gated = urlsplit(self.path).path.startswith("/members/")
        fixed = "public, max-age=31536000, immutable" if _HASHED.search(file.name) else "no-cache"
        self.send_header("Cache-Control", "private, no-store" if gated else fixed)
        self.send_header("Vary", "Accept-Encoding, Cookie" if gated else "Accept-Encoding")
        data = file.read_bytes()
        for coding, ending in (("br", ".br"), ("gzip", ".gz")):
            twin = file.with_name(file.name + ending)
            if coding in self.headers.get("Accept-Encoding", "") and twin.exists():
                self.send_header("Content-Encoding", coding)
                data = twin.read_bytes()
                break
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test says what is wrong."""
