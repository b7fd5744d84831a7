"""Pictures, metadata and encoders for the tests of images."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageChops, ImageCms, ImageSequence, ImageStat
from PIL.PngImagePlugin import PngInfo

from pipelines.core.errors import SourceError
from pipelines.site.images.image import CleanImage, read_image

Picture = Pillow.Image
CANARY = b"CANARY"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><Canary>CANARY</Canary></x:xmpmeta>'
LOCATION = 0x8825
ORIENTATION = 0x0112
# EXIF orientation -> the transposition from the upright picture to the stored one.
STORED = {
    1: None,
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}


def photo(width: int = 64, height: int = 48, shift: int = 0) -> Picture:
    """Draw a smooth picture without any symmetry."""
    size = (width, height)
    red = Pillow.linear_gradient("L").resize(size).point(lambda v: (v + shift) % 256)
    green = Pillow.linear_gradient("L").rotate(90).resize(size)
    blue = Pillow.radial_gradient("L").resize(size)
    picture = Pillow.merge("RGB", (red, green, blue))
    picture.paste((250, 10, 10), (0, 0, width // 3, height // 4))
    return picture


def exif(orientation: int = 1) -> Pillow.Exif:
    block = Pillow.Exif()
    block[ORIENTATION] = orientation
    block[0x010F] = "CANARY Cameras"  # Make
    block[0x013B] = "CANARY Author"  # Artist
    block.get_ifd(LOCATION).update({1: "N", 2: (47.0, 3.0, 59.0), 29: "CANARY"})
    return block


def icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encode(picture: Picture, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "avif":
        options = {"speed": 10, "max_threads": 1, **options}
    picture.save(out, kind, **options)
    return out.getvalue()


def frames(data: bytes) -> list[Picture]:
    with Pillow.open(io.BytesIO(data)) as picture:
        return [frame.convert("RGBA") for frame in ImageSequence.Iterator(picture)]


def info(data: bytes) -> dict[str, Any]:
    with Pillow.open(io.BytesIO(data)) as picture:
        picture.load()
        return {str(key): value for key, value in picture.info.items()}


def mean_difference(one: Picture, two: Picture) -> float:
    """Return the mean difference of two pictures, from 0 to 255."""
    assert one.size == two.size
    mean = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), two.convert("RGB"))).mean
    return sum(mean) / 3


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


class ImageFolder:
    """Write bytes to a file and read it as an image of the project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, data: bytes) -> CleanImage:
        path = self.root / name
        path.write_bytes(data)
        return read_image(path, f"content/images/{name}")

    def fault(self, name: str, data: bytes) -> list[str]:
        with pytest.raises(SourceError) as caught:
            self.read(name, data)
        return [str(fault).removeprefix("content/images/") for fault in caught.value.faults]


def jpeg_with_metadata() -> bytes:
    data = encode(
        photo(),
        "jpeg",
        exif=exif(),
        comment=CANARY,
        xmp=XMP,
        icc_profile=icc(),
        extra=segment(0xED, b"Photoshop 3.0\0" + CANARY) + segment(0xE2, b"MPF\0" + CANARY),
        restart_marker_blocks=2,
        progressive=True,
    )
    preview = segment(0xE0, b"JFXX\0\x10" + CANARY)
    return data[:20] + preview + data[20:] + encode(photo(), "jpeg", comment=CANARY) + CANARY


def png_with_metadata() -> bytes:
    texts = PngInfo()
    texts.add_text("Author", "CANARY")
    texts.add_text("Comment", "CANARY" * 40, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = encode(photo(), "png", pnginfo=texts, exif=exif(), icc_profile=icc(), dpi=(96, 96))
    time = chunk(b"tIME", bytes(7)) + chunk(b"prVt", CANARY)
    return data[:-12] + time + data[-12:] + CANARY


def gif_with_metadata() -> bytes:
    data = encode(
        photo().quantize(16),
        "gif",
        save_all=True,
        append_images=[photo(shift=80).quantize(16)],
        duration=[100, 300],
        loop=3,
        comment=CANARY,
    )
    magic = bytes([1, *range(255, -1, -1), 0])  # the trailer of XMP in GIF
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + XMP + magic + b"\x3b" + CANARY


def animated(kind: str, **options: Any) -> bytes:
    return encode(
        photo(),
        kind,
        save_all=True,
        append_images=[photo(shift=60), photo(shift=120)],
        duration=[100, 200, 300],
        **options,
    )


METADATA: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("x.jpg", jpeg_with_metadata),
    "png": ("x.png", png_with_metadata),
    "apng": ("x.png", lambda: animated("png", exif=exif(), loop=2)),
    "webp": ("x.webp", lambda: encode(photo(), "webp", exif=exif(), xmp=XMP, icc_profile=icc())),
    "webp lossless": (
        "x.webp",
        lambda: encode(photo(), "webp", lossless=True, exif=exif(), xmp=XMP),
    ),
    "webp animated": ("x.webp", lambda: animated("webp", exif=exif(), xmp=XMP, loop=2)),
    "gif animated": ("x.gif", gif_with_metadata),
    "avif": ("x.avif", lambda: encode(photo(), "avif", exif=exif(), xmp=XMP, icc_profile=icc())),
    "avif animated": ("x.avif", lambda: animated("avif", exif=exif(), xmp=XMP)),
}
