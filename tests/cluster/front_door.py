"""What a reader gets at the edge: each request on a new connection, as ten readers are ten connections."""

from __future__ import annotations

import json
import ssl
import urllib.request
from dataclasses import dataclass
from functools import cache
from urllib.error import HTTPError

from tests.cluster.layout import SITE


@dataclass(frozen=True)
class Response:
    """A response."""

    status: int
    body: bytes
    headers: dict[str, str]


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()  # SSL_CERT_FILE has the authority of the edge


def get(path: str, timeout: float = 30) -> Response:
    """Request *path* of the site; raise OSError without a response."""
    request = urllib.request.Request(f"https://{SITE}{path}")
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=_context()) as found:
            return Response(found.status, found.read(), {k.lower(): v for k, v in found.headers.items()})
    except HTTPError as error:
        with error:
            return Response(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})


def version() -> dict[str, str]:
    """Return what /version.json says."""
    return dict(json.loads(get("/version.json").body))


def all_see(key: str, value: str, connections: int = 10) -> bool:
    """Return whether that many connections in a row agree on *key* of /version.json, as for `status`.

    The edge keeps connections to pods of the release before.
    """
    return all(version()[key] == value for _ in range(connections))


def all_get(path: str, text: str, connections: int = 10) -> bool:
    """Return whether that many connections in a row get a page with *text*."""
    return all(text.encode() in get(path).body for _ in range(connections))
