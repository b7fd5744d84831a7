"""The credentials of each service; no message and no representation shows a secret.

Reads the file of credentials that it is given. No writes, no network.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipelines.core.errors import ToolError

RECEIVER_KINDS = ("generic-hmac", "gitlab")  # of Flux's Receivers: how a call is authenticated


class Verifier(Protocol):
    """A public key."""

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Return whether *signature* is of *data* and of this key."""


class Signer(Protocol):
    """A private key."""

    @property
    def public(self) -> Verifier:
        """Its public key."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of *data*; the same bytes each time."""


@dataclass(frozen=True, slots=True)
class Login:
    """User and password; access key and secret for object storage."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook of Flux."""

    url: str = field(repr=False)  # its path is half a secret
    token: str = field(repr=False)
    kind: str  # one of RECEIVER_KINDS
    variables: str = "SITE_FLUX"  # prefix of the environment variables that it was read from


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of each service; None for one that has none."""

    registry: Login | None
    charts: Login | None
    assets: Login | None
    archive: Login | None
    receivers: tuple[Receiver, ...]  # one of each cluster
    authority: Path | None  # PEM file of certificate authorities, trusted besides the public ones
    signer: Signer | None = None  # signs images and charts
    pull: Login | None = None  # reads the bases of images


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
