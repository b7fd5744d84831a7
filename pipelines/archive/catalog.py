"""Read the archive: list its releases, and check that one can still be rolled out.

Network: the archive bucket, and the registry. No reads, no writes here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.archive.record import RECORDS, Part, Record, record_from_bytes, record_key
from pipelines.core.errors import PipelineError
from pipelines.core.results import Release
from pipelines.core.version import candidate_form, stable_form
from pipelines.tools.parallel import run_parallel
from pipelines.tools.registry import Registry
from pipelines.tools.s3 import Bucket

_WORKERS = 8


def archived_versions(bucket: Bucket) -> list[str]:
    """Return the archived versions, unordered."""
    return [key.removeprefix(RECORDS).removesuffix(".json") for key in bucket.list(RECORDS)]


def read_record(bucket: Bucket, version: str) -> Record:
    """Return the record of *version*; raise PipelineError when it is not archived.

    A candidate and its stable version are one release: either form finds it.
    """
    for form in (version, other_form(version)):
        data = bucket.get(record_key(form))
        if data is not None:
            return record_from_bytes(data, form)
    raise PipelineError(
        f"{bucket}: has no release {version}; run `python -m pipelines archive list` to see what it has"
    )


def other_form(version: str) -> str:
    """Return the stable form of a candidate, and the candidate of a stable version."""
    return stable_form(version) if version.endswith("-rc") else candidate_form(version)


def fetch_record(bucket: Bucket, version: str, registry: Callable[[str], Registry]) -> Release:
    """Return what *version* rolled out.

    *registry* returns the repository of an image by its name. Raises PipelineError
    when a part is missing in the archive or the registry: the release cannot be
    rolled out again.
    """
    record = read_record(bucket, version)
    missing = missing_parts(bucket, record)
    if missing:
        raise PipelineError(
            f"{bucket}: release {version} is incomplete, {len(missing)} of {len(record.parts)} parts are"
            f" missing, as {missing[0].path}; choose another"
        )
    for name, digest in (("web", record.release.web), ("api", record.release.api)):
        if digest:
            _check_image(registry(name), version, digest, record.image(name))
    return record.release


def missing_parts(bucket: Bucket, record: Record) -> list[Part]:
    """Return the parts of *record* that the bucket lacks, or has in another size."""

    def is_present(part: Part) -> bool:
        return bucket.size(part.key) == part.size

    present = run_parallel(is_present, record.parts, _WORKERS, bucket.retry_policy)
    return [part for part, found in zip(record.parts, present, strict=True) if not found]


def _check_image(registry: Registry, version: str, digest: str, parts: tuple[Part, ...]) -> None:
    blobs = [f"sha256:{part.sha256}" for part in parts if f"sha256:{part.sha256}" != digest]
    missing = [digest] if registry.manifest(digest) is None else []
    present = run_parallel(registry.has, blobs, _WORKERS, registry.retry_policy)
    missing += [blob for blob, found in zip(blobs, present, strict=True) if not found]
    if missing:
        raise PipelineError(
            f"{registry.location}: {missing[0][:19]} of release {version} is missing;"
            f" restore it with `python -m pipelines archive restore {version} --push`"
        )
