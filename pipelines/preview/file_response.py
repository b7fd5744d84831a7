"""Answer with a file: whole, in part, or not at all where the browser has it.

Reads the file that the caller names. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pipelines.preview.headers import content_type

_CHUNK = 1 << 18  # bytes
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")  # more digits are no place in a file


def is_not_modified(request: Request, etag: str) -> bool:
    """Return whether the browser has what *etag* names (RFC 9110, 13.1.2: weak comparison)."""
    environ = request.headers.get("if-none-match", "")
    return environ.strip() == "*" or etag in re.findall(r'"[^"]*"', environ)


def file_response(request: Request, path: Path, headers: dict[str, str]) -> Response:
    """Return the answer for the file at *path*; raise OSError when it is gone.

    One part is given where one is asked for (RFC 9110, 14): without that a
    film can be neither wound nor, in some browsers, played.
    """
    file = path.open("rb")
    size = os.fstat(file.fileno()).st_size
    etag = f'"{int(os.fstat(file.fileno()).st_mtime):x}-{size:x}"'  # as NGINX makes it
    headers = {"Content-Type": content_type(path.name), "Accept-Ranges": "bytes", **headers}
    if "no-store" not in headers["Cache-Control"]:
        headers["ETag"] = etag
        if is_not_modified(request, etag):
            file.close()
            return Response(status_code=304, headers=headers)
    part = _part(request, size, etag)
    if part is not None and not part:
        file.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    span = part or range(size)
    headers["Content-Length"] = str(len(span))
    if part:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    status = 206 if part else 200
    if len(span) <= _CHUNK:
        return Response(b"".join(_read(file, span)), status, headers=headers)
    return StreamingResponse(_read(file, span), status, headers=headers)


def _part(request: Request, size: int, etag: str) -> range | None:
    """Return the bytes asked for: None for all of them, an empty range for none that exist."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if not found or not any(found.groups()) or request.headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


def _read(file: BinaryIO, span: range) -> Iterator[bytes]:
    with file:
        file.seek(span.start)
        left = len(span)
        while left and (data := file.read(min(left, _CHUNK))):
            left -= len(data)
            yield data
