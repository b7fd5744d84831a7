"""Sign and verify bytes with ECDSA over P-256 and SHA-256: cosign's default kind of key.

No reads, no writes, no network. A private key is in no message and no
representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipelines.core.errors import ToolError

_COSIGN = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_MAKE = "make a pair with `python -m pipelines secrets signing`"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key."""

    key: ec.EllipticCurvePublicKey

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Return whether *signature*, in DER, is of *data* and of this key."""
        try:
            self.key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """Return the key in the form that cosign and Flux read."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """Its public key."""
        return PublicKey(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """Return the signature of *data* in DER; the same bytes each time (RFC 6979)."""
        return self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def pem(self) -> bytes:
        """Return the key as PKCS #8, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def generate_key() -> PrivateKey:
    """Return a new private key."""
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def load_private_key(pem: bytes, password: str, name: str) -> PrivateKey:
    """Return the private key in *pem*: PKCS #8, encrypted by *password* unless that is "".

    *name* is its source in messages. Raises ToolError, never with a part of the
    key in it.
    """
    if any(kind.encode() in pem for kind in _COSIGN):
        raise ToolError(f"{name}: is encrypted in cosign's format, and only PKCS #8 is supported; {_MAKE}")
    try:
        key = serialization.load_pem_private_key(pem, password.encode() or None)
    except TypeError:  # encrypted without a password, or the other way round
        what = "a password is set, and the key is not encrypted" if password else "is encrypted"
        fix = "unset" if password else "set its password in"
        raise ToolError(f"{name}: {what}; {fix} SITE_SIGNING_PASSWORD") from None
    except (ValueError, UnsupportedAlgorithm):
        what = "cannot be read with this password" if password else "is not a private key (PEM, PKCS #8)"
        raise ToolError(f"{name}: {what}; {_MAKE}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ToolError(f"{name}: is not an ECDSA key over P-256; {_MAKE}")
    return PrivateKey(key)


def load_public_key(pem: bytes, name: str) -> PublicKey:
    """Return the public key in *pem*; raise ToolError, with *name*, for anything else."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ToolError(f"{name}: is not a public key (PEM); {_MAKE}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ToolError(f"{name}: is not an ECDSA key over P-256; {_MAKE}")
    return PublicKey(key)
