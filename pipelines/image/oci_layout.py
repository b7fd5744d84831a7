"""Read and write OCI image layouts (image-spec 1.1, image-layout.md).

Reads and writes the folders that it is given. No network.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError
from pipelines.image.layer import GZIP, Layer
from pipelines.tools.atomic_exchange import exchange, recover_exchange

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYOUT = {"imageLayoutVersion": "1.0.0"}
CREATED = "2001-09-09T01:46:40Z"  # fixed, for reproducible bytes: core.digests.EPOCH


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image in a layout."""

    digest: str  # of its manifest
    config: Mapping[str, Any]  # the whole configuration, "config" and "rootfs" in it
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Return the compressed size of all layers."""
        return sum(layer.size for layer in self.layers)


def write_layout(
    folder: Path, settings: Mapping[str, Any], platform: Mapping[str, str], layers: Sequence[Layer]
) -> OciImage:
    """Write an image of *layers* into the new or empty *folder*; return it.

    *settings* is the part "config" of the configuration (User, Entrypoint …),
    *platform* has "os" and "architecture".
    """
    config = {
        "created": CREATED,
        **platform,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created": CREATED, "created_by": one.name} for one in layers],
    }
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = _canonical_json({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _write_blob(blobs, CONFIG, _canonical_json(config)),
        "layers": [_write_blob(blobs, GZIP, one.data) for one in layers],
    })  # fmt: skip
    descriptor = _write_blob(blobs, MANIFEST, manifest) | {"platform": dict(platform)}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [descriptor]}
    (folder / "index.json").write_bytes(_canonical_json(index))
    (folder / "oci-layout").write_bytes(_canonical_json(_LAYOUT))
    return OciImage(descriptor["digest"], config, tuple(layers))


def read_layout(folder: Path) -> OciImage:
    """Read the image in *folder*; raise PipelineError where it is incomplete or a blob was changed."""
    name = "/".join(folder.parts[-3:])
    try:
        index = json.loads((folder / "index.json").read_bytes())
        (descriptor,) = index["manifests"]
        manifest = json.loads(_read_blob(folder, descriptor))
        config = json.loads(_read_blob(folder, manifest["config"]))
        names = [
            step.get("created_by", "") for step in config.get("history", []) if not step.get("empty_layer")
        ]
        rows = zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        layers = tuple(
            Layer(names[at] if at < len(names) else "", row["digest"], diff_id, _read_blob(folder, row))
            for at, (row, diff_id) in enumerate(rows)
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = Path(error.filename).name
        raise PipelineError(f"{name}: an incomplete image: {missing} is missing; pack it again") from None
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"{name}: not an OCI layout of one image; pack it again") from None
    return OciImage(descriptor["digest"], config, layers)


def layout_parts(folder: Path) -> tuple[bytes, list[str]]:
    """Return the manifest of the image in *folder*, and the digests of its blobs."""
    index = json.loads((folder / "index.json").read_bytes())
    (descriptor,) = index["manifests"]
    data = _read_blob(folder, descriptor)
    manifest = json.loads(data)
    return data, [str(row["digest"]) for row in (manifest["config"], *manifest["layers"])]


def store_manifest(folder: Path, manifest: bytes, blob: Callable[[str], bytes]) -> None:
    """Write the image of *manifest* into the new *folder*; *blob* returns the bytes of a digest."""
    try:
        document = json.loads(manifest)
        digests = [str(row["digest"]) for row in (document["config"], *document["layers"])]
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"{folder.name}: not a manifest of an OCI image") from None
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest in dict.fromkeys(digests):
        data = blob(digest)
        if sha256_digest(data) != digest:
            raise PipelineError(f"{folder.name}: blob {digest[:19]} does not match its digest")
        (blobs / digest.removeprefix("sha256:")).write_bytes(data)
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [_write_blob(blobs, MANIFEST, manifest)]}
    (folder / "index.json").write_bytes(_canonical_json(index))
    (folder / "oci-layout").write_bytes(_canonical_json(_LAYOUT))


def publish_layout(staged: Path, target: Path) -> None:
    """Replace *target* by the complete layout *staged*, atomically."""
    recover_exchange(target)
    if not target.exists():
        os.rename(staged, target)
        return
    fresh = target.with_name(
        f".{target.name}.fresh"
    )  # a sibling: some file systems cannot exchange across directories
    shutil.rmtree(fresh, ignore_errors=True)
    os.rename(staged, fresh)
    exchange(fresh, target)
    shutil.rmtree(fresh)


def _read_blob(folder: Path, descriptor: Mapping[str, Any]) -> bytes:
    digest = str(descriptor["digest"])
    data = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
    if sha256_digest(data) != digest:
        raise PipelineError(f"{folder.name}: blob {digest[:19]} does not match its digest; pack it again")
    return data


def _write_blob(blobs: Path, kind: str, data: bytes) -> dict[str, Any]:
    digest = sha256_digest(data)
    (blobs / digest.removeprefix("sha256:")).write_bytes(data)
    return {"mediaType": kind, "digest": digest, "size": len(data)}


def _canonical_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
