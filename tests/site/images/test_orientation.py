"""Images are published upright, with as little loss as their format allows."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from tests.site.images.pictures import (
    CANARY,
    STORED,
    ImageFolder,
    Picture,
    chunk,
    encode,
    exif,
    icc,
    info,
    mean_difference,
    photo,
    segment,
)


def stored(orientation: int, size: tuple[int, int]) -> tuple[Picture, Picture]:
    """Return an upright picture, and the same as a camera with *orientation* stores it."""
    seen, turn = photo(*size), STORED[orientation]
    return seen, seen.transpose(turn) if turn is not None else seen


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("size", [(64, 48), (61, 45)])
@pytest.mark.parametrize(
    ("name", "options", "limit"),
    [
        ("x.jpg", {"quality": 90}, 4),
        ("x.jpg", {"quality": 90, "subsampling": 0}, 2),
        ("x.jpg", {"quality": 90, "subsampling": 1, "progressive": True}, 4),
        ("x.png", {}, 0),
        ("x.webp", {"lossless": True}, 0),
        ("x.webp", {"quality": 90}, 4),
        ("x.avif", {"quality": 90}, 4),
    ],
    ids=str,
)
def test_images_are_rotated_upright(
    folder: ImageFolder,
    orientation: int,
    size: tuple[int, int],
    name: str,
    options: dict[str, Any],
    limit: float,
) -> None:
    """Width and height are those of the picture that readers see."""
    seen, turned = stored(orientation, size)
    data = encode(turned, Pillow.registered_extensions()[name[1:]].lower(),
                  exif=exif(orientation), icc_profile=icc(), **options)  # fmt: skip
    image = folder.read(name, data)
    assert (image.width, image.height) == size
    assert CANARY not in image.data
    with Pillow.open(io.BytesIO(image.data)) as picture:
        assert picture.info["icc_profile"] == info(data)["icc_profile"]
        # AVIF keeps its orientation as a property, which Pillow maps to EXIF.
        shown = ImageOps.exif_transpose(picture) if name == "x.avif" else picture
        if name != "x.avif":
            assert not dict(picture.getexif())
        assert mean_difference(shown, seen) <= limit
        with Pillow.open(io.BytesIO(data)) as original:
            assert mean_difference(shown, ImageOps.exif_transpose(original)) <= limit
    assert folder.read(name, image.data) == image


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"keep_rgb": True}),
        ("RGB", {"subsampling": 2, "quality": 30}),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(64, 48), (61, 45)])
def test_rotated_jpegs_keep_their_colours(
    folder: ImageFolder, size: tuple[int, int], mode: str, options: dict[str, Any]
) -> None:
    """Also with coarse quantisation tables, or some that do not fit."""
    _, turned = stored(6, size)
    data = encode(turned.convert(mode), "jpeg", exif=exif(6), **options)
    image = folder.read("x.jpg", data)
    with Pillow.open(io.BytesIO(image.data)) as picture:
        assert picture.mode == mode
        with Pillow.open(io.BytesIO(data)) as original:
            assert mean_difference(picture, ImageOps.exif_transpose(original)) < 2


@pytest.mark.parametrize(
    ("subsampling", "orientation", "expected"),
    [
        (0, 6, (1, 1)),
        (1, 3, (2, 1)),
        (1, 6, (1, 1)),  # the encoder does not support 4:4:0: no subsampling
        (2, 6, (2, 2)),
    ],
)
def test_rotated_jpegs_keep_their_subsampling(
    folder: ImageFolder, subsampling: int, orientation: int, expected: tuple[int, int]
) -> None:
    """Less chroma resolution would show at red edges."""
    _, turned = stored(orientation, (64, 48))
    data = encode(turned, "jpeg", exif=exif(orientation), subsampling=subsampling, progressive=True)
    image = folder.read("x.jpg", data)
    with JpegImageFile(io.BytesIO(image.data)) as picture:
        assert picture.layer[0][1:3] == expected
        assert "progressive" in picture.info


def test_a_rotated_jpeg_transposes_its_quantisation_tables(folder: ImageFolder) -> None:
    """Its coefficients fit them: almost no loss, and no larger file."""
    _, turned = stored(6, (64, 48))
    data = encode(turned, "jpeg", exif=exif(6), quality=30)
    image = folder.read("x.jpg", data)
    with JpegImageFile(io.BytesIO(data)) as before, JpegImageFile(io.BytesIO(image.data)) as after:
        for number, table in before.quantization.items():
            rows = [table[at : at + 8] for at in range(0, 64, 8)]
            columns = [value for column in zip(*rows, strict=True) for value in column]
            assert after.quantization[number] == columns
        assert after.quantization[0] != before.quantization[0]
    assert len(image.data) < len(data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_rotated_pngs_are_lossless(folder: ImageFolder, mode: str) -> None:
    """Palette, transparency, depth and colour chunks are kept."""
    _, turned = stored(8, (61, 45))
    picture = turned.convert("L").convert("I").point(lambda v: v * 200).convert("I;16") if (
        mode == "I;16") else turned.convert(mode)  # fmt: skip
    options: dict[str, Any] = {"transparency": 5} if mode in ("P", "L") else {}
    data = encode(picture, "png", exif=exif(8), **options)
    colours = chunk(b"gAMA", struct.pack(">I", 50_000)) + chunk(b"cICP", bytes([9, 16, 0, 1]))
    data = data[:33] + colours + data[33:]
    image = folder.read("x.png", data)
    assert (image.width, image.height) == (61, 45)
    assert colours in image.data
    with Pillow.open(io.BytesIO(image.data)) as after, Pillow.open(io.BytesIO(data)) as before:
        expected = ImageOps.exif_transpose(before)
        assert after.mode == expected.mode
        assert after.info.get("transparency") == expected.info.get("transparency")
        assert after.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()
        assert after.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0",  # orientation 9
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0",  # type ASCII
        b"garbage of 16 b.",
    ],
)
def test_a_damaged_exif_block_is_ignored(folder: ImageFolder, block: bytes) -> None:
    """Browsers show such a picture as stored."""
    data = encode(photo(), "jpeg")
    stuffed = data[:20] + segment(0xE1, b"Exif\0\0" + block) + data[20:]
    assert folder.read("x.jpg", stuffed).data == data
