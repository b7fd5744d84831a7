"""Take the image that lies in out/ again, when it was made of the same inputs by the same program.

Reads out/images/, the record and the bill beside them. Writes out/images/<name>.made. No network.

Packing is equal bytes for equal inputs, so this saves time and nothing else:
every blob is held against its digest before it is taken again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.results import ImageResult
from pipelines.image import oci_layout
from pipelines.image.layer import File, sha256

_PIPELINES = Path(__file__).resolve().parent.parent
_PACKAGES = ("core", "image", "tools")  # whose code decides the bytes of an image


def cache_key(words: Iterable[str], files: Iterable[File]) -> str:
    """Return the digest of *words* and *files*, and of the program that packs them."""
    program = [path for name in _PACKAGES for path in sorted((_PIPELINES / name).glob("*.py"))]
    parts: list[bytes | str] = [sys.version, version("deflate"), *words]
    for file in files:
        parts += [file.path, file.data]
    total = hashlib.sha256()
    for part in (*parts, *(path.read_bytes() for path in program)):
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)  # each with its length, so that borders count
    return total.hexdigest()


def find_cached(out: Path, name: str, key: str) -> ImageResult | None:
    """Return the record of the image *name* when it is the one of *key* and whole, else None."""
    with suppress(PipelineError, OSError):
        record = results.read_image(out / f"image-{name}.json")
        if (
            _key_file(out, name).read_text("utf-8") == _key_line(key, record)
            and oci_layout.read_layout(out / "images" / name).digest == record.digest
            and sha256((out / "images" / f"{name}.cdx.json").read_bytes()) == record.bill
        ):
            return record
    return None


def store_cached(out: Path, name: str, key: str, record: ImageResult) -> ImageResult:
    """Note that *record* is the image of *key*; return it."""
    _key_file(out, name).write_text(_key_line(key, record), "utf-8")
    return record


def _key_file(out: Path, name: str) -> Path:
    return out / "images" / f"{name}.made"


def _key_line(key: str, record: ImageResult) -> str:
    # The whole record: one that was changed by hand, or is of another image, does not fit.
    return f"{key} {sha256(results.to_json(record).encode())}\n"
