"""Gzip whose bytes depend on nothing but the input: for files to send and for layers of images.

No reads, no writes, no network. libdeflate comes as a pinned wheel, and the
header is ours: neither the system's zlib nor a clock is in the bytes.
"""

from __future__ import annotations

import deflate

# Deflate, no flags, no time, slowest algorithm, unknown system (RFC 1952, section 2.3.1).
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"


def gzip_bytes(data: bytes, level: int) -> bytes:
    """Return *data* compressed at *level*, 1 to 12."""
    packed = deflate.gzip_compress(data, level)
    return _HEADER + bytes(packed[len(_HEADER) :])
