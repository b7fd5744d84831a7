"""Put the hashed public assets into their bucket, for pods that lack one of them.

Reads out/site/public/assets/. Network: the bucket. No writes here.

A pod asks for the plain file (server/assets.conf says identity), so compressed
twins stay at home. Nothing is removed here: older pages still ask for it.
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
_AT_ONCE = 8
_FOR_EVER = "public, max-age=31536000, immutable"
# As images/web/nginx/http/zones.conf knows them.
_HASHED = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.([a-z0-9]+)")
_TWINS = ("br", "gz")


def hashed_assets(site: Path) -> dict[str, bytes]:
    """Return the hashed public assets of the tree *site*, by key: "assets/site.3fa9c1d0.css"."""
    folder = site / "public" / "assets"
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = _HASHED.fullmatch(path.name)
        if name and name[1] not in _TWINS:
            found[FOLDER + path.name] = path.read_bytes()
    return found


def send_assets(
    bucket: Bucket, files: Mapping[str, bytes], advance: Callable[[int], None]
) -> tuple[str, ...]:
    """Put those of *files* that *bucket* lacks; return their keys.

    Raises PipelineError when another file is there under one of the names.
    """
    there = bucket.list(FOLDER)

    def one(key: str) -> bool:
        data = files[key]
        fresh = False
        if not _same(there.get(key), data):
            fresh = key not in there and bucket.put(key, data, _headers(key))
            if not fresh and bucket.get(key) != data:
                raise PipelineError(
                    f"{bucket.place.what} {bucket.place.name!r}: has another file as {key};"
                    " find out who put it there, then remove it"
                )
        advance(1)
        return fresh

    keys = list(files)
    fresh = run_parallel(one, keys, _AT_ONCE, bucket.retry_policy)
    return tuple(key for key, new in zip(keys, fresh, strict=True) if new)


def _same(entry: Entry | None, data: bytes) -> bool:
    """Return whether the listing says already that it is the same file."""
    if entry is None or entry.size != len(data):
        return False
    return entry.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()


def _headers(key: str) -> dict[str, str]:
    return {"ContentType": content_types.content_type(key), "CacheControl": _FOR_EVER}
