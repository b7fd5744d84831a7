"""Ask other hosts, politely: whether an address answers.

Network: the addresses that it is given, and where they redirect to. Reads and
writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from threading import Lock
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from pipelines.core.errors import ToolError

_HOPS = 10  # redirects in a row
_NO_HEAD = frozenset({405, 501})  # what servers say that know GET only


class UnreachableError(ToolError):
    """An address that gives no answer, or only one that leads nowhere."""


class LinkProbe:
    """Asks addresses for their status, never two at once of one host; use from many threads.

    *agent* is the User-Agent. *patience* is in seconds, for each step of an
    answer. Proxies are taken from the environment, as every client does.
    """

    def __init__(self, agent: str, retry_policy: float) -> None:
        self._patience = retry_policy
        headers = {"User-Agent": agent, "Accept": "*/*"}
        self._client = httpx.Client(headers=headers, timeout=retry_policy)
        self._lock = Lock()
        self._hosts: defaultdict[str, Lock] = defaultdict(Lock)

    def __enter__(self) -> LinkProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def status(self, url: str) -> int:
        """Return the status that *url* answers with in the end, having followed redirects.

        Asks with HEAD, and with GET where the server knows no HEAD; reads no
        body. Raises UnreachableError with the reason.
        """
        try:
            parts = urlsplit(url)  # stricter than the client, which looks any name up
            if parts.port == 0 or not parts.hostname:
                raise ValueError("it names no host")
            status = self._follow(self._client.build_request("HEAD", url))
            if status in _NO_HEAD:
                status = self._follow(self._client.build_request("GET", url))
        except httpx.TimeoutException:
            raise UnreachableError(f"no answer within {self._patience:g} s") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise UnreachableError(f"is no address: {error}") from None
        except httpx.HTTPError as error:
            raise UnreachableError(f"no connection: {error}") from None
        return status

    def _follow(self, request: httpx.Request) -> int:
        seen: set[str] = set()
        for _ in range(_HOPS):
            with self._turn(request.url.host):
                response = self._client.send(request, stream=True)
                response.close()
            if response.next_request is None:
                return response.status_code
            seen.add(str(request.url))
            request = response.next_request
            if str(request.url) in seen:
                raise UnreachableError("redirects in a circle")
        raise UnreachableError(f"redirects more than {_HOPS} times")

    def _turn(self, host: str) -> Lock:
        with self._lock:
            return self._hosts[host]
