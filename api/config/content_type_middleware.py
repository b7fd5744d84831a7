"""WSGI and ASGI middleware that replaces a Content-Type that Django must not parse.

Django parses the header when it creates the request, outside of every error handler. An unknown charset in
a parameter of RFC 2231 (`charset*=x''a`) ends in a traceback and an HTML page with status 500. Django also
decodes forms and query strings with the named charset, such as `hex` or `undefined`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

UNPARSABLE = "invalid/invalid"  # neither a form nor JSON, so that Django does not parse the body
_TOKEN = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"  # RFC 9110, without the "*" of RFC 2231
_VALUE = rf'(?:{_TOKEN}|"[^"\\\x00-\x1f\x7f-\xff]*")'
_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}={_VALUE})*[ \t]*")
_OTHER_CHARSET = re.compile(r';[ \t]*charset=(?!"?utf-?8"?[ \t]*(?:;|$))', re.IGNORECASE)

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]
ASGI = Callable[[Any, Any, Any], Any]


def normalize(value: str) -> str:
    """Return the Content-Type *value*, or UNPARSABLE if it is malformed or not UTF-8; "" is unchanged."""
    if not value or (_TYPE.fullmatch(value) and not _OTHER_CHARSET.search(value)):
        return value
    return UNPARSABLE


def wsgi_middleware(application: WSGI) -> WSGI:
    """Wrap the WSGI *application*, with a normalized CONTENT_TYPE."""

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return application(
            {**environ, "CONTENT_TYPE": normalize(environ.get("CONTENT_TYPE", ""))}, start_response
        )

    return handle


def asgi_middleware(application: ASGI) -> ASGI:
    """Wrap the ASGI *application*, with one normalized content-type header."""

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        found = [value for name, value in scope["headers"] if name == b"content-type"]
        if found:
            headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            headers.append((b"content-type", normalize(b",".join(found).decode("latin-1")).encode("latin-1")))
            scope = {**scope, "headers": headers}
        await application(scope, receive, send)

    return handle
