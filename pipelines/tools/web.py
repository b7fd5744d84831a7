"""Send and fetch over HTTP, again where that helps: registries, chart repositories, webhooks.

Network: the addresses that it is given. Reads the file of authorities that it is
given. No writes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import certifi
import httpx

from pipelines.errors import ToolError
from pipelines.tools.login import Login
from pipelines.tools.patience import Passing, Patience, worth

_LARGEST = 64 * 2**20  # bytes of an answer that is kept
_STEP = 2**17  # bytes that are sent before the time is looked at
_CONNECT, _SILENCE = 10.0, 60.0  # seconds until there is a connection; without a byte

Chunks = Callable[[], Iterator[bytes]]  # makes the body anew for each try


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    url: str = field(repr=False)  # that answered, after redirects


class Meter:
    """Counts the bytes that were sent; use from many threads."""

    def __init__(self) -> None:
        self._lock, self._count = Lock(), 0

    def add(self, count: int) -> None:
        """Count *count* more."""
        with self._lock:
            self._count += count

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count


class Web:
    """Asks servers; use from many threads.

    *authority* is a file of certificates that are trusted besides the public
    ones. Proxies are taken from the environment.
    """

    def __init__(self, patience: Patience, authority: Path | None = None) -> None:
        self.patience = patience
        self.meter = Meter()
        self._client = httpx.Client(
            headers={"User-Agent": "drglitch-publish", "Accept": "*/*", "Accept-Encoding": "identity"},
            verify=trust(authority),
            limits=httpx.Limits(max_connections=8),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        login: Login | None = None,
    ) -> Answer:
        """Return the answer to one request, tried again as ``Patience`` says.

        Raises ToolError when there is none, or only such that may pass. Any other
        status, 401 and 404 too, is an answer.
        """
        return self.patience.call(lambda: self.once(method, url, headers=headers, body=body, login=login))

    def once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Chunks | None = None,
        login: Login | None = None,
    ) -> Answer:
        """Return the answer to one request, tried once; raise Passing where another try is worth it.

        *body* as chunks wants a Content-Length among *headers*. Redirects are
        followed by GET and HEAD; a login goes to the first host alone.
        """
        sent = dict(headers or {})
        if isinstance(body, bytes):
            sent["Content-Length"] = str(len(body))
        if login:
            refuse_open_door(url)
            sent["Authorization"] = login.basic()
        silence = min(_SILENCE, self.patience.left())
        times = httpx.Timeout(silence, connect=min(_CONNECT, silence))
        place = place_of(url)
        try:
            request = self._client.build_request(
                method, url, headers=sent, content=self._counted(body) if body else None, timeout=times
            )
            follow = method in ("GET", "HEAD")
            response = self._client.send(request, stream=True, follow_redirects=follow)
            try:
                answer = Answer(
                    response.status_code, response.headers, self._read(response, place), str(response.url)
                )
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _fault(error, place) from None
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise ToolError(f"{place}: is no address") from None
        if worth(answer.status):
            raise Passing(f"{place}: answered {answer.status}", _after(answer))
        return answer

    def _counted(self, body: bytes | Chunks) -> Iterator[bytes]:
        for part in _steps(body) if isinstance(body, bytes) else body():
            self.patience.left()
            yield part
            self.meter.add(len(part))

    def _read(self, response: httpx.Response, place: str) -> bytes:
        parts, size = [], 0
        for part in response.iter_raw():
            self.patience.left()
            size += len(part)
            if size > _LARGEST:
                raise ToolError(f"{place}: its answer has more than {_LARGEST // 2**20} MiB")
            parts.append(part)
        return b"".join(parts)


def _steps(whole: bytes) -> Iterator[bytes]:
    return (whole[at : at + _STEP] for at in range(0, len(whole), _STEP))


def trust(authority: Path | None) -> ssl.SSLContext:
    """Return whom to believe: the system's and the public authorities, and *authority*."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if authority:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError):
            raise ToolError(f"{authority.name}: is no file of certificates (PEM)") from None
    return context


def place_of(url: str) -> str:
    """Return host and port of *url*: no message shows more, since a path or query may be a secret."""
    return urlsplit(url).netloc.rpartition("@")[2] or "an address"


def refuse_open_door(url: str) -> None:
    """Raise ToolError where a password would cross a network that anybody may read."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ToolError(f"{place_of(url)}: no password is sent without TLS; write its address with https://")


def _after(answer: Answer) -> float:
    """Return the seconds that the server asks for (RFC 9110, section 10.2.3; dates are not read)."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() and len(said) < 6 else 0.0


def _fault(error: httpx.HTTPError, place: str) -> ToolError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"{place}: its certificate is not trusted ({cause.verify_message})"
            return ToolError(f"{why}; name the authority's file in SITE_CA_FILE")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return Passing(f"{place}: no connection in time")
    if isinstance(error, httpx.ConnectError):
        return Passing(f"{place}: no connection")
    if isinstance(error, httpx.TimeoutException):
        return Passing(f"{place}: no answer in time")
    if isinstance(error, httpx.TransportError):
        return Passing(f"{place}: the connection broke")
    return ToolError(f"{place}: gave no answer that can be read")
