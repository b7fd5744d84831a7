"""A minimal WSGI application: the cost of gunicorn without Django.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Respond 204 to every request, like the gate to a member."""
    start("204 No Content", [])
    return []
