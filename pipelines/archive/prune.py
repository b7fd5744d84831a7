"""Find the assets that no retained release refers to.

Network: both buckets. No reads, no writes here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipelines.archive import catalog
from pipelines.archive.record import Record
from pipelines.core.errors import PipelineError
from pipelines.core.version import Version, parse, stable_form
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket

FOLDER = "assets/"
_WORKERS = 8
# A running publication may rely on an old asset, or have put one that no record names yet.
GRACE = timedelta(days=1)


def last_records(records: Iterable[Record], keep: int) -> list[Record]:
    """Return the records of the last *keep* releases, the newest first.

    A candidate and its stable version are one release.
    """
    newest_first = sorted(records, key=_order, reverse=True)
    releases = list(dict.fromkeys(stable_form(record.version) for record in newest_first))[:keep]
    return [record for record in newest_first if stable_form(record.version) in releases]


def unused_assets(assets: Bucket, archive: Bucket, keep: int, now: datetime) -> list[str]:
    """Return the keys of *assets* that none of the last *keep* releases of *archive* refers to.

    Excluded are assets of the last day, whose release may still be published.
    Raises PipelineError when nothing is archived, since then nothing is known.
    """
    versions = catalog.archived_versions(archive)
    if not versions:
        raise PipelineError(f"{archive}: has no release; publish one first")
    records = run_parallel(
        lambda version: catalog.read_record(archive, version), versions, _WORKERS, archive.retry_policy
    )
    used = {key for record in last_records(records, keep) for key in record.assets}
    entries = assets.list(FOLDER).values()
    return sorted(one.key for one in entries if one.key not in used and now - one.changed > GRACE)


def _order(record: Record) -> tuple[int, Version]:
    """Return the sort key of *record*: the time of its commit, then its version."""
    return record.time, parse(stable_form(record.version)) or Version(0)
