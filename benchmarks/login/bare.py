"""The least that gunicorn can run: what is left of a request when no Django answers it.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 204 to everything, as the gate does to a member."""
    start("204 No Content", [])
    return []
