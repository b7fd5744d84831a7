"""A real NGINX in front of a server, as an operator would run it: a reverse proxy with TLS."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.previews import TIMEOUT, free_port
from tests.support.registry import certificate
from tests.support.tools import need

_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
  client_max_body_size 0;
  server {{ listen 127.0.0.1:{ready}; return 204; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://{target};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Host $http_host;
      {settings}
    }}
  }}
}}
"""
FORWARDED = "proxy_set_header X-Forwarded-Proto $scheme;"


@dataclass(frozen=True)
class Edge:
    """A running NGINX."""

    host: str  # "127.0.0.1:8443"
    authority: Path  # the certificate that its clients must trust

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(self.host.rpartition(":")[2])


@contextmanager
def edge(folder: Path, target: str, settings: str = FORWARDED, *, tls: bool = True) -> Iterator[Edge]:
    """Run NGINX in front of *target*, "host:port", with *settings* in its location, until the block ends."""
    folder.mkdir(exist_ok=True)
    certificate(folder)
    port, ready = free_port(), free_port()
    words = {"folder": folder, "port": port, "ready": ready, "tls": " ssl" if tls else ""}
    (folder / "nginx.conf").write_text(_CONFIG.format(**words, target=target, settings=settings))
    argv: list[str | Path] = [
        need("nginx"),
        "-p",
        folder,
        "-c",
        folder / "nginx.conf",
        "-e",
        folder / "error.log",
    ]
    with (folder / "output").open("ab") as output:
        one = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        end = time.monotonic() + TIMEOUT
        while not _responds(ready):
            assert one.poll() is None, (folder / "output").read_text() + (folder / "error.log").read_text()
            assert time.monotonic() < end, "NGINX does not respond"
            time.sleep(0.05)
        yield Edge(f"127.0.0.1:{port}", folder / "certificate.pem")
    finally:
        one.terminate()
        one.wait(TIMEOUT)


def _responds(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 204
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
