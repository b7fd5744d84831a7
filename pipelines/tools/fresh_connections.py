"""Request a URL many times at once, each time over a fresh connection.

Network: the URLs that it is given. Reads the file of authorities that it is
given. No writes.

Each request has a connection, a TLS session and a deadline of its own: a server
that sends a byte now and then cannot hold this program.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.tools.http import DEFAULT_AGENT, trusted_authorities
from pipelines.tools.lean_httpx import httpx

_MAX_BODY = 2**16  # bytes of a response
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",  # a cache in between must not answer for the site
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The response to one connection, or why there is none."""

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    fault: str = ""  # "TLS: …", "no connection", "no response within 10 s"


def probe(
    urls: Sequence[str], connections: int, timeout: float, authority: Path | None, agent: str = DEFAULT_AGENT
) -> list[tuple[ProbeResponse, ...]]:
    """Return the responses of each of *urls* to *connections* connections, all opened at once.

    *timeout* is in seconds, for each connection from the lookup of its name to its
    last byte. *authority* is a PEM file of authorities, trusted besides the public
    ones. *agent* is the User-Agent. Redirects are not followed. Raises ToolError
    for an invalid *authority*; every other fault is in the result.
    """
    context = trusted_authorities(authority)
    headers = {"User-Agent": agent, **_HEADERS}

    async def gather() -> list[ProbeResponse]:
        requests = (_request(url, context, headers, timeout) for url in urls for _ in range(connections))
        return await asyncio.gather(*requests)

    responses = asyncio.run(gather())
    return [tuple(responses[at : at + connections]) for at in range(0, len(responses), connections)]


async def _request(
    url: str, context: ssl.SSLContext, headers: dict[str, str], timeout: float
) -> ProbeResponse:
    try:
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(verify=context, headers=headers, timeout=timeout) as client,
            client.stream("GET", url) as response,
        ):
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MAX_BODY:
                    fault = f"a response of more than {_MAX_BODY // 1024} KiB"
                    return ProbeResponse(response.status_code, fault=fault)
            return ProbeResponse(response.status_code, body)
    except (TimeoutError, httpx.TimeoutException):
        return ProbeResponse(fault=f"no response within {timeout:g} s")
    except httpx.HTTPError as error:
        return ProbeResponse(fault=_fault(error))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return ProbeResponse(fault="is not a URL")


def _fault(error: httpx.HTTPError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {(cause.reason or 'no handshake').replace('_', ' ').lower()}"
        if isinstance(cause, socket.gaierror):
            return "its host name does not resolve"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return "the proxy refuses the connection"
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke"
