"""Read the archive: which releases there are, and whether one can still be rolled out.

Network: the archive bucket, and the registry. No reads, no writes here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.archive.record import RECORDS, Part, Record, record_from_bytes, record_key
from pipelines.core.errors import PipelineError
from pipelines.core.results import Release
from pipelines.tools.parallel import run_parallel
from pipelines.tools.registry import Registry
from pipelines.tools.s3 import Bucket

_AT_ONCE = 8


def archived_versions(bucket: Bucket) -> list[str]:
    """Return the versions that are archived, in no order that means something."""
    return [key.removeprefix(RECORDS).removesuffix(".json") for key in bucket.list(RECORDS)]


def read_record(bucket: Bucket, version: str) -> Record:
    """Return the record of *version*; raise PipelineError when it is not archived.

    A candidate and the stable version that it became are one release: where the
    one is not archived, the other one is taken.
    """
    for name in (version, other_form(version)):
        data = bucket.get(record_key(name))
        if data is not None:
            return record_from_bytes(data, name)
    raise PipelineError(
        f"{bucket.place.what} {bucket.place.name!r}: has no release {version};"
        " `python -m pipelines archive list` tells which there are"
    )


def other_form(version: str) -> str:
    """Return the other name of a release: candidate and stable version are one."""
    return version.removesuffix("-rc") if version.endswith("-rc") else f"{version}-rc"


def fetch_record(bucket: Bucket, version: str, registry: Callable[[str], Registry]) -> Release:
    """Return what *version* rolled out.

    *registry* gives the repository of an image by its name. Raises PipelineError
    when a part of it is gone, from the archive or from the registry: it could
    not be rolled out again.
    """
    found = read_record(bucket, version)
    missing = missing_parts(bucket, found)
    if missing:
        raise PipelineError(
            f"{bucket.place.what} {bucket.place.name!r}: release {version} is not whole any more,"
            f" {len(missing)} of {len(found.parts)} parts are gone, as {missing[0].path}; choose another"
        )
    for name, digest in (("web", found.release.web), ("api", found.release.api)):
        if digest:
            _check(registry(name), version, digest, found.image(name))
    return found.release


def missing_parts(bucket: Bucket, found: Record) -> list[Part]:
    """Return the parts of *found* that the bucket has not, or of another size."""

    def there(part: Part) -> bool:
        return bucket.size(part.key) == part.size

    known = run_parallel(there, found.parts, _AT_ONCE, bucket.retry_policy)
    return [part for part, is_there in zip(found.parts, known, strict=True) if not is_there]


def _check(registry: Registry, version: str, digest: str, parts: tuple[Part, ...]) -> None:
    blobs = [f"sha256:{part.sha256}" for part in parts if f"sha256:{part.sha256}" != digest]
    gone = [digest] if registry.manifest(digest) is None else []
    known = run_parallel(registry.has, blobs, _AT_ONCE, registry.retry_policy)
    gone += [blob for blob, is_there in zip(blobs, known, strict=True) if not is_there]
    if gone:
        raise PipelineError(
            f"{registry.place}: {gone[0][:19]} of release {version} is gone;"
            f" bring it back with `python -m pipelines archive restore {version} --push`"
        )
