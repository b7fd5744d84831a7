"""Bring a release back from the archive: its images, its chart, its site.

Writes the folder that it is given. Network: the archive bucket.
"""

from __future__ import annotations

import hashlib
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

_AT_ONCE = 8
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Where the parts of a site lie in the web image.
_PLACES = {"srv/public/": "public/", "srv/gated/": "gated/", "etc/nginx/site/aliases.map": "aliases.map"}


def restore_release(bucket: Bucket, found: Record, folder: Path, advance: Callable[[int], None]) -> None:
    """Write every part of *found* into *folder*, and its site's tree to *folder*/site.

    *folder* is whole or not there at all; one that is there is replaced. Raises
    PipelineError for a part that is gone or damaged, and when the site is not the
    one of the record.
    """
    room = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(room, ignore_errors=True)
    try:

        def one(part: Part) -> None:
            path = room / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read_part(bucket, part))
            advance(1)

        run_parallel(one, found.parts, _AT_ONCE, bucket.retry_policy)
        for name, digest in (("web", found.release.web), ("api", found.release.api)):
            if digest:
                _layout(room / "images" / name, digest)
        for name, data in files_of_layers(_layers(room / "images" / "web", found.release.web)):
            path = room / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if digests.normalize_tree(room / "site").digest != found.release.site:
            raise PipelineError(f"archive: the site of {found.version} is not the one of its record")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(room, folder)
    except OSError as error:
        raise PipelineError(f"{folder.name}: cannot be written ({error.strerror}); make room") from None
    finally:
        shutil.rmtree(room, ignore_errors=True)


def read_part(bucket: Bucket, part: Part) -> bytes:
    """Return the bytes of *part*; raise PipelineError when they are gone or others."""
    data = bucket.get(part.key)
    if data is None or hashlib.sha256(data).hexdigest() != part.sha256:
        what = "is gone" if data is None else "is damaged"
        raise PipelineError(f"{bucket.place.what} {bucket.place.name!r}: {part.path} {what}")
    return data


def restore_assets(bucket: Bucket, found: Record, keys: Iterable[str]) -> dict[str, bytes]:
    """Return the public assets *keys* of *found*, out of the layers of its web image."""
    wanted = {f"public/{key}": key for key in keys}
    parts = {part.sha256: part for part in found.image("web")}
    manifest = read_part(bucket, parts[found.release.web.removeprefix("sha256:")])
    layers = (read_part(bucket, parts[digest.removeprefix("sha256:")]) for digest in _digests(manifest))
    kept = {wanted[name]: data for name, data in files_of_layers(layers) if name in wanted}
    if lacking := set(wanted.values()) - kept.keys():
        raise PipelineError(f"archive: release {found.version} has no {min(lacking)}; choose another")
    return kept


def files_of_layers(layers: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each file of a site, out of the layers of a web image."""
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as tar:
            for info in tar:
                inside = ".." not in info.name.split("/")
                place = next((place for place in _PLACES if inside and info.name.startswith(place)), None)
                file = tar.extractfile(info) if place and info.isfile() else None
                if place and file:
                    yield _PLACES[place] + info.name.removeprefix(place), file.read()


def _digests(manifest: bytes) -> list[str]:
    return [str(row["digest"]) for row in json.loads(manifest)["layers"]]


def _layers(layout: Path, digest: str) -> Iterator[bytes]:
    blobs = layout / "blobs"
    for one in _digests((blobs / digest.replace(":", "/")).read_bytes()):
        yield (blobs / one.replace(":", "/")).read_bytes()


def _layout(layout: Path, digest: str) -> None:
    """Make an OCI layout of the blobs in *layout* (image-spec, image-layout.md)."""
    size = (layout / "blobs" / digest.replace(":", "/")).stat().st_size
    row = {"mediaType": _MANIFEST, "digest": digest, "size": size}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [row]}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
