"""Strip metadata from image files, format by format, without decoding them.

Functions of bytes: each returns the stripped file and its EXIF block. Pixels,
animation and colour profile stay bit by bit. No reads, no writes, no network.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from pipelines.site.images.faults import truncated_image

StrippedData = tuple[bytes, bytes]  # the file without metadata, its EXIF block


def read_number(data: bytes, at: int, size: int) -> int:
    """Return the big-endian integer of *size* bytes at *at*."""
    return int.from_bytes(data[at : at + size], "big")


# A marker that ends entropy-coded data: not a stuffed byte, a restart or a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def strip_jpeg(data: bytes) -> StrippedData:
    """Strip a JPEG (ITU-T T.81, annex B): keep decoding segments, drop other APPn and COM."""
    kept, exif, at, in_scan = [data[:2]], b"", 2, False
    while found := _MARKER.search(data, at):
        if in_scan:
            kept.append(data[at : found.start()])
        at, marker = found.end(), found[0][1]
        if marker == 0xD9:  # end of image; previews and videos may follow
            return b"".join([*kept, b"\xff\xd9"]), exif
        length = read_number(data, at, 2)
        body = data[at + 2 : at + length]
        if len(body) != length - 2:
            break
        at, in_scan = at + length, marker == 0xDA
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = exif or body[6:]
        if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) > 14:
            body = body[:12] + b"\0\0"  # without its thumbnail
        signature = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}.get(marker, b"")
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not is_metadata or (signature and body.startswith(signature)):
            kept.append(found[0] + (len(body) + 2).to_bytes(2, "big") + body)
    raise truncated_image()


# Chunks that affect rendering; all other ancillary chunks are dropped.
PNG_COLOUR_CHUNKS = frozenset(b"cHRM gAMA iCCP sRGB cICP mDCV cLLI".split())
_PNG_KEPT_CHUNKS = PNG_COLOUR_CHUNKS | frozenset(b"tRNS sBIT bKGD hIST sPLT pHYs acTL fcTL fdAT".split())


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield type, content and all bytes of each chunk, up to the end of the image."""
    at, kind = 8, b""
    while kind != b"IEND":
        end = at + 12 + read_number(data, at, 4)
        kind = data[at + 4 : at + 8]
        if len(kind) < 4 or end > len(data):
            raise truncated_image()
        yield kind, data[at + 8 : end - 4], data[at:end]
        at = end


def strip_png(data: bytes) -> StrippedData:
    """Strip a PNG: keep critical chunks and those that affect rendering."""
    kept, exif = [data[:8]], b""
    for kind, body, whole in png_chunks(data):
        if kind == b"eXIf":
            exif = exif or body
        if kind in _PNG_KEPT_CHUNKS or kind[:1].isupper():  # upper case: critical
            kept.append(whole)
    return b"".join(kept), exif


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each RIFF chunk."""
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise truncated_image()
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


_WEBP_KEPT_CHUNKS = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))


def strip_webp(data: bytes) -> StrippedData:
    """Strip a WebP (RFC 9649): keep image chunks, clear the EXIF and XMP flags."""
    kept, exif = b"WEBP", b""
    for kind, body in webp_chunks(data):
        if kind == b"EXIF":
            exif = exif or body.removeprefix(b"Exif\0\0")
        if kind == b"VP8X":
            body = bytes([body[0] & ~0x0C]) + body[1:] if body else body
        if kind in _WEBP_KEPT_CHUNKS:
            kept += kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
    return b"RIFF" + len(kept).to_bytes(4, "little") + kept, exif


# Loop counts and colour profile; other is_metadata extensions contain XMP and the like.
_GIF_KEPT_EXTENSIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def strip_gif(data: bytes) -> StrippedData:
    """Strip a GIF: drop comments and unknown is_metadata extensions (GIF89a, sections 18 to 27)."""

    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    def blocks(at: int) -> int:
        while at < len(data) and data[at]:
            at += data[at] + 1
        return at + 1

    if len(data) < 13:
        raise truncated_image()
    at = 13 + table(data[10])
    kept = [data[:at]]
    while at < len(data):
        start, kind = at, data[at]
        if kind == 0x3B:
            return b"".join([*kept, b"\x3b"]), b""
        if kind == 0x21:
            label, name = data[at + 1 : at + 2], data[at + 3 : at + 14]
            at = blocks(at + 2)
            if label == b"\xfe" or (label == b"\xff" and name not in _GIF_KEPT_EXTENSIONS):
                continue
        elif kind == 0x2C and at + 9 < len(data):
            at = blocks(at + 11 + table(data[at + 9]))
        else:
            break
        kept.append(data[start:at])
    raise truncated_image()


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield each box's type, its start, and start and end of its content (ISO/IEC 14496-12)."""
    while at < end:
        size, kind, head = read_number(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = read_number(data, at + 8, 8), 16
        stop = at + size if size else end
        if stop > end or stop < at + head:
            raise truncated_image()
        yield kind, at, at + head, stop
        at = stop


# An EXIF block without entries in the form of an AVIF item (ISO/IEC 23008-12, annex A.2.1).
_EMPTY_EXIF = b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"


def strip_avif(data: bytes) -> StrippedData:
    """Strip an AVIF: overwrite metadata in place, so that all offsets stay valid."""
    out = bytearray(data)

    def walk(at: int, end: int) -> None:
        for kind, start, body, stop in _boxes(data, at, end):
            if kind == b"meta":
                for offset, replacement in _avif_metadata(data, body + 4, stop):
                    out[offset : offset + len(replacement)] = replacement
            elif kind in (b"moov", b"trak"):
                walk(body, stop)
            elif kind in (b"uuid", b"udta", b"free", b"skip"):
                out[start + 4 : start + 8] = b"free"
                out[body:stop] = bytes(stop - body)

    walk(0, len(data))
    return bytes(out), b""


def _avif_metadata(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the offset of each extent of an EXIF or XMP item, and its replacement."""
    found = {kind: (body, stop) for kind, _, body, stop in _boxes(data, at, end)}
    if b"iinf" not in found or b"iloc" not in found:
        return
    kinds: dict[int, bytes] = {}
    at, end = found[b"iinf"]
    for kind, _, body, _ in _boxes(data, at + (8 if data[at] else 6), end):
        wide = 4 if data[body] == 3 else 2
        if kind == b"infe":
            kinds[read_number(data, body + 4, wide)] = data[body + 6 + wide : body + 10 + wide]
    at, end = found[b"iloc"]
    version, sizes = data[at], read_number(data, at + 4, 2)
    wide = 2 if version < 2 else 4

    def take(size: int) -> int:
        nonlocal at
        if at + size > end:
            raise truncated_image()
        at += size
        return read_number(data, at - size, size)

    at += 6
    for _ in range(take(wide)):
        item = take(wide)
        method = take(2) & 15 if version else 0
        take(2)  # data reference index
        base = take(sizes >> 4 & 15)
        for _ in range(take(2)):
            take(sizes & 15 if version else 0)
            start, length = base + take(sizes >> 12), take(sizes >> 8 & 15)
            if kinds.get(item) not in (b"Exif", b"mime", b"uri "):
                continue
            if method == 1 and b"idat" in found:
                start += found[b"idat"][0]
            if method > 1 or start + length > len(data):
                raise truncated_image()
            exif = _EMPTY_EXIF.ljust(length, b"\0")[:length]
            yield start, exif if kinds[item] == b"Exif" else b" " * length


def orientation(exif: bytes) -> int:
    """Return the EXIF orientation (Exif 3.0, 4.6.5.1.4): 1 to 8, 1 is upright."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4], "")
    if order and len(exif) >= 8:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        entries = exif[start : start + 2]
        count = struct.unpack(order + "H", entries)[0] if len(entries) == 2 else 0
        for at in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, at)
            if (tag, kind) == (0x0112, 3):
                return value if 1 <= value <= 8 else 1
    return 1
