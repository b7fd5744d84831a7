"""Put a release into the archive: the parts that it lacks, then the record.

Reads out/. Network: the archive bucket. No writes here.

The record comes last, when all of its parts exist, and is never replaced: of two
runs that archive one version, the first wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.archive.record import Part, Record, record_key, record_to_bytes
from pipelines.core import results
from pipelines.core.digests import sha256_digest, sha256_hex
from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage, ReleaseBundle
from pipelines.core.results import Release
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket

_WORKERS = 8
_BLOB_HEADERS = {"ContentType": "application/octet-stream", "CacheControl": "private, no-store"}
_RECORD_HEADERS = {"ContentType": "application/json", "CacheControl": "private, no-store"}


def save_release(
    bucket: Bucket,
    bundle: ReleaseBundle,
    assets: tuple[str, ...],
    origin: Record | None,
    advance: Callable[[int], None],
) -> tuple[tuple[str, ...], int]:
    """Archive *bundle*; return the keys that were put, and their size in bytes.

    *assets* are the keys of its hashed assets. *origin* is the record of the
    release whose images it reuses, when they were not packed here. Raises
    PipelineError when another release is archived under its version.
    """
    files = _files(bundle)
    parts = {part.path: part for part in (_part(path, file) for path, file in files.items())}
    if origin is not None:
        parts |= {part.path: part for part in origin.parts if part.path.startswith("image")}
        assets = origin.assets

    record = Record(
        version=bundle.version.version,
        kind=bundle.version.kind,
        commit=bundle.version.commit,
        time=bundle.version.time,
        release=_release(bundle),
        chart=bundle.chart.digest,
        parts=tuple(sorted(parts.values())),
        assets=tuple(sorted(assets)),
    )
    sources = {part.sha256: (part, files.get(path)) for path, part in parts.items()}

    def put(source: tuple[Part, Path | None]) -> Part | None:
        is_new = _put_part(bucket, *source)
        advance(1)
        return source[0] if is_new else None

    new = [part for part in run_parallel(put, list(sources.values()), _WORKERS, bucket.retry_policy) if part]
    sent, size = [part.key for part in new], sum(part.size for part in new)
    data, key = record_to_bytes(record), record_key(record.version)
    if _put_record(bucket, key, data):
        sent.append(key)
        size += len(data)
    advance(1)
    return tuple(sent), size


def refuse_other_release(bucket: Bucket, bundle: ReleaseBundle) -> None:
    """Raise PipelineError when another release is archived under the version of *bundle*.

    A quick check before anything is sent: the whole record is compared when it is put.
    """
    data = bucket.get(record_key(bundle.version.version))
    if data is not None and f'"{bundle.chart.digest}"'.encode() not in data:
        raise _other_release(bucket, record_key(bundle.version.version))


def count_parts(bundle: ReleaseBundle) -> int:
    """Return how many files a release has, at most."""
    return len(_files(bundle)) + 1


def _files(bundle: ReleaseBundle) -> Mapping[str, Path]:
    out = bundle.out
    names = ["version.json", "chart.json", f"charts/{bundle.package.name}"]
    for image in bundle.images:
        if image.layout is not None:
            names += [f"image-{image.name}.json", _sbom_path(out, image)]
            digests = [image.digest, *(blob.digest for blob in image.blobs)]
            names += [f"images/{image.name}/blobs/{digest.replace(':', '/')}" for digest in digests]
    return {name: out / name for name in names}


def _sbom_path(out: Path, image: BundledImage) -> str:
    path = f"images/{image.name}.cdx.json"
    digest = results.read_image(out / f"image-{image.name}.json").bill
    if not (out / path).is_file() or sha256_digest((out / path).read_bytes()) != digest:
        raise PipelineError(f"out/{path}: is not the SBOM of the image; run `make image`")
    return path


def _release(bundle: ReleaseBundle) -> Release:
    chart = bundle.chart
    return Release(chart.version, chart.commit, chart.web, chart.api, chart.site, chart.asset)


def _part(path: str, file: Path) -> Part:
    data = file.read_bytes()
    return Part(path, sha256_hex(data), len(data))


def _put_part(bucket: Bucket, part: Part, file: Path | None) -> bool:
    size = bucket.size(part.key)
    if size is None and file is None:
        raise PipelineError(f"{bucket}: has lost {part.path} ({part.sha256[:12]}); release another commit")
    if size is None and file is not None:
        data = file.read_bytes()
        if sha256_hex(data) != part.sha256:
            raise PipelineError(f"out/{part.path}: has changed during the upload; run it again")
        if bucket.put(part.key, data, _BLOB_HEADERS):
            return True
        size = bucket.size(part.key)
    if size != part.size:
        raise PipelineError(f"{bucket}: {part.key} is damaged; remove it, and run it again")
    return False


def _put_record(bucket: Bucket, key: str, data: bytes) -> bool:
    present = bucket.get(key)
    if present is None:
        if bucket.put(key, data, _RECORD_HEADERS):
            return True
        present = bucket.get(key)
    if present != data:
        raise _other_release(bucket, key)
    return False


def _other_release(bucket: Bucket, key: str) -> PipelineError:
    return PipelineError(
        f"{bucket}: has another release as {key}, and a version is never changed; commit, which makes a"
        " new one"
    )
