"""Put a release into the archive: the parts that it lacks, then the record.

Reads out/. Network: the archive bucket. No writes here.

The record comes last and only where none is, so that what it names is there,
and of two who would archive one version the first one wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.archive.record import Part, Record, record_key, record_to_bytes
from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage, ReleaseBundle
from pipelines.core.results import Release
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket

_AT_ONCE = 8
_HEADERS = {"ContentType": "application/octet-stream", "CacheControl": "private, no-store"}
_RECORD = {"ContentType": "application/json", "CacheControl": "private, no-store"}


def save_release(
    bucket: Bucket,
    finished: ReleaseBundle,
    assets: tuple[str, ...],
    origin: Record | None,
    advance: Callable[[int], None],
) -> tuple[tuple[str, ...], int]:
    """Archive *finished*; return the keys that were put, and their bytes.

    *assets* are the keys of its hashed assets. *origin* is the record of the
    release whose images it takes, when they were not packed here. Raises
    PipelineError when another release is archived under its version.
    """
    files = _files(finished)
    parts = {part.path: part for part in (_part(path, file) for path, file in files.items())}
    if origin is not None:
        parts |= {part.path: part for part in origin.parts if part.path.startswith("image")}
        assets = origin.assets

    record = Record(
        version=finished.version.version,
        kind=finished.version.kind,
        commit=finished.version.commit,
        time=finished.version.time,
        release=_release(finished),
        chart=finished.chart.digest,
        parts=tuple(sorted(parts.values())),
        assets=tuple(sorted(assets)),
    )
    sources = {part.sha256: (part, files.get(path)) for path, part in parts.items()}

    def one(source: tuple[Part, Path | None]) -> Part | None:
        fresh = _put(bucket, *source)
        advance(1)
        return source[0] if fresh else None

    put = [part for part in run_parallel(one, list(sources.values()), _AT_ONCE, bucket.retry_policy) if part]
    sent, size = [part.key for part in put], sum(part.size for part in put)
    data, key = record_to_bytes(record), record_key(record.version)
    if _put_record(bucket, key, data):
        sent.append(key)
        size += len(data)
    advance(1)
    return tuple(sent), size


def refuse_other_release(bucket: Bucket, finished: ReleaseBundle) -> None:
    """Raise PipelineError when another release is archived under the version of *finished*.

    Asked before anything is sent: the whole record is compared when it is put.
    """
    data = bucket.get(record_key(finished.version.version))
    if data is not None and f'"{finished.chart.digest}"'.encode() not in data:
        raise _other(bucket, record_key(finished.version.version))


def count_parts(finished: ReleaseBundle) -> int:
    """Return how many files a release has, at most."""
    return len(_files(finished)) + 1


def _files(finished: ReleaseBundle) -> Mapping[str, Path]:
    out = finished.out
    names = ["version.json", "chart.json", f"charts/{finished.package.name}"]
    for image in finished.images:
        if image.layout is not None:
            names += [f"image-{image.name}.json", _bill(out, image)]
            digests = [image.digest, *(blob.digest for blob in image.blobs)]
            names += [f"images/{image.name}/blobs/{digest.replace(':', '/')}" for digest in digests]
    return {name: out / name for name in names}


def _bill(out: Path, image: BundledImage) -> str:
    name = f"images/{image.name}.cdx.json"
    wanted = results.read_image(out / f"image-{image.name}.json").bill
    if not (out / name).is_file() or f"sha256:{_sha256((out / name).read_bytes())}" != wanted:
        raise PipelineError(f"out/{name}: is not the bill of materials of the image; run `make image`")
    return name


def _release(finished: ReleaseBundle) -> Release:
    chart = finished.chart
    return Release(chart.version, chart.commit, chart.web, chart.api, chart.site, chart.asset)


def _part(path: str, file: Path) -> Part:
    data = file.read_bytes()
    return Part(path, _sha256(data), len(data))


def _put(bucket: Bucket, part: Part, file: Path | None) -> bool:
    size = bucket.size(part.key)
    if size is None and file is None:
        raise PipelineError(
            f"{bucket.place.what} {bucket.place.name!r}: has lost {part.path} ({part.sha256[:12]});"
            " release another commit"
        )
    if size is None and file is not None:
        data = file.read_bytes()
        if _sha256(data) != part.sha256:
            raise PipelineError(f"out/{part.path}: has changed meanwhile; run it again")
        if bucket.put(part.key, data, _HEADERS):
            return True
        size = bucket.size(part.key)
    if size != part.size:
        raise PipelineError(
            f"{bucket.place.what} {bucket.place.name!r}: {part.key} is damaged; remove it, and run it again"
        )
    return False


def _put_record(bucket: Bucket, key: str, data: bytes) -> bool:
    there = bucket.get(key)
    if there is None:
        if bucket.put(key, data, _RECORD):
            return True
        there = bucket.get(key)
    if there != data:
        raise _other(bucket, key)
    return False


def _other(bucket: Bucket, key: str) -> PipelineError:
    return PipelineError(
        f"{bucket.place.what} {bucket.place.name!r}: has another release as {key}, and a version is never"
        " changed; commit, which makes a new one"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
