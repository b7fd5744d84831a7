"""Send a file of the tree: whole, in ranges, or as 304 where the browser has it.

Reads the file that the caller names. No writes, no network.

Starlette's FileResponse parses ranges and streams. What it does otherwise than
NGINX in production stays here: NGINX's ETag, and 304 for it; no Last-Modified; a
range in another unit than bytes ignored; 416, not 400, for one that cannot be
parsed. FileResponse also opens the file after it has sent the headers, when a
build may have replaced the tree: it gets the file that is open already.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pipelines.preview.headers import content_type

_BYTES = re.compile(rb"bytes=.", re.IGNORECASE)


def is_not_modified(request: Request, etag: str) -> bool:
    """Return whether If-None-Match has *etag* (RFC 9110, 13.1.2: weak comparison)."""
    etags = request.headers.get("if-none-match", "")
    return etags.strip() == "*" or etag in re.findall(r'"[^"]*"', etags)


def file_response(request: Request, path: Path, headers: dict[str, str]) -> Response:
    """Return the response for the file at *path*; raise OSError when it is gone."""
    file = path.open("rb")
    stat = os.fstat(file.fileno())
    etag = f'"{int(stat.st_mtime):x}-{stat.st_size:x}"'  # as NGINX makes it
    headers = {"Content-Type": content_type(path.name), "ETag": etag, **headers}
    if "no-store" not in headers["Cache-Control"] and is_not_modified(request, etag):
        file.close()
        return Response(status_code=304, headers=headers)
    return _OpenFileResponse(file, stat, headers)


class _OpenFileResponse(FileResponse):
    """A FileResponse of a file that is open, with the status codes and headers of NGINX."""

    def __init__(self, file: BinaryIO, stat: os.stat_result, headers: dict[str, str]) -> None:
        self._file, self._size = file, stat.st_size
        path = f"/dev/fd/{file.fileno()}"
        super().__init__(path, headers=headers, media_type=headers["Content-Type"], stat_result=stat)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, then close it."""

        async def send_as_nginx(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                del headers["last-modified"]
                if "no-store" in self.headers["cache-control"]:
                    del headers["etag"]
                if message["status"] in (400, 416):
                    message["status"] = 416
                    headers["content-range"] = f"bytes */{self._size}"
                    headers["cache-control"] = self.headers["cache-control"]
            await send(message)

        headers = [row for row in scope["headers"] if row[0] != b"range" or _BYTES.match(row[1])]
        with self._file:
            await super().__call__({**scope, "headers": headers}, receive, send_as_nginx)
