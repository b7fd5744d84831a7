"""Sign manifests in a registry, in cosign's format and under cosign's tag.

Network: the registry. No reads, no writes here.

cosign's SIGNATURE_SPEC.md: the tag "sha256-<hex>.sig" in the repository of the
signed manifest names another manifest. Its layers are payloads ("simple signing"),
each with its signature in an annotation.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from pipelines.core.credentials import Signer, Verifier
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError, ToolError
from pipelines.tools.registry import MANIFEST, Registry

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_TYPE = "cosign container image signature"


def signature_tag(digest: str) -> str:
    """Return the tag of cosign's signatures of *digest*."""
    return f"{digest.replace(':', '-')}.sig"


def sign_manifest(registry: Registry, digest: str, signer: Signer) -> bool:
    """Sign the manifest *digest*; return False where it has a valid signature of this key.

    Signatures of other keys are kept, so that clusters may trust an old and a new
    key during a rotation. A second run with one key makes the same bytes.
    """
    layers = _signature_layers(registry, digest)
    if any(_is_valid(registry, digest, layer, signer.public) for layer in layers):
        return False
    payload = _payload(registry.location, digest)
    layer = {
        "mediaType": PAYLOAD,
        "digest": sha256_digest(payload),
        "size": len(payload),
        "annotations": {SIGNATURE: base64.b64encode(signer.sign(payload)).decode()},
    }
    _put_signatures(registry, digest, [*layers, layer], payload)
    if not is_signed(registry, digest, signer.public):  # two sign at once: read which one the tag names
        raise ToolError(f"{registry.location}: does not show the signature that it took; run it again")
    return True


def is_signed(registry: Registry, digest: str, verifier: Verifier) -> bool:
    """Return whether the registry has a valid signature of the manifest *digest* by that key."""
    return any(_is_valid(registry, digest, layer, verifier) for layer in _signature_layers(registry, digest))


def _put_signatures(registry: Registry, digest: str, layers: list[Any], payload: bytes) -> None:
    config = _json({
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    })  # fmt: skip
    manifest = _json({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": sha256_digest(config), "size": len(config)},
        "layers": layers,
    })  # fmt: skip
    for blob in (payload, config):
        if not registry.has(sha256_digest(blob)):
            registry.upload(sha256_digest(blob), blob)
    if not registry.put_manifest(signature_tag(digest), manifest):
        raise PipelineError(
            f"{registry.location}: refuses to change the tag {signature_tag(digest)[:19]}….sig, which has no"
            " signature of this key; allow tags that end in .sig to be changed"
        )


def _signature_layers(registry: Registry, digest: str) -> list[Any]:
    """Return the layers of the signatures' manifest, without those of an unknown format."""
    found = registry.manifest(signature_tag(digest))
    if found is None:
        return []
    try:
        layers = json.loads(found.data)["layers"]
        return [one for one in layers if one["mediaType"] == PAYLOAD and isinstance(one["digest"], str)]
    except (ValueError, KeyError, TypeError):
        return []


def _is_valid(registry: Registry, digest: str, layer: Any, verifier: Verifier) -> bool:
    try:
        signature = base64.b64decode(layer["annotations"][SIGNATURE], validate=True)
        if not registry.has(layer["digest"]):
            return False
        payload = registry.blob(layer["digest"])
        critical = json.loads(payload)["critical"]
        signed = (critical["type"], critical["image"]["docker-manifest-digest"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    return signed == (_TYPE, digest) and verifier.verify(signature, payload)


def _payload(location: str, digest: str) -> bytes:
    return _json({
        "critical": {
            "identity": {"docker-reference": location},
            "image": {"docker-manifest-digest": digest},
            "type": _TYPE,
        },
        "optional": None,
    })  # fmt: skip


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
