"""Cache: reuse the image in out/ where its inputs and the code that packs it are unchanged.

Reads out/images/, its record and SBOM. Writes out/images/<name>.key. No network.

Packing is reproducible, so the cache saves time only. A cached image counts only if
every blob matches its digest.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from pipelines.core import results
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError
from pipelines.core.results import ImageResult
from pipelines.image import oci_layout
from pipelines.image.layer import File

_PIPELINES = Path(__file__).resolve().parent.parent
_PACKAGES = ("core", "image", "tools")  # whose code decides the bytes of an image


def cache_key(inputs: Iterable[str], files: Iterable[File]) -> str:
    """Return the digest of *inputs*, *files* and the code that packs them."""
    program = [path for name in _PACKAGES for path in sorted((_PIPELINES / name).glob("*.py"))]
    parts: list[bytes | str] = [sys.version, version("deflate"), *inputs]
    for file in files:
        parts += [file.path, file.data]
    total = hashlib.sha256()
    for part in (*parts, *(path.read_bytes() for path in program)):
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)  # length-prefixed, so that boundaries count
    return total.hexdigest()


def find_cached(out: Path, name: str, key: str) -> ImageResult | None:
    """Return the record of the image *name* if it has *key* and is complete, else None."""
    with suppress(PipelineError, OSError):
        record = results.read_image(out / f"image-{name}.json")
        if (
            _key_file(out, name).read_text("utf-8") == _key_line(key, record)
            and oci_layout.read_layout(out / "images" / name).digest == record.digest
            and sha256_digest((out / "images" / f"{name}.cdx.json").read_bytes()) == record.bill
        ):
            return record
    return None


def store_cached(out: Path, name: str, key: str, record: ImageResult) -> ImageResult:
    """Write that *record* is the image with *key*; return *record*."""
    _key_file(out, name).write_text(_key_line(key, record), "utf-8")
    return record


def _key_file(out: Path, name: str) -> Path:
    return out / "images" / f"{name}.key"


def _key_line(key: str, record: ImageResult) -> str:
    # With the digest of the record: an edited record, or that of another image, does not match.
    return f"{key} {sha256_digest(results.to_json(record).encode())}\n"
