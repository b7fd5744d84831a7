"""Sign manifests in a registry, in cosign's own format and under cosign's tag.

Network: the registry. No reads, no writes here.

cosign's SIGNATURE_SPEC.md: the tag "sha256-<hex>.sig" in the repository of what
is signed names a manifest, whose layers are payloads ("simple signing"), each
with its signature in an annotation.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from pipelines.core.credentials import Signer, Verifier
from pipelines.core.errors import PipelineError, ToolError
from pipelines.tools.registry import MANIFEST, Registry, digest_of

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_TYPE = "cosign container image signature"


def signature_tag(digest: str) -> str:
    """Return the tag that cosign looks for the signatures of *digest* under."""
    return f"{digest.replace(':', '-')}.sig"


def sign_manifest(registry: Registry, digest: str, signer: Signer) -> bool:
    """Sign the manifest *digest*; return False where a valid signature of this key is there already.

    Signatures of other keys stay, so that clusters may trust an old and a new key
    while one replaces the other. A second run with one key makes the same bytes.
    """
    rows = _rows(registry, digest)
    if any(_valid(registry, digest, row, signer.public) for row in rows):
        return False
    payload = _payload(registry.place, digest)
    row = {
        "mediaType": PAYLOAD,
        "digest": digest_of(payload),
        "size": len(payload),
        "annotations": {SIGNATURE: base64.b64encode(signer.sign(payload)).decode()},
    }
    _put(registry, digest, [*rows, row], payload)
    if not is_signed(registry, digest, signer.public):  # two at once: whose tag is there now?
        raise ToolError(f"{registry.place}: does not show the signature that it took; run it again")
    return True


def is_signed(registry: Registry, digest: str, verifier: Verifier) -> bool:
    """Return whether the registry has a valid signature of the manifest *digest* by that key."""
    return any(_valid(registry, digest, row, verifier) for row in _rows(registry, digest))


def _put(registry: Registry, digest: str, rows: list[Any], payload: bytes) -> None:
    config = _json({
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [row["digest"] for row in rows]},
    })  # fmt: skip
    manifest = _json({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": rows,
    })  # fmt: skip
    for blob in (payload, config):
        if not registry.has(digest_of(blob)):
            registry.upload(digest_of(blob), blob)
    if not registry.put_manifest(signature_tag(digest), manifest):
        raise PipelineError(
            f"{registry.place}: refuses to change the tag {signature_tag(digest)[:19]}….sig, which has no"
            " signature of this key; allow tags that end in .sig to be changed"
        )


def _rows(registry: Registry, digest: str) -> list[Any]:
    """Return the layers of the signatures' manifest; those of no form known here are left out."""
    found = registry.manifest(signature_tag(digest))
    if found is None:
        return []
    try:
        rows = json.loads(found.data)["layers"]
        return [row for row in rows if row["mediaType"] == PAYLOAD and isinstance(row["digest"], str)]
    except (ValueError, KeyError, TypeError):
        return []


def _valid(registry: Registry, digest: str, row: Any, verifier: Verifier) -> bool:
    try:
        signature = base64.b64decode(row["annotations"][SIGNATURE], validate=True)
        if not registry.has(row["digest"]):
            return False
        payload = registry.blob(row["digest"])
        about = json.loads(payload)["critical"]
        output = (about["type"], about["image"]["docker-manifest-digest"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    return output == (_TYPE, digest) and verifier.verify(signature, payload)


def _payload(place: str, digest: str) -> bytes:
    return _json({
        "critical": {
            "identity": {"docker-reference": place},
            "image": {"docker-manifest-digest": digest},
            "type": _TYPE,
        },
        "optional": None,
    })  # fmt: skip


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
