"""Every invalid raster image is a fault with its fix."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest

import pipelines.site.images.raster as module
from pipelines.core.errors import SourceError
from pipelines.site.images.image import read_image
from tests.site.images.pictures import (
    METADATA,
    ImageFolder,
    animated,
    chunk,
    encode,
    exif,
    photo,
)

REEXPORT_FIX = "export it again, or restore it from its source"
PNG, JPEG, GIF, WEBP, AVIF = (encode(photo(), kind) for kind in ("png", "jpeg", "gif", "webp", "avif"))
TOO_LARGE = "has too many pixels; scale it down; the limit is 64 million, 1000 million in all frames"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("x.png", b"", "is empty; restore the image"),
        ("x.svg", b"", "is empty; restore the image"),
        ("x.png", b"A text.\n", "is not an image, but its name says PNG; export it as PNG"),
        ("x.png", JPEG, "is a JPEG image; rename it to end in .jpg, not .png"),
        ("x.jpg", PNG, "is a PNG image; rename it to end in .png, not .jpg"),
        ("x.svg", PNG, "is a PNG image; rename it to end in .png, not .svg"),
        ("x.webp", b"BM" + PNG, "is a BMP image, but its name says WEBP; export it as WEBP"),
        (
            "x.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "is a HEIC image, but its name says JPEG; export it as JPEG",
        ),
        (
            "x.jpg",
            b"\0\0\0\x18ftypisom\0\0\0\0isomavc1",
            "is not an image, but its name says JPEG; export it as JPEG",
        ),
        (
            "x.jpg",
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer of Git LFS, not the image; run `git lfs pull`",
        ),
        (
            "x.tiff",
            b"II*\0",
            "ends in .tiff, which is not a web image format;"
            " save it as PNG, JPEG, WebP, AVIF, GIF or SVG",
        ),
        ("x.png", PNG[:-9], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.png", PNG[:100], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.jpg", JPEG[:-2], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.jpg", JPEG[:300], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.gif", GIF[:-1], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.gif", GIF[:11], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.webp", WEBP[:-5], f"is truncated or damaged; {REEXPORT_FIX}"),
        ("x.avif", AVIF[:-5], f"is truncated or damaged; {REEXPORT_FIX}"),
        (
            "x.png",
            PNG[:8] + chunk(b"IHDR", struct.pack(">II", 20_000, 20_000) + PNG[24:29]) + PNG[33:],
            TOO_LARGE,
        ),
        ("x.gif", GIF[:6] + b"\xff\xff\xff\xff" + GIF[10:], TOO_LARGE),
        (
            "x.webp",
            b"RIFF" + struct.pack("<I", 22 + len(WEBP) - 12) + b"WEBPVP8X\x0a\0\0\0\0\0\0\0"
            + b"\xff\x7f\0\xff\x7f\0" + WEBP[12:],
            TOO_LARGE,
        ),
    ],
)  # fmt: skip
def test_an_invalid_file_is_a_fault_with_a_fix(
    folder: ImageFolder, name: str, data: bytes, expected: str
) -> None:
    """The build stops instead of publishing a broken image."""
    assert folder.fault(name, data) == [f"{name}: {expected}"]


def test_an_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    """A missing file, or a directory with the name of an image."""
    (tmp_path / "folder.png").mkdir()
    for name, reason in (("no.png", "no such file or directory"), ("folder.png", "is a directory")):
        with pytest.raises(SourceError) as caught:
            read_image(tmp_path / name, f"content/{name}")
        fix = "restore the image, or fix the reference"
        assert str(caught.value) == f"content/{name}: cannot be read ({reason}); {fix}"


def test_damaged_image_data_is_a_fault(folder: ImageFolder) -> None:
    """All chunks are present, but the data does not decode."""
    at = PNG.index(b"IDAT") + 30
    broken = PNG[:at] + bytes([PNG[at] ^ 255]) + PNG[at + 1 :]
    (fault,) = folder.fault("x.png", broken)
    assert fault.startswith("x.png: cannot be decoded (")
    assert fault.endswith(f"; {REEXPORT_FIX}")


def test_the_pixels_of_all_frames_are_limited(folder: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may decode to hours of frames."""
    monkeypatch.setattr(module, "MAX_TOTAL_PIXELS", 64 * 48 * 2)
    assert folder.read("x.gif", GIF)
    for kind in ("gif", "webp", "png", "avif"):
        (fault,) = folder.fault(f"x.{kind}", animated(kind))
        assert "has too many pixels" in fault


def test_an_animation_is_not_rotated(folder: ImageFolder) -> None:
    """Encoding every frame again would lose quality, and no camera writes such a file."""
    for kind in ("webp", "png"):
        expected = f"x.{kind}: is animated and rotated by its EXIF data; save it upright"
        assert folder.fault(f"x.{kind}", animated(kind, exif=exif(6))) == [expected]


@pytest.mark.filterwarnings("ignore")
def test_corrupted_files_never_crash(folder: ImageFolder) -> None:
    """Fuzzing: each file is an image or a fault, never another exception."""
    chance = random.Random(1)
    files = [(name, make()) for name, make in METADATA.values()]
    for name, data in files:
        for _ in range(25):
            broken = bytearray(data)
            for _ in range(chance.choice((1, 3, 20))):
                broken[chance.randrange(min(len(broken), 400))] = chance.randrange(256)
            cut = chance.choice((len(data), chance.randrange(1, len(data))))
            with contextlib.suppress(SourceError):
                image = folder.read(name, bytes(broken[:cut]))
                assert image.width * image.height > 0
