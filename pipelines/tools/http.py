"""Send HTTP requests, and retry transient errors: for registries, chart repositories, webhooks.

Network: the URLs that it is given, and where GET and HEAD are redirected to.
Reads the file of authorities that it is given. No writes.
"""

from __future__ import annotations

import re
import ssl
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import certifi

from pipelines.core.credentials import Login
from pipelines.core.errors import ToolError
from pipelines.tools.lean_httpx import httpx
from pipelines.tools.proxy_hints import FORWARDED, proxy_hint
from pipelines.tools.retry import RetryPolicy, TransientError, is_retryable

_MAX_BODY = 64 * 2**20  # bytes of a response
_CHUNK = 2**17  # bytes that are sent between two checks of the deadline
_MAX_REDIRECTS = 10
_CONNECT_TIMEOUT, _IDLE_TIMEOUT = 10.0, 60.0  # seconds
# OpenSSL's reasons for a reply without TLS.
_PLAIN_HTTP = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_CREDENTIAL_HEADERS = ("Authorization", "Cookie", "X-Gitlab-Token")

Chunks = Callable[[], Iterator[bytes]]  # returns the body for each attempt


def user_agent(site_name: str, url: str = "") -> str:
    """Return the User-Agent of this pipeline for the site *site_name*: "small-site-pipeline".

    *url* is added as a comment for servers whose operator may want to know.
    """
    ascii_name = unicodedata.normalize("NFKD", site_name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-") or "site"
    return f"{slug}-pipeline (+{url})" if url else f"{slug}-pipeline"


DEFAULT_AGENT = user_agent("")


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a server."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    url: str = field(repr=False)  # after redirects

    def header_values(self, name: str) -> list[str]:
        """Return the values of the header *name*, one for each line that the server sent."""
        if isinstance(self.headers, httpx.Headers):
            return self.headers.get_list(name)
        return [self.headers[name]] if name in self.headers else []

    @property
    def hint(self) -> str:
        """The setting of a proxy that this response points to, or ""."""
        return proxy_hint(self.status, self.body, self.url, self.headers.get("location", ""))

    @property
    def reason(self) -> str:
        """The status, and the hint where there is one."""
        return f"{self.status}; {self.hint}" if self.hint else str(self.status)


class ByteCounter:
    """Counts the bytes that were sent; use from many threads."""

    def __init__(self) -> None:
        self._lock, self._count = Lock(), 0

    def add(self, count: int) -> None:
        """Add *count* bytes."""
        with self._lock:
            self._count += count

    @property
    def count(self) -> int:
        """The bytes so far."""
        return self._count


class HttpClient:
    """An HTTP client that retries transient errors; use from many threads.

    *authority* is a PEM file of authorities, trusted besides the public ones.
    *agent* is the User-Agent. Proxies are taken from the environment.
    """

    def __init__(
        self, retry_policy: RetryPolicy, authority: Path | None = None, *, agent: str = DEFAULT_AGENT
    ) -> None:
        self.retry_policy = retry_policy
        self.sent_bytes = ByteCounter()
        self._client = httpx.Client(
            headers={"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            verify=trusted_authorities(authority),
            limits=httpx.Limits(max_connections=8),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        login: Login | None = None,
    ) -> Response:
        """Return the response to a request, retried as the retry policy says.

        Raises ToolError without a response, and when every attempt ends in a
        transient error. Any other status, 401 and 404 too, is returned.
        """
        return self.retry_policy.call(lambda: self.send(method, url, headers=headers, body=body, login=login))

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Chunks | None = None,
        login: Login | None = None,
    ) -> Response:
        """Return the response to a request, sent once; raise TransientError where a retry may help.

        *body* as chunks requires a Content-Length among *headers*. GET and HEAD
        follow redirects; credentials go to the first host only. Raises ToolError
        for a redirect from https to http, before anything is sent there.
        """
        fields = dict(headers or {})
        if isinstance(body, bytes):
            fields["Content-Length"] = str(len(body))
        if login:
            refuse_plain_http(url)
            fields["Authorization"] = login.basic()
        idle = min(_IDLE_TIMEOUT, self.retry_policy.remaining())
        timeout = httpx.Timeout(idle, connect=min(_CONNECT_TIMEOUT, idle))
        host = host_of(url)
        try:
            request = self._client.build_request(
                method, url, headers=fields, content=self._counted(body) if body else None, timeout=timeout
            )
            raw = self._client.send(request, stream=True)
            for _ in range(_MAX_REDIRECTS if method in ("GET", "HEAD") else 0):
                if raw.next_request is None:
                    break
                raw.close()
                request = _redirected(raw, raw.next_request)
                raw = self._client.send(request, stream=True)
            try:
                response = Response(raw.status_code, raw.headers, self._read(raw, host), str(raw.url))
            finally:
                raw.close()
        except httpx.HTTPError as error:
            raise _fault(error, host) from None
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise ToolError(f"{host}: is not a URL") from None
        if is_retryable(response.status):
            raise TransientError(f"{host}: answered {response.reason}", _retry_after(response))
        return response

    def _counted(self, body: bytes | Chunks) -> Iterator[bytes]:
        for chunk in _chunks(body) if isinstance(body, bytes) else body():
            self.retry_policy.remaining()
            yield chunk
            self.sent_bytes.add(len(chunk))

    def _read(self, response: httpx.Response, host: str) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_raw():
            self.retry_policy.remaining()
            size += len(chunk)
            if size > _MAX_BODY:
                raise ToolError(f"{host}: its response has more than {_MAX_BODY // 2**20} MiB")
            chunks.append(chunk)
        return b"".join(chunks)


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))


def trusted_authorities(authority: Path | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's and the public authorities, and *authority*.

    Equal files give one context, for all connections of this process: OpenSSL
    takes 0.1 s to read the authorities.
    """
    if authority is None:
        return _tls_context(None, b"")
    try:
        return _tls_context(authority, authority.read_bytes())
    except (OSError, ssl.SSLError):
        raise ToolError(f"{authority.name}: is not a file of certificates (PEM)") from None


@lru_cache(maxsize=4)
def _tls_context(authority: Path | None, content: bytes) -> ssl.SSLContext:
    """Return the context for *authority*, whose *content* is part of the key."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if authority:
        context.load_verify_locations(authority)
    return context


def host_of(url: str) -> str:
    """Return host and port of *url* for messages: a path or query may be a secret."""
    return urlsplit(url).netloc.rpartition("@")[2] or "a URL"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of *url*, with the default port of its scheme (RFC 6454)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        return parts.scheme, parts.hostname or "", port
    except ValueError:
        return "", "", 0


def follow_reference(url: str, reference: str) -> str:
    """Return the URL that a server names in a response to *url*: an upload, a chart, a token's realm.

    Raises ToolError for one that leads from https to http, and for another scheme.
    """
    try:
        target = urljoin(url, reference)
        scheme = urlsplit(target).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise ToolError(f"{host_of(url)}: names a reference that is not an HTTP URL")
    refuse_downgrade(url, target)
    return target


def refuse_downgrade(url: str, target: str) -> None:
    """Raise ToolError where *url* is https and *target*, a reference of its server, is not."""
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise ToolError(
            f"{host_of(url)}: leads to {urlsplit(target).scheme}://{host_of(target)}, without TLS;"
            f" nothing was sent there; {FORWARDED}"
        )


def refuse_plain_http(url: str) -> None:
    """Raise ToolError where *url* would send a password without TLS; loopback is allowed."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ToolError(f"{host_of(url)}: no password is sent without TLS; write its URL with https://")


def _redirected(response: httpx.Response, request: httpx.Request) -> httpx.Request:
    """Return *request*, which follows the redirect *response*, without credentials for another origin."""
    refuse_downgrade(str(response.url), str(request.url))
    if origin(str(response.url)) != origin(str(request.url)):
        for name in _CREDENTIAL_HEADERS:
            request.headers.pop(name, None)
    return request


def _retry_after(response: Response) -> float:
    """Return the seconds in Retry-After (RFC 9110, section 10.2.3); 0 for a date, and without it."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else 0.0


def _fault(error: httpx.HTTPError, host: str) -> ToolError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            what = f"{host}: its certificate is not trusted ({cause.verify_message})"
            return ToolError(f"{what}; name the authority's file in SITE_CA_FILE")
        if isinstance(cause, ssl.SSLError) and cause.reason in _PLAIN_HTTP:
            return ToolError(f"{host}: has no TLS at this port; write the port that has")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return TransientError(f"{host}: connection timed out")
    if isinstance(error, httpx.ConnectError):
        return TransientError(f"{host}: no connection")
    if isinstance(error, httpx.TimeoutException):
        return TransientError(f"{host}: response timed out")
    if isinstance(error, httpx.TransportError):
        return TransientError(f"{host}: the connection broke")
    return ToolError(f"{host}: sent a response that is not valid HTTP")
