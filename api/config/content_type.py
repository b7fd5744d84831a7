"""Replace a Content-Type that Django must not parse, before Django sees the request.

Django reads the header while it makes the request, outside of every error handler: parameters of
RFC 2231 with an unknown charset (`charset*=x''a`) end in a traceback and an HTML page with 500. It also
decodes forms and query strings by the charset that is named, such as `hex` or `undefined`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

UNUSABLE = "invalid/invalid"  # neither a form nor JSON: nobody parses the body
_TOKEN = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"  # RFC 9110, without the "*" of RFC 2231
_VALUE = rf'(?:{_TOKEN}|"[^"\\\x00-\x1f\x7f-\xff]*")'
_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}={_VALUE})*[ \t]*")
_OTHER_CHARSET = re.compile(r';[ \t]*charset=(?!"?utf-?8"?[ \t]*(?:;|$))', re.IGNORECASE)

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]
ASGI = Callable[[Any, Any, Any], Any]


def usable(value: str) -> str:
    """Return the Content-Type *value*, or UNUSABLE for one that is malformed or not UTF-8; "" stays."""
    if not value or (_TYPE.fullmatch(value) and not _OTHER_CHARSET.search(value)):
        return value
    return UNUSABLE


def wsgi(application: WSGI) -> WSGI:
    """Wrap the WSGI *application*."""

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return application(
            {**environ, "CONTENT_TYPE": usable(environ.get("CONTENT_TYPE", ""))}, start_response
        )

    return handle


def asgi(application: ASGI) -> ASGI:
    """Wrap the ASGI *application*."""

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        found = [value for name, value in scope["headers"] if name == b"content-type"]
        if found:
            kept = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            kept.append((b"content-type", usable(b",".join(found).decode("latin-1")).encode("latin-1")))
            scope = {**scope, "headers": kept}
        await application(scope, receive, send)

    return handle
