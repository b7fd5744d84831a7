"""What stands between a reader and the login API: the rules of images/web/nginx/login, in Python.

Functions of a request. No reads, no writes, no network: the API is in this process.
"""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.preview.headers import SECURITY

MEMBERS, STAFF = "/_gate", "/_gate/staff"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
LARGEST = 16 * 1024  # bytes of a body
# What a path means here must be what it means to Django, which gets it as it was written.
_STRANGE = re.compile(rb"//|/\.|%2e|%2f|%5c|\\|%00|%25", re.IGNORECASE)
_PLAIN = re.compile(rb"/(_allauth/|accounts/|admin/)")
# What is passed on, and nothing else: what a reader writes into X-Forwarded-Host and its like is his own.
_TOLD = frozenset(
    b"host accept accept-language content-type cookie if-modified-since if-none-match origin referer "
    b"user-agent x-csrftoken x-email-verification-key x-password-reset-key x-requested-with".split()
)
# Said once, by this server.
_HIDDEN = {name.lower().encode() for name in SECURITY} | {b"last-modified"}


def is_suspicious(raw: bytes) -> bool:
    """Return whether the API might take the path *raw* for another one than the gate does."""
    return bool(_STRANGE.search(raw)) or not _PLAIN.match(raw)


async def ask_api(api: ASGIApp, question: str, scope: Scope) -> int:
    """Return what *api* answers to *question* (MEMBERS, STAFF) for the cookie of *scope*.

    204 lets the reader in, 401 and 403 do not, anything else means: not now.
    Asked for every page; an answer that is kept would outlive a logout.
    """
    environ = [(name, value) for name, value in scope["headers"] if name in (b"host", b"cookie")]
    asked = {
        **{key: scope[key] for key in ("type", "asgi", "http_version", "scheme", "client", "server")},
        "method": "GET",
        "path": question,
        "raw_path": question.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": environ,
    }
    status, sent = 0, False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # nobody hangs up
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    await api(asked, receive, send)
    return status


async def limited_body(request: Request) -> bytes | None:
    """Return the body of *request*; None for one that is too large. Raises ClientDisconnect."""
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length[:9]) > LARGEST:
        return None
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > LARGEST:
            return None
    return data


class ForwardedResponse:
    """A request that is passed on to the API, as an answer."""

    def __init__(self, api: ASGIApp, data: bytes) -> None:
        self._api, self._data = api, data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the API answer, with *data* as the body that was read before."""
        headers = [(name, value) for name, value in scope["headers"] if name in _TOLD]
        headers += [
            (b"content-length", str(len(self._data)).encode()),
            (b"x-forwarded-proto", b"http"),
            (b"x-real-ip", scope["client"][0].encode()),
        ]
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": self._data, "more_body": False}

        async def environ(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in _HIDDEN]
                if not any(name.lower() == b"cache-control" for name, _ in kept):
                    kept.append((b"cache-control", b"no-store"))
                message = {**message, "headers": kept}
            await send(message)

        await self._api({**scope, "headers": headers}, again, environ)
