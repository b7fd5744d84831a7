"""Name an asset after its content: ``site.3fa9c1d0.css``.

Functions of bytes. No reads, no writes, no network.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from msgspec import Struct

from pipelines.core.digests import sha256_hex
from pipelines.site.content.slugs import slugify


class Asset(Struct, frozen=True):
    """A file under its hashed name."""

    name: str  # "site.3fa9c1d0.css"
    data: bytes


def hashed_name(path: str, data: bytes) -> str:
    """Return the name under which *data* of the file *path* is published.

    It holds eight hex digits of SHA-256. The stem becomes a slug, so that a name
    with spaces or umlauts needs no escapes.
    """
    pure = PurePosixPath(path)
    stem = slugify(pure.stem)[:100].rstrip("-") or "file"  # transliteration can lengthen a name
    return f"{stem}.{sha256_hex(data)[:8]}{pure.suffix.lower()}"
