"""Metadata is stripped; pixels, animation and colour profile are unchanged."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image as Pillow

from tests.site.images.pictures import (
    CANARY,
    LOCATION,
    METADATA,
    ImageFolder,
    animated,
    encode,
    frames,
    icc,
    info,
    photo,
    segment,
)


@pytest.fixture(params=METADATA)
def tagged(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """Return name and bytes of a file with metadata."""
    name, make = METADATA[request.param]
    data = make()
    assert CANARY in data
    return name, data


def test_metadata_is_stripped(folder: ImageFolder, tagged: tuple[str, bytes]) -> None:
    """A photograph must not reveal where it was taken."""
    name, data = tagged
    clean = folder.read(name, data).data
    for secret in (CANARY, b"http://ns.adobe.com", b"Photoshop", b"JFXX", b"xmpmeta", b"GPS"):
        assert secret not in clean
    with Pillow.open(io.BytesIO(clean)) as picture:
        assert not dict(picture.getexif())
        assert not picture.getexif().get_ifd(LOCATION)
        assert not picture.info.keys() & {"comment", "photoshop", "Author", "Comment"}
        assert not getattr(picture, "text", {})


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_pixels_frames_and_colours_are_kept(folder: ImageFolder, tagged: tuple[str, bytes]) -> None:
    """Files are stripped without encoding them again: every pixel is equal."""
    name, data = tagged
    image = folder.read(name, data)
    before, after = frames(data), frames(image.data)
    assert len(before) == len(after)
    assert all(one.tobytes() == two.tobytes() for one, two in zip(before, after, strict=True))
    assert (image.width, image.height) == (64, 48)
    for key in ("icc_profile", "loop", "duration", "progressive", "jfif_density"):
        assert info(image.data).get(key) == info(data).get(key)


def test_stripping_is_idempotent(folder: ImageFolder, tagged: tuple[str, bytes]) -> None:
    """Equal inputs give equal bytes."""
    name, data = tagged
    once = folder.read(name, data)
    assert folder.read(name, data) == once
    assert folder.read(name, once.data) == once


@pytest.mark.parametrize("key", ["webp", "webp lossless", "webp animated"])
def test_webp_flags_match_the_chunks(folder: ImageFolder, key: str) -> None:
    """A flag of a missing chunk makes the file invalid (RFC 9649, 2.7.1)."""
    name, make = METADATA[key]
    before, after = make(), folder.read(name, make()).data
    assert before[12:16] == after[12:16] == b"VP8X"
    assert before[20] & 0b1100 == 0b1100
    assert after[20] == before[20] & ~0b1100
    assert int.from_bytes(after[4:8], "little") == len(after) - 8


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.png", encode(photo(), "png", icc_profile=icc())),
        ("x.png", encode(photo().quantize(8), "png", transparency=3, dpi=(72, 72))),
        ("X.JPEG", encode(photo(), "jpeg", icc_profile=bytes(100_000), comment="")),
        ("x.jpg", encode(photo().convert("L"), "jpeg", restart_marker_rows=1)),
        ("x.jpg", encode(photo().convert("CMYK"), "jpeg")),
        ("x.gif", encode(photo(), "gif")),
        ("x.gif", animated("gif", loop=0)),
        ("x.webp", encode(photo(), "webp")),
        ("x.webp", encode(photo(), "webp", lossless=True)),
        ("x.webp", animated("webp")),
        ("x.webp", encode(photo().convert("RGBA"), "webp", icc_profile=icc())),
        ("x.avif", encode(photo(), "avif", icc_profile=icc())),
        ("x.avif", animated("avif")),
    ],
)
def test_a_file_without_metadata_keeps_its_bytes(folder: ImageFolder, name: str, data: bytes) -> None:
    """Its author may have optimised it."""
    image = folder.read(name, data)
    assert image.data == data
    assert (image.width, image.height) == (64, 48)
    assert image.kind == {"jpg": "jpeg"}.get(name[2:].lower(), name[2:].lower())


def test_a_jfif_thumbnail_is_dropped(folder: ImageFolder) -> None:
    """It may show what was cropped from the picture."""
    data = encode(photo(), "jpeg")
    head = b"JFIF\0\1\1\0\0\1\0\1"
    assert data[6:18] == head
    stuffed = data[:2] + segment(0xE0, head + b"\x02\x01CANARY") + data[20:]
    assert folder.read("x.jpg", stuffed).data == data


def test_bytes_between_jpeg_segments_are_dropped(folder: ImageFolder) -> None:
    """Decoders skip them, whatever they contain."""
    data = encode(photo(), "jpeg")
    assert folder.read("x.jpg", data[:20] + CANARY + b"\xff" + data[20:]).data == data


def test_avif_boxes_of_vendors_are_cleared(folder: ImageFolder) -> None:
    """Adobe writes XMP to a uuid box."""
    data = encode(photo(), "avif")
    box = struct.pack(">I", 30) + b"uuid" + bytes(16) + CANARY
    wide = struct.pack(">I4sQ", 1, b"udta", 22) + CANARY
    image = folder.read("x.avif", data + box + wide)
    assert CANARY not in image.data
    assert frames(image.data)[0].tobytes() == frames(data)[0].tobytes()
