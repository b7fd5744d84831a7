"""Decode an image once to prove that it is valid without its metadata; encode it only to rotate it.

Functions of bytes. No reads, no writes, no network.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image as Pillow
from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pipelines.core.errors import SourceError
from pipelines.site.images.faults import REEXPORT_FIX, image_fault
from pipelines.site.images.metadata import (
    PNG_COLOUR_CHUNKS,
    StrippedData,
    orientation,
    png_chunks,
    strip_avif,
    strip_gif,
    strip_jpeg,
    strip_png,
    strip_webp,
    webp_chunks,
)

MAX_PIXELS = 64_000_000  # of one frame; decoded, four bytes a pixel
MAX_TOTAL_PIXELS = 1_000_000_000  # of all frames of an animation


def _open_image(data: bytes, plugin: Callable[[io.BytesIO], ImageFile.ImageFile]) -> ImageFile.ImageFile:
    """Open *data*; raises SourceError for a decompression bomb."""
    limit = f"{MAX_PIXELS // 10**6} million, {MAX_TOTAL_PIXELS // 10**6} million in all frames"
    too_many = image_fault("has too many pixels", f"scale it down; the limit is {limit}")
    try:
        image = plugin(io.BytesIO(data))
    except Pillow.DecompressionBombError:
        raise too_many from None
    pixels = image.width * image.height
    if pixels > MAX_PIXELS or pixels * getattr(image, "n_frames", 1) > MAX_TOTAL_PIXELS:
        raise too_many
    return image


_TRANSPOSE = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


def _rotate(image: ImageFile.ImageFile, data: bytes, exif_orientation: int) -> bytes:
    """Return *image*, decoded from *data*, rotated upright and encoded in its format."""
    rotated, out = image.transpose(_TRANSPOSE[exif_orientation]), io.BytesIO()
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if isinstance(image, JpegImageFile):
        options |= _jpeg_options(image, sideways=exif_orientation > 4)
        rotated.save(out, "JPEG", optimize=True, **options)
    elif isinstance(image, WebPImageFile):
        lossless = any(kind == b"VP8L" for kind, _ in webp_chunks(data))
        options |= {"lossless": lossless, "exact": True, "quality": 100 if lossless else 95}
        rotated.save(out, "WEBP", **options)
    else:
        rotated.save(out, "PNG", optimize=True)
        colour_chunks = [whole for kind, _, whole in png_chunks(data) if kind in PNG_COLOUR_CHUNKS]
        rest = [whole for kind, _, whole in png_chunks(out.getvalue())
                 if kind not in PNG_COLOUR_CHUNKS]  # fmt: skip
        return b"".join([data[:8], rest[0], *colour_chunks, *rest[1:]])
    return out.getvalue()


def _jpeg_options(image: JpegImageFile, *, sideways: bool) -> dict[str, Any]:
    """Return the encoder options for a rotated JPEG.

    If all blocks are whole, the file's own quantisation tables, transposed, nearly
    restore its coefficients: measured 43 to 46 dB at 0.97 of the size, where
    quality 95 gives 42 dB at 1.1 to 1.7. With partial blocks, quality 95 is better.
    """
    sampling = get_sampling(image)
    if image.layers == 3 and (sampling < 0 or (sampling == 1 and sideways)):
        sampling = 0  # not supported by the encoder: no chroma subsampling
    luma_and_chroma = image.info.get("adobe_transform", 1) == 1 and image.layer[0][0] != ord("R")
    aligned = image.width % 16 == 0 and image.height % 16 == 0
    same = image.layers == 1 or (image.layers == 3 and sampling == get_sampling(image))
    options = {"subsampling": sampling, "progressive": "progressive" in image.info}
    if not (aligned and same and luma_and_chroma):
        return {**options, "quality": 95}
    tables = [list(image.quantization[layer[3]]) for layer in image.layer]
    if sideways:
        tables = [[table[i % 8 * 8 + i // 8] for i in range(64)] for table in tables]
    return {**options, "qtables": tables}


def _check_frames(image: ImageFile.ImageFile) -> None:
    """Decode every frame; a JPEG at an eighth of its size, which still reads all its data."""
    if isinstance(image, JpegImageFile):
        image.draft(None, (1, 1))
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()


_FORMATS: dict[str, tuple[Callable[[bytes], StrippedData], Callable[[io.BytesIO], Any]]] = {
    "png": (strip_png, PngImageFile),
    "jpeg": (strip_jpeg, JpegImageFile),
    "webp": (strip_webp, WebPImageFile),
    "avif": (strip_avif, AvifImageFile),
    "gif": (strip_gif, GifImageFile),
}


def read_raster(data: bytes, kind: str) -> tuple[bytes, int, int]:
    """Return *data*, an image of the format *kind*, without metadata and upright, its width and its height.

    Raises SourceError for damaged data, and for too many pixels.
    """
    strip, plugin = _FORMATS[kind]
    data, exif = strip(data)
    try:
        image = _open_image(data, plugin)
        width, height = image.size
        if kind == "avif":  # Pillow maps irot and imir (ISO/IEC 23008-12, 6.5.10) to an EXIF orientation
            sideways = orientation(image.info.get("exif", b"").removeprefix(b"Exif\0\0")) > 4
            _check_frames(image)
            return (data, height, width) if sideways else (data, width, height)
        if (exif_orientation := orientation(exif)) == 1:
            _check_frames(image)
            return data, width, height
        if getattr(image, "is_animated", False):
            raise image_fault("is animated and rotated by its EXIF data", "save it upright")
        data = _rotate(image, data, exif_orientation)
        width, height = _open_image(data, plugin).size
    except SourceError:
        raise
    except Exception as error:  # decoders raise many types on damaged data
        raise image_fault(f"cannot be decoded ({error})", REEXPORT_FIX) from error
    return data, width, height
