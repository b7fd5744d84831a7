"""Return the media type of an asset, as the web image does.

No reads, no writes, no network.
"""

from __future__ import annotations

_UTF8 = "; charset=utf-8"
# As images/web/nginx/http/types.conf has them; a test compares.
_EXTENSIONS = {
    f"application/atom+xml{_UTF8}": "atom",
    "application/json": "json",
    f"application/manifest+json{_UTF8}": "webmanifest",
    "application/pdf": "pdf",
    f"application/rss+xml{_UTF8}": "rss",
    "application/wasm": "wasm",
    f"application/xml{_UTF8}": "xml xsl",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/avif": "avif",
    "image/gif": "gif",
    "image/jpeg": "jpeg jpg",
    "image/png": "png",
    f"image/svg+xml{_UTF8}": "svg",
    "image/webp": "webp",
    "image/x-icon": "ico",
    f"text/calendar{_UTF8}": "ics",
    f"text/css{_UTF8}": "css",
    f"text/csv{_UTF8}": "csv",
    f"text/html{_UTF8}": "html htm",
    f"text/javascript{_UTF8}": "js mjs",
    f"text/markdown{_UTF8}": "md",
    f"text/plain{_UTF8}": "txt asc",
    f"text/vcard{_UTF8}": "vcf",
    f"text/vtt{_UTF8}": "vtt",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
MEDIA_TYPES = {extension: kind for kind, row in _EXTENSIONS.items() for extension in row.split()}


def content_type(name: str) -> str:
    """Return the media type of the file *name*, by its extension."""
    return MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
