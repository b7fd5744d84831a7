"""Send and fetch over HTTP, again where that helps: registries, chart repositories, webhooks.

Network: the addresses that it is given, and where GET and HEAD are redirected
to. Reads the file of authorities that it is given. No writes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import certifi
import httpx

from pipelines.core.errors import ToolError
from pipelines.core.login import Login
from pipelines.tools.proxy_hints import FORWARDED, proxy_hint
from pipelines.tools.retry import RetryPolicy, TransientError, is_retryable

_LARGEST = 64 * 2**20  # bytes of an answer that is kept
_STEP = 2**17  # bytes that are sent before the time is looked at
_HOPS = 10  # redirects in a row
_CONNECT, _SILENCE = 10.0, 60.0  # seconds until there is a connection; without a byte
_PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # OpenSSL, of a reply in clear
_CREDENTIALS = ("Authorization", "Cookie", "X-Gitlab-Token")

Chunks = Callable[[], Iterator[bytes]]  # makes the body anew for each try


@dataclass(frozen=True, slots=True)
class Response:
    """What a server said."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    url: str = field(repr=False)  # that answered, after redirects

    def fields(self, name: str) -> list[str]:
        """Return the values of the header *name*, one for each line that the server sent."""
        if isinstance(self.headers, httpx.Headers):
            return self.headers.get_list(name)
        return [self.headers[name]] if name in self.headers else []

    @property
    def hint(self) -> str:
        """The setting of a proxy that this response points to, or ""."""
        return proxy_hint(self.status, self.body, self.url, self.headers.get("location", ""))

    @property
    def why(self) -> str:
        """The status, and the hint where there is one."""
        return f"{self.status}; {self.hint}" if self.hint else str(self.status)


class ByteCounter:
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


class HttpClient:
    """Asks servers; use from many threads.

    *authority* is a file of certificates that are trusted besides the public
    ones. Proxies are taken from the environment.
    """

    def __init__(self, retry_policy: RetryPolicy, authority: Path | None = None) -> None:
        self.retry_policy = retry_policy
        self.meter = ByteCounter()
        self._client = httpx.Client(
            headers={"User-Agent": "drglitch-publish", "Accept": "*/*", "Accept-Encoding": "identity"},
            verify=trusted_authorities(authority),
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
    ) -> Response:
        """Return the answer to one request, tried again as ``Patience`` says.

        Raises ToolError when there is none, or only such that may pass. Any other
        status, 401 and 404 too, is an answer.
        """
        return self.retry_policy.call(lambda: self.once(method, url, headers=headers, body=body, login=login))

    def once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Chunks | None = None,
        login: Login | None = None,
    ) -> Response:
        """Return the answer to one request, tried once; raise Passing where another try is worth it.

        *body* as chunks wants a Content-Length among *headers*. Redirects are
        followed by GET and HEAD; credentials go to the first host alone. Raises
        ToolError for a redirect from https to http: nothing is sent there.
        """
        sent = dict(headers or {})
        if isinstance(body, bytes):
            sent["Content-Length"] = str(len(body))
        if login:
            refuse_plain_http(url)
            sent["Authorization"] = login.basic()
        silence = min(_SILENCE, self.retry_policy.left())
        times = httpx.Timeout(silence, connect=min(_CONNECT, silence))
        place = host_of(url)
        try:
            request = self._client.build_request(
                method, url, headers=sent, content=self._counted(body) if body else None, timeout=times
            )
            response = self._client.send(request, stream=True)
            for _ in range(_HOPS if method in ("GET", "HEAD") else 0):
                if response.next_request is None:
                    break
                response.close()
                request = _redirected(response, response.next_request)
                response = self._client.send(request, stream=True)
            try:
                answer = Response(
                    response.status_code, response.headers, self._read(response, place), str(response.url)
                )
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _fault(error, place) from None
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise ToolError(f"{place}: is no address") from None
        if is_retryable(answer.status):
            raise TransientError(f"{place}: answered {answer.why}", _after(answer))
        return answer

    def _counted(self, body: bytes | Chunks) -> Iterator[bytes]:
        for part in _steps(body) if isinstance(body, bytes) else body():
            self.retry_policy.left()
            yield part
            self.meter.add(len(part))

    def _read(self, response: httpx.Response, place: str) -> bytes:
        parts, size = [], 0
        for part in response.iter_raw():
            self.retry_policy.left()
            size += len(part)
            if size > _LARGEST:
                raise ToolError(f"{place}: its answer has more than {_LARGEST // 2**20} MiB")
            parts.append(part)
        return b"".join(parts)


def _steps(whole: bytes) -> Iterator[bytes]:
    return (whole[at : at + _STEP] for at in range(0, len(whole), _STEP))


def trusted_authorities(authority: Path | None) -> ssl.SSLContext:
    """Return whom to believe: the system's and the public authorities, and *authority*."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if authority:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError):
            raise ToolError(f"{authority.name}: is no file of certificates (PEM)") from None
    return context


def host_of(url: str) -> str:
    """Return host and port of *url*: no message shows more, since a path or query may be a secret."""
    return urlsplit(url).netloc.rpartition("@")[2] or "an address"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of *url*, the port of the scheme where it names none (RFC 6454)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        return parts.scheme, parts.hostname or "", port
    except ValueError:
        return "", "", 0


def follow_reference(url: str, reference: str) -> str:
    """Return the address that a server names in a response to *url*: an upload, an index, a token's realm.

    Raises ToolError for one that leads from https to http, and for one that is
    not HTTP at all.
    """
    try:
        target = urljoin(url, reference)
        scheme = urlsplit(target).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise ToolError(f"{host_of(url)}: names something that is not an address")
    refuse_downgrade(url, target)
    return target


def refuse_downgrade(url: str, target: str) -> None:
    """Raise ToolError where *url* is https and *target*, to which its server leads, is not."""
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise ToolError(
            f"{host_of(url)}: leads to {urlsplit(target).scheme}://{host_of(target)}, without TLS;"
            f" nothing was sent there; {FORWARDED}"
        )


def refuse_plain_http(url: str) -> None:
    """Raise ToolError where a password would cross a network that anybody may read."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ToolError(f"{host_of(url)}: no password is sent without TLS; write its address with https://")


def _redirected(response: httpx.Response, request: httpx.Request) -> httpx.Request:
    """Return the *request* that follows the redirect *response*; another origin gets no credentials."""
    refuse_downgrade(str(response.url), str(request.url))
    if origin(str(response.url)) != origin(str(request.url)):
        for name in _CREDENTIALS:
            request.headers.pop(name, None)
    return request


def _after(answer: Response) -> float:
    """Return the seconds that the server asks for (RFC 9110, section 10.2.3; dates are not read)."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() and len(said) < 6 else 0.0


def _fault(error: httpx.HTTPError, place: str) -> ToolError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"{place}: its certificate is not trusted ({cause.verify_message})"
            return ToolError(f"{why}; name the authority's file in SITE_CA_FILE")
        if isinstance(cause, ssl.SSLError) and cause.reason in _PLAIN:
            return ToolError(f"{place}: does not speak TLS at this port; write the port that does")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return TransientError(f"{place}: no connection in time")
    if isinstance(error, httpx.ConnectError):
        return TransientError(f"{place}: no connection")
    if isinstance(error, httpx.TimeoutException):
        return TransientError(f"{place}: no answer in time")
    if isinstance(error, httpx.TransportError):
        return TransientError(f"{place}: the connection broke")
    return ToolError(f"{place}: gave no answer that can be read")
