"""The logins and keys of one pipeline run, for the steps that send.

Values and protocols; ``pipelines.tools.environment`` reads them. No reads, no
writes, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipelines.core.login import Login


class Verifier(Protocol):
    """A public key."""

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Return whether *signature*, in DER, is of *data* and of this key."""

    def pem(self) -> bytes:
        """Return the key as cosign and Flux read it."""


class Signer(Protocol):
    """A private key that signs images and charts."""

    @property
    def public(self) -> Verifier:
        """The public key of this private key."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of *data* in DER."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook of Flux."""

    url: str = field(repr=False)  # its path is half a secret
    token: str = field(repr=False)
    kind: str  # "generic-hmac" or "gitlab": how a call is authenticated
    variables: str = "SITE_FLUX"  # prefix of the variables that it was read from


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login for each service; None where the environment has none."""

    registry: Login | None
    charts: Login | None
    assets: Login | None
    archive: Login | None
    receivers: tuple[Receiver, ...]  # one of each cluster
    authority: Path | None  # a file of certificates, trusted besides the public ones
    signer: Signer | None = None  # signs images and charts
    pull: Login | None = None  # reads the bases of images
