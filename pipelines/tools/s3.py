"""Keep objects in a bucket (S3), by boto3: list, fetch, put what is not there, remove.

Network: the endpoint that it is given. Writes a temporary file of authorities
where a private one is given. boto3's own retries are off: ``Patience`` decides
for every service alike.
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

from pipelines.core.errors import ToolError
from pipelines.core.login import Login
from pipelines.tools.http import refuse_plain_http
from pipelines.tools.proxy_hints import proxy_hint
from pipelines.tools.retry import RetryPolicy, TransientError, is_retryable

_T = TypeVar("_T")
_PASSING = frozenset({"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable",
                      "OperationAborted", "ConditionalRequestConflict"})  # fmt: skip
_UNKNOWN = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"})
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_CLOCK = 600  # seconds: stores refuse signatures that are 15 minutes off


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and what it is for."""

    what: str  # "assets bucket", for messages
    endpoint: str  # absolute URL; "" for AWS
    region: str
    name: str
    variables: str  # what a user sets to log in


@dataclass(frozen=True, slots=True)
class Entry:
    """An object, as a listing tells of it."""

    key: str
    size: int  # bytes
    etag: str  # MD5 in hex, for objects that were put at once without encryption by a key service
    changed: datetime


class Bucket:
    """One bucket; use from many threads."""

    def __init__(
        self,
        place: Place,
        login: Login,
        retry_policy: RetryPolicy,
        authority: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.place = place
        self.retry_policy = retry_policy
        self._clock = clock
        if place.endpoint:
            refuse_plain_http(place.endpoint)
        try:
            self._client: Any = _session().client(
                "s3",
                aws_access_key_id=login.user,
                aws_secret_access_key=login.password,
                region_name=place.region,
                endpoint_url=place.endpoint or None,
                verify=str(authority) if authority else None,
                config=Config(
                    connect_timeout=10,
                    read_timeout=min(60, retry_policy.left()),
                    retries={"total_max_attempts": 1},
                    max_pool_connections=16,
                    s3={"addressing_style": "path" if place.endpoint else "auto"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        except (BotoCoreError, ValueError) as error:
            why = f"{place.what}: endpoint or region is wrong ({type(error).__name__})"
            raise ToolError(f"{why}; mend [buckets] in site.toml") from None
        if place.endpoint:
            self._client.meta.events.register_last("before-parameter-build.s3", _stay)

    def list(self, prefix: str) -> dict[str, Entry]:
        """Return what is there below *prefix*, by key."""
        found: dict[str, Entry] = {}
        token: dict[str, str] = {}
        while True:
            ask = partial(self._client.list_objects_v2, Bucket=self.place.name, Prefix=prefix, **token)
            page = self._call(ask)
            for row in page.get("Contents", ()):
                entry = Entry(row["Key"], row["Size"], row["ETag"].strip('"'), row["LastModified"])
                found[entry.key] = entry
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def size(self, key: str) -> int | None:
        """Return the size of the object *key*, or None when it is not there."""
        try:
            head = self._call(partial(self._client.head_object, Bucket=self.place.name, Key=key))
            return int(head["ContentLength"])
        except _Missing:
            return None

    def get(self, key: str) -> bytes | None:
        """Return the object *key*, or None when it is not there."""

        def fetch() -> bytes:
            return bytes(self._client.get_object(Bucket=self.place.name, Key=key)["Body"].read())

        try:
            return self._call(fetch)
        except _Missing:
            return None

    def put(self, key: str, data: bytes, headers: Mapping[str, str]) -> bool:
        """Put *data* as *key* unless there is such an object; return whether it was put.

        *headers* are ContentType, CacheControl. The store is asked to take it only
        where nothing is (If-None-Match: *); one that does not know this condition
        takes it without.
        """
        sent = {
            **headers,
            "Bucket": self.place.name,
            "Key": key,
            "ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
        }
        try:
            self._call(lambda: self._client.put_object(Body=data, IfNoneMatch="*", **sent))
        except _There:
            return False
        except _Unconditional:
            self._call(lambda: self._client.put_object(Body=data, **sent))
        return True

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the objects *keys*; what is not there is no fault."""
        for key in keys:
            self._call(partial(self._client.delete_object, Bucket=self.place.name, Key=key))

    def _call(self, act: Callable[[], _T]) -> _T:
        return self.retry_policy.call(lambda: self._once(act))

    def _once(self, act: Callable[[], _T]) -> _T:
        what = self.place.what
        try:
            return act()
        except ClientError as error:
            raise self._fault(error) from None
        except SSLError:
            raise ToolError(
                f"{what}: its certificate is not trusted; name the authority's file in SITE_CA_FILE"
            ) from None
        except ReadTimeoutError:
            raise TransientError(f"{what}: no answer in time") from None
        except (ConnectionError, HTTPClientError):
            raise TransientError(f"{what}: no connection, or it broke") from None
        except BotoCoreError as error:
            # The kind alone: its words may hold what was sent.
            raise ToolError(f"{what}: cannot be asked ({type(error).__name__})") from None

    def _fault(self, error: ClientError) -> ToolError:
        place = self.place
        said = error.response.get("ResponseMetadata", {})
        status = int(said.get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", ""))
        bucket = f"{place.what} {place.name!r}"
        if code == "NoSuchBucket":
            return ToolError(f"{bucket}: does not exist; make it, or mend [buckets] in site.toml")
        if code in ("NoSuchKey", "NotFound", "404"):
            return _Missing(f"{bucket}: no such object")
        seconds = self._skew(said)
        if code in _SKEWED or (code == "AccessDenied" and abs(seconds) > _CLOCK):
            way = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} it"
            how = way if seconds else "off"
            return ToolError(f"{bucket}: the clock of this machine is {how}; set it (NTP)")
        if code in _UNKNOWN or status == 401:
            return ToolError(f"{bucket}: does not know this login ({code}); mend {place.variables}")
        if status == 403:
            return ToolError(
                f"{bucket}: gives this login no right (403); it wants to list, read and write;"
                f" mend its policy, or {place.variables}"
            )
        if status == 412:
            return _There(f"{bucket}: there is such an object")
        if code == "NotImplemented" or status == 501:
            return _Unconditional(f"{bucket}: does not know how ({code})")
        if status == 507 or code in _FULL:
            return ToolError(f"{bucket}: is full; make room there, and run it again")
        if is_retryable(status) or code in _PASSING:
            after = str(said.get("HTTPHeaders", {}).get("retry-after", ""))
            return TransientError(
                f"{place.what}: answered {status}", float(after) if after.isdigit() else 0.0
            )
        location = str(said.get("HTTPHeaders", {}).get("location", ""))
        known = proxy_hint(status, b"", self.place.endpoint, location)
        return ToolError(f"{bucket}: answered {status} ({code}){'; ' if known else ''}{known}")

    def _skew(self, said: Mapping[str, Any]) -> float:
        """Return how many seconds this machine's clock is ahead of the store's."""
        try:
            theirs = parsedate_to_datetime(said["HTTPHeaders"]["date"])
        except (KeyError, ValueError, TypeError):
            return 0.0
        return (self._clock() - theirs.astimezone(UTC)).total_seconds()


@cache
def _session() -> Any:
    """Return the one that keeps what boto3 has read of its models: 0.1 s for each further bucket."""
    return boto3.session.Session()


def _stay(context: dict[str, Any], **_: object) -> None:
    """Keep botocore from searching another region: a redirect of one endpoint is a fault of a proxy.

    It asks HEAD of the bucket for the region, and without end where that is redirected too.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


class _Missing(ToolError):
    """There is no such object."""


class _There(ToolError):
    """There is an object of this key already."""


class _Unconditional(ToolError):
    """The store does not know conditions."""


@contextmanager
def authorities(private: Path | None) -> Iterator[Path | None]:
    """Yield a file with the public authorities and *private*, while the block lasts: boto3 takes one file."""
    if private is None:
        yield None
        return
    try:
        own = private.read_bytes()
    except OSError:
        raise ToolError(f"{private.name}: is no file of certificates (PEM)") from None
    with tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem") as file:
        file.write(Path(certifi.where()).read_bytes() + b"\n" + own)
        file.flush()
        yield Path(file.name)
