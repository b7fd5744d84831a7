"""Who we are to a service: a user and a password that no message shows.

Reads the file of credentials that it is given. No writes, no network.
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
    """A user and a password; for object storage the key and its secret."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def login_from_auth_file(file: Path, place: str) -> Login | None:
    """Return what *file* says for *place*, "host/path" of a registry, or None.

    *file* is what `skopeo login` and `docker login` write (containers-auth.json(5)):
    the most specific entry wins. Raises ToolError when it cannot be read.
    """
    try:
        entries = json.loads(file.read_bytes())["auths"]
        for name in _from_narrow_to_wide(place):
            if encoded := entries.get(name, {}).get("auth"):
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
                return Login(user, password)
    except OSError as error:
        raise ToolError(f"{file.name}: credentials cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # Without a cause: what was read is in it.
        raise ToolError(f"{file.name}: is no file of credentials; write it with `skopeo login`") from None
    return None


def _from_narrow_to_wide(place: str) -> Iterator[str]:
    while place:
        yield place
        place = place.rpartition("/")[0]
