"""Images: metadata gone, pixels and colours kept, upright; and every fault with its remedy."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageChops, ImageCms, ImageOps, ImageSequence, ImageStat
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngInfo

import pipelines.site.images.image as module
from pipelines.core.errors import SourceError
from pipelines.site.images.image import CleanImage, read_image

Picture = Pillow.Image
CANARY = b"CANARY"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><Canary>CANARY</Canary></x:xmpmeta>'
LOCATION = 0x8825
ORIENTATION = 0x0112
# For each orientation, the turn that a camera made: what it stored, from what it saw.
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
    """Draw something smooth that no turn or flip maps to itself."""
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


def likeness(one: Picture, two: Picture) -> float:
    """Return the mean difference of two pictures, in steps of 256."""
    assert one.size == two.size
    mean = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), two.convert("RGB"))).mean
    return sum(mean) / 3


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


class Folder:
    """Reads bytes as if they were a file of the project."""

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


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# --- Metadata goes, everything else stays ---


def jpeg_with_everything() -> bytes:
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


def png_with_everything() -> bytes:
    texts = PngInfo()
    texts.add_text("Author", "CANARY")
    texts.add_text("Comment", "CANARY" * 40, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = encode(photo(), "png", pnginfo=texts, exif=exif(), icc_profile=icc(), dpi=(96, 96))
    time = chunk(b"tIME", bytes(7)) + chunk(b"prVt", CANARY)
    return data[:-12] + time + data[-12:] + CANARY


def gif_with_everything() -> bytes:
    data = encode(
        photo().quantize(16),
        "gif",
        save_all=True,
        append_images=[photo(shift=80).quantize(16)],
        duration=[100, 300],
        loop=3,
        comment=CANARY,
    )
    magic = bytes([1, *range(255, -1, -1), 0])  # the end of XMP in GIF
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
    "jpeg": ("x.jpg", jpeg_with_everything),
    "png": ("x.png", png_with_everything),
    "apng": ("x.png", lambda: animated("png", exif=exif(), loop=2)),
    "webp": ("x.webp", lambda: encode(photo(), "webp", exif=exif(), xmp=XMP, icc_profile=icc())),
    "webp lossless": (
        "x.webp",
        lambda: encode(photo(), "webp", lossless=True, exif=exif(), xmp=XMP),
    ),
    "webp animated": ("x.webp", lambda: animated("webp", exif=exif(), xmp=XMP, loop=2)),
    "gif animated": ("x.gif", gif_with_everything),
    "avif": ("x.avif", lambda: encode(photo(), "avif", exif=exif(), xmp=XMP, icc_profile=icc())),
    "avif animated": ("x.avif", lambda: animated("avif", exif=exif(), xmp=XMP)),
}


@pytest.fixture(params=METADATA)
def talkative(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """Return name and bytes of a file that tells more than its picture."""
    name, make = METADATA[request.param]
    data = make()
    assert CANARY in data
    return name, data


def test_metadata_is_gone(folder: Folder, talkative: tuple[str, bytes]) -> None:
    """A photograph of a flat must not tell where it is."""
    name, data = talkative
    clean = folder.read(name, data).data
    for secret in (CANARY, b"http://ns.adobe.com", b"Photoshop", b"JFXX", b"xmpmeta", b"GPS"):
        assert secret not in clean
    with Pillow.open(io.BytesIO(clean)) as picture:
        assert not dict(picture.getexif())
        assert not picture.getexif().get_ifd(LOCATION)
        assert not picture.info.keys() & {"comment", "photoshop", "Author", "Comment"}
        assert not getattr(picture, "text", {})


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_pixels_frames_and_colours_are_kept(folder: Folder, talkative: tuple[str, bytes]) -> None:
    """Metadata is cut out, nothing is compressed again: every pixel is equal."""
    name, data = talkative
    image = folder.read(name, data)
    before, after = frames(data), frames(image.data)
    assert len(before) == len(after)
    assert all(one.tobytes() == two.tobytes() for one, two in zip(before, after, strict=True))
    assert (image.width, image.height) == (64, 48)
    for key in ("icc_profile", "loop", "duration", "progressive", "jfif_density"):
        assert info(image.data).get(key) == info(data).get(key)


def test_reading_twice_changes_nothing(folder: Folder, talkative: tuple[str, bytes]) -> None:
    """What is clean stays as it is, and equal inputs give equal bytes."""
    name, data = talkative
    once = folder.read(name, data)
    assert folder.read(name, data) == once
    assert folder.read(name, once.data) == once


@pytest.mark.parametrize("key", ["webp", "webp lossless", "webp animated"])
def test_webp_flags_tell_the_truth(folder: Folder, key: str) -> None:
    """A header that announces metadata which is gone makes a file invalid (RFC 9649, 2.7.1)."""
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
def test_a_file_without_metadata_keeps_its_bytes(folder: Folder, name: str, data: bytes) -> None:
    """Its author may have optimised it."""
    image = folder.read(name, data)
    assert image.data == data
    assert (image.width, image.height) == (64, 48)
    assert image.kind == {"jpg": "jpeg"}.get(name[2:].lower(), name[2:].lower())


def test_the_thumbnail_of_jfif_goes(folder: Folder) -> None:
    """It may show what was cropped from the picture."""
    data = encode(photo(), "jpeg")
    head = b"JFIF\0\1\1\0\0\1\0\1"
    assert data[6:18] == head
    stuffed = data[:2] + segment(0xE0, head + b"\x02\x01CANARY") + data[20:]
    assert folder.read("x.jpg", stuffed).data == data


def test_bytes_between_jpeg_segments_go(folder: Folder) -> None:
    """Decoders skip what is no segment: it could hold anything."""
    data = encode(photo(), "jpeg")
    assert folder.read("x.jpg", data[:20] + CANARY + b"\xff" + data[20:]).data == data


def test_avif_boxes_of_other_makers_are_emptied(folder: Folder) -> None:
    """Adobe keeps XMP in a box of its own."""
    data = encode(photo(), "avif")
    box = struct.pack(">I", 30) + b"uuid" + bytes(16) + CANARY
    wide = struct.pack(">I4sQ", 1, b"udta", 22) + CANARY
    image = folder.read("x.avif", data + box + wide)
    assert CANARY not in image.data
    assert frames(image.data)[0].tobytes() == frames(data)[0].tobytes()


# --- Upright ---


def stored(orientation: int, size: tuple[int, int]) -> tuple[Picture, Picture]:
    """Return what was seen, and what a camera with that orientation stored of it."""
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
def test_pictures_stand_upright(
    folder: Folder,
    orientation: int,
    size: tuple[int, int],
    name: str,
    options: dict[str, Any],
    limit: float,
) -> None:
    """What the author saw is what the reader sees, with width and height of that."""
    seen, turned = stored(orientation, size)
    data = encode(turned, Pillow.registered_extensions()[name[1:]].lower(),
                  exif=exif(orientation), icc_profile=icc(), **options)  # fmt: skip
    image = folder.read(name, data)
    assert (image.width, image.height) == size
    assert CANARY not in image.data
    with Pillow.open(io.BytesIO(image.data)) as picture:
        assert picture.info["icc_profile"] == info(data)["icc_profile"]
        # AVIF keeps its turn as a property of the picture, which Pillow tells in this way.
        shown = ImageOps.exif_transpose(picture) if name == "x.avif" else picture
        if name != "x.avif":
            assert not dict(picture.getexif())
        assert likeness(shown, seen) <= limit
        with Pillow.open(io.BytesIO(data)) as original:
            assert likeness(shown, ImageOps.exif_transpose(original)) <= limit
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
def test_turned_jpegs_keep_their_colours(
    folder: Folder, size: tuple[int, int], mode: str, options: dict[str, Any]
) -> None:
    """Also where the file's own quantisation tables do not fit or are coarse."""
    _, turned = stored(6, size)
    data = encode(turned.convert(mode), "jpeg", exif=exif(6), **options)
    image = folder.read("x.jpg", data)
    with Pillow.open(io.BytesIO(image.data)) as picture:
        assert picture.mode == mode
        with Pillow.open(io.BytesIO(data)) as original:
            assert likeness(picture, ImageOps.exif_transpose(original)) < 2


@pytest.mark.parametrize(
    ("subsampling", "orientation", "expected"),
    [
        (0, 6, (1, 1)),
        (1, 3, (2, 1)),
        (1, 6, (1, 1)),  # 4:2:2 on its side is a form that cannot be written: nothing is lost
        (2, 6, (2, 2)),
    ],
)
def test_turned_jpegs_keep_their_subsampling(
    folder: Folder, subsampling: int, orientation: int, expected: tuple[int, int]
) -> None:
    """Fewer colours than the original has would be seen at red edges."""
    _, turned = stored(orientation, (64, 48))
    data = encode(turned, "jpeg", exif=exif(orientation), subsampling=subsampling, progressive=True)
    image = folder.read("x.jpg", data)
    with JpegImageFile(io.BytesIO(image.data)) as picture:
        assert picture.layer[0][1:3] == expected
        assert "progressive" in picture.info


def test_the_tables_of_a_turned_jpeg_turn_too(folder: Folder) -> None:
    """Its coefficients fit them again: nearly nothing is lost, and it does not grow."""
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
def test_turned_pngs_lose_nothing(folder: Folder, mode: str) -> None:
    """Palette, transparency, depth and colour chunks come through."""
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
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0",  # a text
        b"rubbish of 16 b.",
    ],
)
def test_a_damaged_exif_block_turns_nothing(folder: Folder, block: bytes) -> None:
    """Browsers show such a picture as it is stored."""
    data = encode(photo(), "jpeg")
    stuffed = data[:20] + segment(0xE1, b"Exif\0\0" + block) + data[20:]
    assert folder.read("x.jpg", stuffed).data == data


# --- Faults ---

AGAIN = "export it again, or copy it anew from its origin"
PNG, JPEG, GIF, WEBP, AVIF = (encode(photo(), kind) for kind in ("png", "jpeg", "gif", "webp", "avif"))
TOO_LARGE = "has too many pixels; scale it down; the limit is 64 million, 1000 million in all frames"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("x.png", b"", "is empty; put the image there again"),
        ("x.svg", b"", "is empty; put the image there again"),
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
            "ends in .tiff, which is no image of the web;"
            " save it as PNG, JPEG, WebP, AVIF, GIF or SVG",
        ),
        ("x.png", PNG[:-9], f"is cut off or damaged; {AGAIN}"),
        ("x.png", PNG[:100], f"is cut off or damaged; {AGAIN}"),
        ("x.jpg", JPEG[:-2], f"is cut off or damaged; {AGAIN}"),
        ("x.jpg", JPEG[:300], f"is cut off or damaged; {AGAIN}"),
        ("x.gif", GIF[:-1], f"is cut off or damaged; {AGAIN}"),
        ("x.gif", GIF[:11], f"is cut off or damaged; {AGAIN}"),
        ("x.webp", WEBP[:-5], f"is cut off or damaged; {AGAIN}"),
        ("x.avif", AVIF[:-5], f"is cut off or damaged; {AGAIN}"),
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
def test_a_bad_file_is_a_fault_with_a_remedy(folder: Folder, name: str, data: bytes, expected: str) -> None:
    """The build stops and says what to do; nothing is lost in silence."""
    assert folder.fault(name, data) == [f"{name}: {expected}"]


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """So is a folder with the name of an image."""
    (tmp_path / "folder.png").mkdir()
    for name, reason in (("no.png", "no such file or directory"), ("folder.png", "is a directory")):
        with pytest.raises(SourceError) as caught:
            read_image(tmp_path / name, f"content/{name}")
        fix = "put the image there, or mend what refers to it"
        assert str(caught.value) == f"content/{name}: cannot be read ({reason}); {fix}"


def test_damage_that_only_decoding_shows_is_a_fault(folder: Folder) -> None:
    """A file may have all its parts and yet no picture."""
    at = PNG.index(b"IDAT") + 30
    broken = PNG[:at] + bytes([PNG[at] ^ 255]) + PNG[at + 1 :]
    (fault,) = folder.fault("x.png", broken)
    assert fault.startswith("x.png: cannot be decoded (")
    assert fault.endswith(f"; {AGAIN}")


def test_too_many_pixels_in_all_frames(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may unfold to hours of frames."""
    monkeypatch.setattr(module, "MAX_TOTAL_PIXELS", 64 * 48 * 2)
    assert folder.read("x.gif", GIF)
    for kind in ("gif", "webp", "png", "avif"):
        (fault,) = folder.fault(f"x.{kind}", animated(kind))
        assert "has too many pixels" in fault


def test_an_animation_is_not_turned(folder: Folder) -> None:
    """Encoding every frame anew would lose too much; nobody has such a file."""
    for kind in ("webp", "png"):
        expected = f"x.{kind}: is animated and turned by its EXIF data; save it upright"
        assert folder.fault(f"x.{kind}", animated(kind, exif=exif(6))) == [expected]


@pytest.mark.filterwarnings("ignore")
def test_rubbish_is_never_a_crash(folder: Folder) -> None:
    """Whatever a file holds: an image or a fault, and no other exception."""
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


# --- SVG ---


def svg(content: str = "", attributes: str = 'width="10" height="20"') -> bytes:
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {space} {attributes}>\n{content}\n</svg>\n".encode()


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="640" height="480"', (640, 480)),
        ('width="640px" height="480.4px"', (640, 480)),
        ('width="1.5e2" height=" 20 "', (150, 20)),
        ('viewBox="0 0 64 48"', (64, 48)),
        ('viewBox="-10,-20, 64.5 48"', (64, 48)),
        ('width="auto" height="auto" viewBox="0 0 64 48"', (64, 48)),
        ('width="128" viewBox="0 0 64 48"', (128, 96)),
        ('height="24" viewBox="0 0 64 48"', (32, 24)),
        ('width="72pt" height="6PC"', (96, 96)),
        ('width="1in" height="25.4mm"', (96, 96)),
        ('width="2.54cm" height="0.6" ', (96, 1)),
    ],
)
def test_svg_has_a_size_in_pixels(folder: Folder, attributes: str, size: tuple[int, int]) -> None:
    """Every image of a page gets width and height: nothing jumps while it loads."""
    data = svg("<path d='M0 0'/>", attributes)
    assert folder.read("x.svg", data) == CleanImage(data, *size, "svg")


FIXED = "has no fixed size"
NO_SIZE = (
    "has no size: neither width and height nor a viewBox;"
    ' add width="…" height="…" in pixels, or viewBox="0 0 width height"'
)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", NO_SIZE),
        ('width="10"', NO_SIZE),
        ('viewBox="0 0 0 10"', NO_SIZE),
        ('viewBox="0 0 10"', NO_SIZE),
        ('viewBox="0 0 -10 10"', NO_SIZE),
        (
            'width="100%" height="10" viewBox="0 0 1 1"',
            f"{FIXED}: width is '100%'; write pixels, or delete width and keep a viewBox",
        ),
        (
            'width="10" height="2em"',
            f"{FIXED}: height is '2em'; write pixels, or delete height and keep a viewBox",
        ),
        (
            'width="-1" height="2"',
            f"{FIXED}: width is '-1'; write pixels, or delete width and keep a viewBox",
        ),
        (
            'width="0" height="2"',
            "has a size of 0 x 2; write the size in pixels, from 1 up",
        ),
        (
            'width="1e300" height="2"',
            "has a size of 1" + "0" * 300 + " x 2; write the size in pixels, from 1 up",
        ),
    ],
)
def test_svg_without_a_size_is_a_fault(folder: Folder, attributes: str, expected: str) -> None:
    """A browser would take 300 x 150, or all the width there is."""
    (fault,) = folder.fault("x.svg", svg("", attributes))
    if "e300" in attributes:
        assert "has a size of" in fault
    else:
        assert fault == f"x.svg: {expected}"


HARMLESS = """<title>url(https://example.org) onload="x" @import</title>
<style>.a { fill: url(#g); mask: url("data:image/png;base64,AA=="); content: '\\201C' }</style>
<defs><linearGradient id="g"/></defs><use href="#g"/><use xlink:href="#g"/>
<image href="data:image/png;base64,AA=="/><image xlink:href="data:image/jpeg;base64,AA=="/>
<a href="https://example.org/"><text>x</text></a><a xlink:href="/about/"><text>x</text></a>
<a href="mailto:a@example.org"/><a href="#g"/><a href="page:2?no"/>
<rect fill="url('#g')" style="stroke: url( #g )"/><animate attributeName="opacity"/>
<metadata xmlns:i="urn:i" i:onload="1">text</metadata>"""


def test_harmless_svg_keeps_its_bytes(folder: Folder) -> None:
    """Gradients, embedded pictures and links for readers are what images are made of."""
    data = b'<?xml version="1.0" encoding="utf-8"?>\n' + svg(HARMLESS.replace("page:2?no", "a/b:c"))
    assert folder.read("x.svg", data).data == data


CODE = "delete it; images run no code"
EMBED = "embed it as data:image/png;base64,… or delete it"
HTML = "HTML within SVG; draw it as SVG shapes and text"
STYLE = "refers to another file in its style; use url(#id), or embed it as data:"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<script>1</script>", f"has a <script>; {CODE}"),
        ('<a:script xmlns:a="http://www.w3.org/2000/svg"/>', f"has a <script>; {CODE}"),
        (
            '<script xmlns="http://www.w3.org/1999/xhtml"/>',
            f"has a <script>; {CODE}",
        ),
        ('<g onclick="x()"/>', f"has the event handler onclick; {CODE}"),
        ('<g ONLOAD="x()"/>', f"has the event handler ONLOAD; {CODE}"),
        ("<foreignObject/>", f"has a <foreignObject>, {HTML}"),
        (
            '<iframe xmlns="http://www.w3.org/1999/xhtml"/>',
            f"has a <iframe>, {HTML}",
        ),
        (
            '<image href="https://example.org/x.png"/>',
            f"refers to another file: 'https://example.org/x.png'; {EMBED}",
        ),
        ('<image xlink:href="//h/x"/>', f"refers to another file: '//h/x'; {EMBED}"),
        ('<use href="other.svg#a"/>', f"refers to another file: 'other.svg#a'; {EMBED}"),
        ('<use href=" &#9;a&#10;b:x"/>', f"refers to another file: ' \\ta\\nb:x'; {EMBED}"),
        (
            '<a href="java&#9;script:x()"/>',
            "has a link to 'java\\tscript:x()'; link to http, https or mailto",
        ),
        (
            '<a xlink:href="data:text/html,x"/>',
            "has a link to 'data:text/html,x'; link to http, https or mailto",
        ),
        ('<g fill="url(https://h/x#a)"/>', STYLE),
        ('<use href="data:image/x,y#a"/>', f"refers to another file: 'data:image/x,y#a'; {EMBED}"),
        ("<iframe/>", "has a <iframe>, which is no element of an SVG image; delete it"),
        (r'<g fill="\url(x.svg)"/>', STYLE),
        ('<g fill="url(/**/x.svg)"/>', STYLE),
        ('<g style="fill: URL( \' x.svg#a\')"/>', STYLE),
        ("<style>@import 'x.css';</style>", STYLE),
        ("<style>a { fill: u\\72l(x.svg) }</style>", STYLE),
        ("<style><![CDATA[a { background: image-set('x.png' 1x) }]]></style>", STYLE),
        ('<set attributeName="xlink:href" to="x"/>', "animates xlink:href; delete this animation"),
        ('<set attributeName="onload" to="x"/>', "animates onload; delete this animation"),
        ('<g xml:base="https://h/"/>', "has xml:base, which moves its links; delete it"),
        (
            "<?xml-stylesheet href='x.css'?>",
            "has <?xml-stylesheet …?>, which loads another file; delete it",
        ),
        ("<g>", "is not XML (mismatched tag); export it again as SVG"),
    ],
)  # fmt: skip
def test_svg_that_runs_or_loads_anything_is_refused(folder: Folder, content: str, expected: str) -> None:
    """A picture that is opened by itself is a document of this site's origin."""
    line = 3 if expected.startswith("is not XML") else 2
    assert folder.fault("x.svg", svg(content)) == [f"x.svg:{line}: {expected}"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b'\n<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("<text>&a;</text>"),
            "x.svg:2: has a DOCTYPE; delete the <!DOCTYPE …>; SVG needs none",
        ),
        (
            b'<svg width="1" height="1"/>',
            "x.svg:1: begins with <svg>, which is no SVG image;"
            ' begin it with <svg xmlns="http://www.w3.org/2000/svg" …>',
        ),
        (b"A text.", "x.svg:1: is not XML (syntax error); export it again as SVG"),
        (b" ", "x.svg:1: is not XML (no element found); export it again as SVG"),
        (
            svg("\xe4").decode().encode("latin-1"),
            "x.svg:2: is not XML (not well-formed (invalid token)); export it again as SVG",
        ),
        (b"\x1f\x8b\x08\0svgz", "x.svg:1: is not XML (not well-formed (invalid token));"
         " export it again as SVG"),
    ],
)  # fmt: skip
def test_what_is_no_svg_is_a_fault(folder: Folder, data: bytes, expected: str) -> None:
    """With the line where it stops to be one."""
    assert folder.fault("x.svg", data) == [expected]


def test_all_faults_of_an_svg_at_once(folder: Folder) -> None:
    """Who mends one should not have to build to hear of the next."""
    data = svg('<script/>\n<g onclick="x"/>\n<image href="x.png"/>\n<style>@import "x"</style>')
    assert [fault.split(": ")[0] for fault in folder.fault("x.svg", data)] == [
        "x.svg:2",
        "x.svg:3",
        "x.svg:4",
        "x.svg:5",
    ]
