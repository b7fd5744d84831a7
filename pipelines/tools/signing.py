"""Sign and verify bytes with ECDSA over P-256 and SHA-256, the kind of key that cosign makes by default.

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
class Verifier:
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
        """Return the key as cosign and Flux read it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> Verifier:
        """Its public key."""
        return Verifier(self.key.public_key())

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


def generate_key() -> Signer:
    """Return a new private key."""
    return Signer(ec.generate_private_key(ec.SECP256R1()))


def load_signer(pem: bytes, password: str, name: str) -> Signer:
    """Return the private key in *pem*: PKCS #8, encrypted by *password* unless that is "".

    *name* says in messages where it comes from. Raises ToolError, never with a
    part of the key in it.
    """
    if any(kind.encode() in pem for kind in _COSIGN):
        raise ToolError(f"{name}: is encrypted as cosign does it, and only PKCS #8 is read here; {_MAKE}")
    try:
        key = serialization.load_pem_private_key(pem, password.encode() or None)
    except TypeError:  # one of key and password is encrypted or given, and the other is not
        known = "a password is set, and the key is not encrypted" if password else "is encrypted"
        fix = "unset" if password else "set its password in"
        raise ToolError(f"{name}: {known}; {fix} SITE_SIGNING_PASSWORD") from None
    except (ValueError, UnsupportedAlgorithm):
        why = "cannot be read with this password" if password else "is not a private key (PEM, PKCS #8)"
        raise ToolError(f"{name}: {why}; {_MAKE}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ToolError(f"{name}: is not a key of ECDSA over P-256; {_MAKE}")
    return Signer(key)


def load_verifier(pem: bytes, name: str) -> Verifier:
    """Return the public key in *pem*; raise ToolError, with *name*, for anything else."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ToolError(f"{name}: is not a public key (PEM); {_MAKE}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ToolError(f"{name}: is not a key of ECDSA over P-256; {_MAKE}")
    return Verifier(key)
