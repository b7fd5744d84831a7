"""Put the hashed public assets into their bucket, for pods that lack one of them.

Reads out/site/public/assets/. Network: the bucket. No writes here.

A pod requests the uncompressed file (server/assets.conf sends identity), so
precompressed files are not sent. Nothing is removed: older pages refer to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.core.errors import PipelineError
from pipelines.publish import content_types
from pipelines.tools.parallel import run_parallel
from pipelines.tools.s3 import Bucket, Entry

FOLDER = "assets/"
_WORKERS = 8
_IMMUTABLE = "public, max-age=31536000, immutable"
# As images/web/nginx/http/zones.conf matches them.
_HASHED = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.([a-z0-9]+)")
_COMPRESSED = ("br", "gz")


def hashed_assets(site: Path) -> dict[str, bytes]:
    """Return the hashed public assets of the tree *site*, by key: "assets/site.3fa9c1d0.css"."""
    folder = site / "public" / "assets"
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = _HASHED.fullmatch(path.name)
        if name and name[1] not in _COMPRESSED:
            found[FOLDER + path.name] = path.read_bytes()
    return found


def send_assets(
    bucket: Bucket, files: Mapping[str, bytes], advance: Callable[[int], None]
) -> tuple[str, ...]:
    """Put those of *files* that *bucket* lacks; return their keys.

    Raises PipelineError when the bucket has another file under one of the keys.
    """
    present = bucket.list(FOLDER)

    def put(key: str) -> bool:
        data = files[key]
        is_new = False
        if not _is_equal(present.get(key), data):
            is_new = key not in present and bucket.put(key, data, _headers(key))
            if not is_new and bucket.get(key) != data:
                raise PipelineError(
                    f"{bucket}: has another file as {key}; find out who put it there, then remove it"
                )
        advance(1)
        return is_new

    keys = list(files)
    new = run_parallel(put, keys, _WORKERS, bucket.retry_policy)
    return tuple(key for key, is_new in zip(keys, new, strict=True) if is_new)


def _is_equal(entry: Entry | None, data: bytes) -> bool:
    """Return whether size and ETag of the listing prove that *entry* is *data*."""
    if entry is None or entry.size != len(data):
        return False
    return entry.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()


def _headers(key: str) -> dict[str, str]:
    return {"ContentType": content_types.content_type(key), "CacheControl": _IMMUTABLE}
