"""Authorize requests and forward them to the login API: images/web/nginx/login, in Python.

Functions of a request. No reads, no writes, no network: the API runs in this process.
"""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.preview.headers import SECURITY_HEADERS

MEMBERS, STAFF = "/_gate", "/_gate/staff"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_BODY = 16 * 1024  # bytes of a body
# Django gets the raw path: it must not resolve it to another one than the gate does.
_SUSPICIOUS = re.compile(rb"//|/\.|%2e|%2f|%5c|\\|%00|%25", re.IGNORECASE)
_API_PREFIX = re.compile(rb"/(_allauth/|accounts/|admin/)")
# The request headers that are forwarded: a reader must not forge X-Forwarded-Host and the like.
_FORWARDED = frozenset(
    b"host accept accept-language content-type cookie if-modified-since if-none-match origin referer "
    b"user-agent x-csrftoken x-email-verification-key x-password-reset-key x-requested-with".split()
)
# The response headers that this server sets itself.
_DROPPED = {name.lower().encode() for name in SECURITY_HEADERS} | {b"last-modified"}


def is_suspicious(raw: bytes) -> bool:
    """Return whether the API might resolve the path *raw* to another one than the gate does."""
    return bool(_SUSPICIOUS.search(raw)) or not _API_PREFIX.match(raw)


async def authorize(api: ASGIApp, gate: str, scope: Scope) -> int:
    """Return the status of *api* at *gate* (MEMBERS, STAFF) for the cookie of *scope*.

    204 allows the request, 401 and 403 deny it, anything else means unavailable.
    It is requested for every page: a cached status would outlive a logout.
    """
    headers = [(name, value) for name, value in scope["headers"] if name in (b"host", b"cookie")]
    inner_scope = {
        **{key: scope[key] for key in ("type", "asgi", "http_version", "scheme", "client", "server")},
        "method": "GET",
        "path": gate,
        "raw_path": gate.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
    }
    status, sent = 0, False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client stays connected
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    await api(inner_scope, receive, send)
    return status


async def read_limited_body(request: Request) -> bytes | None:
    """Return the body of *request*; None when it is too large. Raises ClientDisconnect."""
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length[:9]) > MAX_BODY:
        return None
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY:
            return None
    return data


class ForwardedResponse:
    """The response of the API to a request that is forwarded."""

    def __init__(self, api: ASGIApp, data: bytes) -> None:
        self._api, self._data = api, data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, with *data* as the body that was read before."""
        headers = [(name, value) for name, value in scope["headers"] if name in _FORWARDED]
        headers += [
            (b"content-length", str(len(self._data)).encode()),
            (b"x-forwarded-proto", b"http"),
            (b"x-real-ip", scope["client"][0].encode()),
        ]
        sent = False

        async def receive_body() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": self._data, "more_body": False}

        async def send_filtered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name, value) for name, value in message["headers"] if name.lower() not in _DROPPED
                ]
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        await self._api({**scope, "headers": headers}, receive_body, send_filtered)
