"""Request URLs of other hosts for their status, one request at a time for each host.

Network: the URLs that it is given, and where they redirect to. No reads, no writes.
"""

from __future__ import annotations

from collections import defaultdict
from threading import Lock
from types import TracebackType
from urllib.parse import urlsplit

from pipelines.core.errors import ToolError
from pipelines.tools.lean_httpx import httpx

_MAX_REDIRECTS = 10
_NO_HEAD = frozenset({405, 501})  # statuses of servers that support GET only


class UnreachableError(ToolError):
    """A URL without a response, or with redirects that do not end."""


class LinkProbe:
    """Requests URLs for their status, never two at once of one host; use from many threads.

    *agent* is the User-Agent. *timeout* is in seconds, for each step of a
    response. Proxies are taken from the environment.
    """

    def __init__(self, agent: str, timeout: float) -> None:
        self._timeout = timeout
        headers = {"User-Agent": agent, "Accept": "*/*"}
        self._client = httpx.Client(headers=headers, timeout=timeout)
        self._lock = Lock()
        self._hosts: defaultdict[str, Lock] = defaultdict(Lock)

    def __enter__(self) -> LinkProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def status(self, url: str) -> int:
        """Return the status of *url* after its redirects.

        Sends HEAD, and GET where the server does not support HEAD; reads no body.
        Raises UnreachableError with the reason.
        """
        try:
            parts = urlsplit(url)  # stricter than the client, which resolves any name
            if parts.port == 0 or not parts.hostname:
                raise ValueError("it names no host")
            status = self._follow(self._client.build_request("HEAD", url))
            if status in _NO_HEAD:
                status = self._follow(self._client.build_request("GET", url))
        except httpx.TimeoutException:
            raise UnreachableError(f"no response within {self._timeout:g} s") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise UnreachableError(f"is not a URL: {error}") from None
        except httpx.HTTPError as error:
            raise UnreachableError(f"no connection: {error}") from None
        return status

    def _follow(self, request: httpx.Request) -> int:
        seen: set[str] = set()
        for _ in range(_MAX_REDIRECTS):
            with self._host_lock(request.url.host):
                response = self._client.send(request, stream=True)
                response.close()
            if response.next_request is None:
                return response.status_code
            seen.add(str(request.url))
            request = response.next_request
            if str(request.url) in seen:
                raise UnreachableError("redirects in a circle")
        raise UnreachableError(f"redirects more than {_MAX_REDIRECTS} times")

    def _host_lock(self, host: str) -> Lock:
        with self._lock:
            return self._hosts[host]
