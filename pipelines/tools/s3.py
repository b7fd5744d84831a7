"""A client for object storage (S3), by boto3: list, get, put if absent, remove.

Network: the endpoint that it is given. Writes a temporary file of authorities
where a private one is given. boto3's own retries are off: ``RetryPolicy`` is one
for all services.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
import certifi
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from pipelines.core.credentials import Login
from pipelines.core.errors import ToolError
from pipelines.tools.http import refuse_plain_http
from pipelines.tools.proxy_hints import proxy_hint
from pipelines.tools.retry import RetryPolicy, TransientError, is_retryable

_T = TypeVar("_T")
_TRANSIENT = frozenset({"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable",
                      "OperationAborted", "ConditionalRequestConflict"})  # fmt: skip
_BAD_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"})
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_MAX_SKEW = 600  # seconds: stores refuse signatures that are 15 minutes off


@dataclass(frozen=True, slots=True)
class BucketLocation:
    """Where a bucket is, and what it is for."""

    purpose: str  # "assets bucket", for messages
    endpoint: str  # absolute URL; "" for AWS
    region: str
    name: str
    variables: str  # what a user sets to log in


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a listing."""

    key: str
    size: int  # bytes
    etag: str  # MD5 in hex, for objects that were put at once without encryption by a key service
    changed: datetime


class Bucket:
    """One bucket; use from many threads.

    *authority* is a PEM file of all trusted authorities; see ``trusted_authorities_file``.
    """

    def __init__(
        self,
        location: BucketLocation,
        login: Login,
        retry_policy: RetryPolicy,
        authority: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.location = location
        self.name = location.name
        self.retry_policy = retry_policy
        self._clock = clock
        if location.endpoint:
            refuse_plain_http(location.endpoint)
        try:
            self._client: Any = _session().client(
                "s3",
                aws_access_key_id=login.user,
                aws_secret_access_key=login.password,
                region_name=location.region,
                endpoint_url=location.endpoint or None,
                verify=str(authority) if authority else None,
                config=Config(
                    connect_timeout=10,
                    read_timeout=min(60, retry_policy.remaining()),
                    retries={"total_max_attempts": 1},
                    max_pool_connections=16,
                    s3={"addressing_style": "path" if location.endpoint else "auto"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        except (BotoCoreError, ValueError) as error:
            what = f"{location.purpose}: endpoint or region is invalid ({type(error).__name__})"
            raise ToolError(f"{what}; fix [buckets] in site.toml") from None
        if location.endpoint:
            self._client.meta.events.register_last("before-parameter-build.s3", _disable_region_redirect)

    def __str__(self) -> str:
        """Return purpose and name, for messages: archive bucket 'releases'."""
        return f"{self.location.purpose} {self.name!r}"

    def list(self, prefix: str) -> dict[str, Entry]:
        """Return the objects below *prefix*, by key."""
        found: dict[str, Entry] = {}
        token: dict[str, str] = {}
        while True:
            list_page = partial(self._client.list_objects_v2, Bucket=self.name, Prefix=prefix, **token)
            page = self._call(list_page)
            for row in page.get("Contents", ()):
                entry = Entry(row["Key"], row["Size"], row["ETag"].strip('"'), row["LastModified"])
                found[entry.key] = entry
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def size(self, key: str) -> int | None:
        """Return the size of the object *key* in bytes, or None without such an object."""
        try:
            head = self._call(partial(self._client.head_object, Bucket=self.name, Key=key))
            return int(head["ContentLength"])
        except _NotFoundError:
            return None

    def get(self, key: str) -> bytes | None:
        """Return the object *key*, or None without such an object."""

        def fetch() -> bytes:
            return bytes(self._client.get_object(Bucket=self.name, Key=key)["Body"].read())

        try:
            return self._call(fetch)
        except _NotFoundError:
            return None

    def put(self, key: str, data: bytes, headers: Mapping[str, str]) -> bool:
        """Put *data* as *key* unless the object exists; return whether it was put.

        *headers* are ContentType, CacheControl. The request is conditional
        (If-None-Match: *); a store that does not support this gets it without.
        """
        arguments = {
            **headers,
            "Bucket": self.name,
            "Key": key,
            "ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
        }
        try:
            self._call(lambda: self._client.put_object(Body=data, IfNoneMatch="*", **arguments))
        except _ExistsError:
            return False
        except _NotImplementedError:
            self._call(lambda: self._client.put_object(Body=data, **arguments))
        return True

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the objects *keys*; a missing one is not an error."""
        for key in keys:
            self._call(partial(self._client.delete_object, Bucket=self.name, Key=key))

    def _call(self, operation: Callable[[], _T]) -> _T:
        return self.retry_policy.call(lambda: self._send(operation))

    def _send(self, operation: Callable[[], _T]) -> _T:
        purpose = self.location.purpose
        try:
            return operation()
        except ClientError as error:
            raise self._fault(error) from None
        except SSLError:
            raise ToolError(
                f"{purpose}: its certificate is not trusted; name the authority's file in SITE_CA_FILE"
            ) from None
        except ReadTimeoutError:
            raise TransientError(f"{purpose}: response timed out") from None
        except (ConnectionError, HTTPClientError):
            raise TransientError(f"{purpose}: no connection, or it broke") from None
        except BotoCoreError as error:
            # The type only: the message may hold what was sent.
            raise ToolError(f"{purpose}: the request failed ({type(error).__name__})") from None

    def _fault(self, error: ClientError) -> ToolError:
        metadata = error.response.get("ResponseMetadata", {})
        status = int(metadata.get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", ""))
        variables = self.location.variables
        if code == "NoSuchBucket":
            return ToolError(f"{self}: does not exist; make it, or fix [buckets] in site.toml")
        if code in ("NoSuchKey", "NotFound", "404"):
            return _NotFoundError(f"{self}: no such object")
        seconds = self._skew(metadata)
        if code in _SKEWED or (code == "AccessDenied" and abs(seconds) > _MAX_SKEW):
            skew = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} it"
            clock = skew if seconds else "off"
            return ToolError(f"{self}: the clock of this machine is {clock}; set it (NTP)")
        if code in _BAD_CREDENTIALS or status == 401:
            return ToolError(f"{self}: does not know this login ({code}); fix {variables}")
        if status == 403:
            return ToolError(
                f"{self}: gives this login no right (403); it needs to list, read and write;"
                f" fix its policy, or {variables}"
            )
        if status == 412:
            return _ExistsError(f"{self}: the object exists")
        if code == "NotImplemented" or status == 501:
            return _NotImplementedError(f"{self}: does not support the request ({code})")
        if status == 507 or code in _FULL:
            return ToolError(f"{self}: is full; free some space, and run it again")
        if is_retryable(status) or code in _TRANSIENT:
            after = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
            message = f"{self.location.purpose}: answered {status}"
            return TransientError(message, float(after) if after.isdigit() else 0.0)
        redirect = str(metadata.get("HTTPHeaders", {}).get("location", ""))
        hint = proxy_hint(status, b"", self.location.endpoint, redirect)
        return ToolError(f"{self}: answered {status} ({code}){'; ' if hint else ''}{hint}")

    def _skew(self, metadata: Mapping[str, Any]) -> float:
        """Return how many seconds this machine's clock is ahead of the store's."""
        try:
            date = parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
        except (KeyError, ValueError, TypeError):
            return 0.0
        return (self._clock() - date.astimezone(UTC)).total_seconds()


@cache
def _session() -> Any:
    """Return the one session, which caches boto3's service models: 0.1 s for each further bucket."""
    return boto3.session.Session()


def _disable_region_redirect(context: dict[str, Any], **_: object) -> None:
    """Disable botocore's search for another region: one endpoint redirects only behind a faulty proxy.

    botocore sends HEAD for the region, and loops where that is redirected too.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


class _NotFoundError(ToolError):
    """The object does not exist."""


class _ExistsError(ToolError):
    """The object exists already."""


class _NotImplementedError(ToolError):
    """The store does not support conditional requests."""


@contextmanager
def trusted_authorities_file(private: Path | None) -> Iterator[Path | None]:
    """Yield a temporary file with the public authorities and *private*: boto3 takes one file only."""
    if private is None:
        yield None
        return
    try:
        own = private.read_bytes()
    except OSError:
        raise ToolError(f"{private.name}: is not a file of certificates (PEM)") from None
    with tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem") as file:
        file.write(Path(certifi.where()).read_bytes() + b"\n" + own)
        file.flush()
        yield Path(file.name)
