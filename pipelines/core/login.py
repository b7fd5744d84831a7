"""User and password for a service; repr and messages never show the password.

Reads the given credentials file. No writes, no network.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core.errors import ToolError


@dataclass(frozen=True, slots=True)
class Login:
    """User and password; access key and secret for object storage."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def login_from_auth_file(file: Path, repository: str) -> Login | None:
    """Return the login in *file* for *repository* ("host/path"), or None.

    `skopeo login` and `docker login` write *file* (containers-auth.json(5)). The
    most specific entry wins. Raises ToolError when the file cannot be read.
    """
    try:
        entries = json.loads(file.read_bytes())["auths"]
        for name in _prefixes(repository):
            if encoded := entries.get(name, {}).get("auth"):
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
                return Login(user, password)
    except OSError as error:
        raise ToolError(f"{file.name}: credentials cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # Without its cause, whose message holds the content of the file.
        raise ToolError(f"{file.name}: not a credentials file; write it with `skopeo login`") from None
    return None


def _prefixes(repository: str) -> Iterator[str]:
    """Yield *repository* and its parents, the most specific first."""
    while repository:
        yield repository
        repository = repository.rpartition("/")[0]
