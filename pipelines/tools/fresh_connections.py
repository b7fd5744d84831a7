"""Ask an address many times at once, each time as somebody who was never there.

Network: the addresses that it is given. Reads the file of authorities that it is
given. No writes.

Each question has a connection of its own, a TLS session of its own, and an end: a
server that sends a letter now and then is no way to keep this program.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from pipelines.tools.http import trusted_authorities

_LARGEST = 2**16  # bytes of an answer
_HEADERS = {
    "User-Agent": "drglitch-status",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",  # what stands between must not answer for the site
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """What one connection brought: an answer, or the fault that kept it away."""

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    fault: str = ""  # "TLS: …", "no connection", "no answer within 10 s"


def probe(
    urls: Sequence[str], times: int, retry_policy: float, authority: Path | None
) -> list[tuple[ProbeResponse, ...]]:
    """Return what each of *urls* said to *times* connections, all of them opened at once.

    *patience* is in seconds, for each connection from its first name to its last
    byte. *authority* is a file of certificates that are trusted besides the
    public ones. Redirects are answers. Raises ToolError for an *authority* that
    is none; everything else is a fault that is told.
    """
    context = trusted_authorities(authority)

    async def gather() -> list[ProbeResponse]:
        return await asyncio.gather(*(_one(url, context, retry_policy) for url in urls for _ in range(times)))

    said = asyncio.run(gather())
    return [tuple(said[at : at + times]) for at in range(0, len(said), times)]


async def _one(url: str, context: ssl.SSLContext, retry_policy: float) -> ProbeResponse:
    try:
        async with (
            asyncio.timeout(retry_policy),
            httpx.AsyncClient(verify=context, headers=_HEADERS, timeout=retry_policy) as client,
            client.stream("GET", url) as response,
        ):
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) > _LARGEST:
                    return ProbeResponse(
                        response.status_code, fault=f"an answer of more than {_LARGEST // 1024} KiB"
                    )
            return ProbeResponse(response.status_code, body)
    except (TimeoutError, httpx.TimeoutException):
        return ProbeResponse(fault=f"no answer within {retry_policy:g} s")
    except httpx.HTTPError as error:
        return ProbeResponse(fault=_fault(error))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return ProbeResponse(fault="is no address")


def _fault(error: httpx.HTTPError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {(cause.reason or 'no handshake').replace('_', ' ').lower()}"
        if isinstance(cause, socket.gaierror):
            return "its host name is not known"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return "the proxy lets nobody through"
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke"
