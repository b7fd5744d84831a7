"""The response headers of production, so that an author meets their limits in the preview.

Tables and functions of a path. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath


def security_headers(image_hosts: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers of every response; *image_hosts* are the other origins of images."""
    images = " ".join(("img-src 'self'", *image_hosts))
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self'; style-src 'self'; {images}; media-src 'self'; "
            "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
            "frame-ancestors 'none'"
        ),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


SECURITY_HEADERS = security_headers()
# Not from the system's MIME table, which differs between machines.
_TYPES = {
    "asc": "text/plain; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "ics": "text/calendar; charset=utf-8",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "rss": "application/rss+xml; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "ttf": "font/ttf",
    "txt": "text/plain; charset=utf-8",
    "vcf": "text/vcard; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "wasm": "application/wasm",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json; charset=utf-8",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml; charset=utf-8",
    "xsl": "application/xml; charset=utf-8",
    "zip": "application/zip",
}
_HASHED = re.compile(r"\.[0-9a-f]{8}\.[A-Za-z0-9]+$")


def content_type(name: str) -> str:
    """Return the media type of the file *name*, with the charset of text."""
    suffix = PurePosixPath(name).suffix[1:].lower()
    return _TYPES.get(suffix, "application/octet-stream")


def cache_headers(name: str, *, gated: bool) -> dict[str, str]:
    """Return Cache-Control of the file *name*, and Vary of a gated one."""
    if gated:
        return {"Cache-Control": "private, no-store", "Vary": "Cookie"}
    fixed = "public, max-age=31536000, immutable"
    return {"Cache-Control": fixed if _HASHED.search(name) else "no-cache"}
