"""Find the assets that no kept release refers to, and remove them when told to.

Network: both buckets. No reads, no writes here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from pipelines.archive import catalog
from pipelines.archive.record import Record
from pipelines.core.errors import PipelineError
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket

FOLDER = "assets/"
_AT_ONCE = 8
# A pipeline that publishes now may have found an old asset there, or put one that no record names yet.
GRACE = timedelta(days=1)


def kept_records(records: Iterable[Record], keep: int) -> list[Record]:
    """Return the records of the last *keep* releases, the newest first.

    A candidate and the stable version that it became are one release.
    """
    found = sorted(records, key=lambda one: (one.time, _numbers(one.version)), reverse=True)
    names: list[str] = []
    for one in found:
        name = one.version.removesuffix("-rc")
        if name not in names:
            names.append(name)
    return [one for one in found if one.version.removesuffix("-rc") in names[:keep]]


def unused_assets(assets: Bucket, archive: Bucket, keep: int, now: datetime) -> list[str]:
    """Return the keys of *assets* that none of the last *keep* releases of *archive* refers to.

    Those that were put within the last day stay: the release that they belong to
    may be on its way. Raises PipelineError when nothing is archived, since then
    nothing is known.
    """
    names = catalog.archived_versions(archive)
    if not names:
        raise PipelineError(f"{archive.place.what} {archive.place.name!r}: has no release; publish one first")
    records = run_parallel(
        lambda name: catalog.read_record(archive, name), names, _AT_ONCE, archive.retry_policy
    )
    used = {key for one in kept_records(records, keep) for key in one.assets}
    entries = assets.list(FOLDER).values()
    return sorted(one.key for one in entries if one.key not in used and now - one.changed > GRACE)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
