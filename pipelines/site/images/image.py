"""Read one image file: its size, and its bytes without metadata, upright.

Reads the given file. No writes, no network.

Location, camera, author, time and thumbnails are stripped without decoding;
pixels, animation and colour profile stay bit by bit. Only an image with an EXIF
orientation is encoded again, lossless if the format can. A file without metadata
is unchanged.

A photograph with a gain map (Ultra HDR) becomes its base image. A rotated PNG
with 16 bits a channel has 8 bits afterwards. An AVIF keeps its orientation, which
is a property of the image. An SVG is validated, not changed.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pipelines.core.errors import Fault, SourceError
from pipelines.site.images.faults import image_fault
from pipelines.site.images.svg import svg_size


class CleanImage(Struct, frozen=True):
    """An image as it is published."""

    data: bytes
    width: int  # CSS pixels, upright
    height: int
    kind: str  # "png", "jpeg", "webp", "avif", "gif", "svg"


_RASTER = ("png", "jpeg", "webp", "avif", "gif")
_FORMAT_BY_SUFFIX = {".jpg": "jpeg"} | {f".{kind}": kind for kind in (*_RASTER, "svg")}
_MAGIC = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif",
          b"BM": "bmp", b"II*\0": "tiff", b"MM\0*": "tiff"}  # fmt: skip

_HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"mif1", b"msf1"))


def _detect_format(data: bytes) -> str:
    """Return the format by the signature of *data*, or ""."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        size = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[at : at + 4] for at in (8, *range(16, size, 4))}
        return "avif" if brands & {b"avif", b"avis"} else "heic" if brands & _HEIC_BRANDS else ""
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")


def _check_format(data: bytes, expected: str, suffix: str) -> None:
    """Raise SourceError if *data* is not in the format *expected* by its suffix."""
    kind = _detect_format(data)
    if not data:
        raise image_fault("is empty", "restore the image")
    if data.startswith(b"version https://git-lfs"):
        raise image_fault("is a pointer of Git LFS, not the image", "run `git lfs pull`")
    if kind == expected or (expected == "svg" and not kind):
        return
    if kind in _RASTER:
        suffix_of_format = ".jpg" if kind == "jpeg" else f".{kind}"
        raise image_fault(
            f"is a {kind.upper()} image", f"rename it to end in {suffix_of_format}, not {suffix}"
        )
    what = f"is a {kind.upper()} image" if kind else "is not an image"
    raise image_fault(f"{what}, but its name says {expected.upper()}", f"export it as {expected.upper()}")


def read_image(path: Path, name: str) -> CleanImage:
    """Return the image at *path* without metadata, upright, with its size in CSS pixels.

    *name* is its path in the project, for faults. Equal bytes give equal results
    with equal versions of Pillow. Raises SourceError for a file that is missing,
    truncated, too large, in another format than its name says, or an SVG with
    scripts or external references.
    """
    try:
        suffix = path.suffix.lower()
        if suffix not in _FORMAT_BY_SUFFIX:
            fix = "save it as PNG, JPEG, WebP, AVIF, GIF or SVG"
            raise image_fault(f"ends in {suffix or 'nothing'}, which is not a web image format", fix)
        data, kind = path.read_bytes(), _FORMAT_BY_SUFFIX[suffix]
        _check_format(data, kind, suffix)
        if kind == "svg":
            return CleanImage(data, *svg_size(data), kind)
        from pipelines.site.images import raster  # and Pillow, where an image has changed

        return CleanImage(*raster.read_raster(data, kind), kind)
    except SourceError as error:
        raise SourceError(replace(fault, path=name) for fault in error.faults) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        fix = "restore the image, or fix the reference"
        raise SourceError([Fault(name, 0, f"cannot be read ({reason})", fix, "broken-image")]) from None
