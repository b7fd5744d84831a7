"""Restore a release from the archive: its images, its chart, its site.

Writes the directory that it is given. Network: the archive bucket.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipelines.archive.record import Part, Record
from pipelines.core import digests
from pipelines.core.errors import PipelineError
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket

_WORKERS = 8
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Paths of the site in the web image, and in out/site.
_SITE_PATHS = {"srv/public/": "public/", "srv/gated/": "gated/", "etc/nginx/site/aliases.map": "aliases.map"}


def restore_release(bucket: Bucket, record: Record, folder: Path, advance: Callable[[int], None]) -> None:
    """Write every part of *record* into *folder*, and its site's tree to *folder*/site.

    *folder* is complete or absent; an existing one is replaced. Raises
    PipelineError for a part that is missing or damaged, and for a site with another
    digest than in the record.
    """
    staging = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    try:

        def fetch(part: Part) -> None:
            path = staging / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read_part(bucket, part))
            advance(1)

        run_parallel(fetch, record.parts, _WORKERS, bucket.retry_policy)
        for name, digest in (("web", record.release.web), ("api", record.release.api)):
            if digest:
                _write_layout(staging / "images" / name, digest)
        for name, data in site_files(_read_layers(staging / "images" / "web", record.release.web)):
            path = staging / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if digests.normalize_tree(staging / "site").digest != record.release.site:
            raise PipelineError(f"archive: the site of {record.version} is not the one of its record")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(staging, folder)
    except OSError as error:
        reason = f"cannot be written ({error.strerror}); free some space"
        raise PipelineError(f"{folder.name}: {reason}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_part(bucket: Bucket, part: Part) -> bytes:
    """Return the bytes of *part*; raise PipelineError when they are missing or damaged."""
    data = bucket.get(part.key)
    if data is None or digests.sha256_hex(data) != part.sha256:
        what = "is missing" if data is None else "is damaged"
        raise PipelineError(f"{bucket}: {part.path} {what}")
    return data


def restore_assets(bucket: Bucket, record: Record, keys: Iterable[str]) -> dict[str, bytes]:
    """Return the public assets *keys* of *record*, read from the layers of its web image."""
    key_of = {f"public/{key}": key for key in keys}
    parts = {part.sha256: part for part in record.image("web")}
    manifest = read_part(bucket, parts[record.release.web.removeprefix("sha256:")])
    layers = (read_part(bucket, parts[digest.removeprefix("sha256:")]) for digest in _layer_digests(manifest))
    found = {key_of[name]: data for name, data in site_files(layers) if name in key_of}
    if missing := set(key_of.values()) - found.keys():
        raise PipelineError(f"archive: release {record.version} has no {min(missing)}; choose another")
    return found


def site_files(layers: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each file of a site, read from the layers of a web image."""
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as tar:
            for info in tar:
                safe = ".." not in info.name.split("/")
                prefix = next((one for one in _SITE_PATHS if safe and info.name.startswith(one)), None)
                file = tar.extractfile(info) if prefix and info.isfile() else None
                if prefix and file:
                    yield _SITE_PATHS[prefix] + info.name.removeprefix(prefix), file.read()


def _layer_digests(manifest: bytes) -> list[str]:
    return [str(row["digest"]) for row in json.loads(manifest)["layers"]]


def _read_layers(layout: Path, digest: str) -> Iterator[bytes]:
    blobs = layout / "blobs"
    for layer in _layer_digests((blobs / digest.replace(":", "/")).read_bytes()):
        yield (blobs / layer.replace(":", "/")).read_bytes()


def _write_layout(layout: Path, digest: str) -> None:
    """Complete the blobs in *layout* to an OCI layout (image-spec, image-layout.md)."""
    size = (layout / "blobs" / digest.replace(":", "/")).stat().st_size
    row = {"mediaType": _MANIFEST, "digest": digest, "size": size}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [row]}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
