"""A client for registries (OCI distribution-spec 1.1): manifests, tags, blobs.

Network: the registry that it is given, and the token issuer that it names.
Reads the files that it uploads. No writes.

Not skopeo or helm: a child process outlives a killed parent, reads its
credentials from a file, and does not report the bytes sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import quote, urlencode, urlsplit

from pipelines.core.credentials import Login
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import ToolError
from pipelines.tools import auth_challenges
from pipelines.tools.auth_challenges import Challenge
from pipelines.tools.http import HttpClient, Response, follow_reference, origin
from pipelines.tools.proxy_hints import is_nginx_error
from pipelines.tools.retry import TransientError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CHUNK = 2**17  # bytes that are read of a file at once
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')  # RFC 8288, as the specification uses it


class Denied(ToolError):
    """The registry requires another login, or denies this one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest in a registry."""

    digest: str  # "sha256:…" of *data*
    data: bytes = field(repr=False)


@dataclass(slots=True)
class _Upload:
    """The state of a blob upload."""

    url: str = ""  # of the upload session; "" before it has begun
    offset: int = 0  # bytes that the registry has


class Registry:
    """One repository of a registry; use from many threads.

    *location* is "host/path". *login* is sent only when the registry requires one;
    *variables* names what a user sets to log in, for messages. *actions* is the
    scope of the token: "pull", or "pull,push".
    """

    def __init__(
        self,
        client: HttpClient,
        location: str,
        login: Login | None,
        variables: str,
        actions: str = "pull,push",
    ) -> None:
        host, _, self._name = location.partition("/")
        self.location = location
        self._root = f"https://{host}"
        self.retry_policy = client.retry_policy
        self._client, self._login, self._variables, self._actions = client, login, variables, actions
        self._lock = Lock()
        self._authorization = ""

    def manifest(self, reference: str) -> Manifest | None:
        """Return the manifest that *reference*, a tag or a digest, names, or None."""
        response = self._request("GET", self._url("manifests", reference), headers={"Accept": MANIFEST})
        if response.status == 404:
            return None
        self._expect(response, 200)
        digest = sha256_digest(response.body)
        if reference.startswith("sha256:") and digest != reference:
            raise ToolError(f"{self.location}: gave {digest[:19]} for {reference[:19]}; do not trust it")
        return Manifest(digest, response.body)

    def tags(self) -> list[str]:
        """Return all tags, which a registry may list in several pages; none before the first push."""
        tags: list[str] = []
        seen: set[str] = set()
        url = f"{self._root}/v2/{self._name}/tags/list"
        while url not in seen:
            seen.add(url)
            response = self._request("GET", url)
            if response.status == 404:
                break
            self._expect(response, 200)
            try:
                tags += [str(tag) for tag in json.loads(response.body)["tags"] or ()]
            except (ValueError, KeyError, TypeError):
                raise ToolError(f"{self.location}: lists no tags; is it a registry?") from None
            link = _NEXT.match(response.headers.get("link", ""))
            url = follow_reference(url, link[1]) if link else url
            if origin(url) != origin(self._root):
                raise ToolError(f"{self.location}: names another host for the rest of its tags")
        return tags

    def put_manifest(self, reference: str, data: bytes) -> bool:
        """Put the manifest *data* as *reference*; return False where the registry refuses to change a tag.

        Retries while the registry does not find a part that was uploaded: see
        ``_is_part_missing``.
        """
        return self._client.retry_policy.call(lambda: self._put_manifest(reference, data))

    def _put_manifest(self, reference: str, data: bytes) -> bool:
        headers = {"Content-Type": MANIFEST, "Content-Length": str(len(data))}
        response = self._send("PUT", self._url("manifests", reference), headers=headers, body=(data, 0))
        if response.status in (400, 405, 409, 412) and self.manifest(reference) is not None:
            return False
        if _is_part_missing(response):
            raise TransientError(self._error_message(response))
        self._expect(response, 201)
        return True

    def has(self, digest: str) -> bool:
        """Return whether the registry has the blob *digest*."""
        response = self._request("HEAD", self._url("blobs", digest))
        if response.status == 404:
            return False
        self._expect(response, 200)
        return True

    def blob(self, digest: str) -> bytes:
        """Return the blob *digest*."""
        response = self._request("GET", self._url("blobs", digest))
        self._expect(response, 200)
        if sha256_digest(response.body) != digest:
            raise ToolError(f"{self.location}: gave other bytes for {digest[:19]}; do not trust it")
        return response.body

    def upload(self, digest: str, source: Path | bytes) -> None:
        """Upload the blob *digest* from *source*.

        A broken upload is resumed where it stopped. The registry compares the
        digest; raises ToolError when it differs.
        """
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        state = _Upload()
        self._client.retry_policy.call(lambda: self._upload(state, digest, source, size))

    def _upload(self, state: _Upload, digest: str, source: Path | bytes, size: int) -> None:
        if state.url:
            self._query_offset(state)
        if not state.url:
            self._begin_upload(state)
        if state.offset < size:
            self._append(state, source, size)
        url = f"{state.url}{'&' if urlsplit(state.url).query else '?'}{urlencode({'digest': digest})}"
        response = self._send("PUT", url, headers={"Content-Length": "0"})
        if response.status in (400, 404, 416) and state.offset:  # the parts do not make up the blob
            state.url = ""
            raise TransientError(f"{self.location}: did not take the blob {digest[:19]} ({response.status})")
        self._expect(response, 201)

    def _begin_upload(self, state: _Upload) -> None:
        url = f"{self._root}/v2/{self._name}/blobs/uploads/"
        response = self._send("POST", url, headers={"Content-Length": "0"})
        self._expect(response, 202)
        state.url, state.offset = self._location(response, url), 0

    def _query_offset(self, state: _Upload) -> None:
        """Request how many bytes the registry has of a broken upload."""
        response = self._send("GET", state.url)
        if response.status != 204:  # the session has expired
            state.url = ""
            return
        state.url = self._location(response, state.url)
        state.offset = _received_bytes(response)

    def _append(self, state: _Upload, source: Path | bytes, size: int) -> None:
        start = state.offset
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size - start)}
        if start:  # container clients omit it for the first part, and every registry accepts that
            headers["Content-Range"] = f"{start}-{size - 1}"
        response = self._send("PATCH", state.url, headers=headers, body=(source, start))
        if response.status in (404, 416):
            state.url = ""
            raise TransientError(f"{self.location}: has lost the upload ({response.status})")
        self._expect(response, 202)
        state.url, state.offset = self._location(response, state.url), size

    def _location(self, response: Response, url: str) -> str:
        if not response.headers.get("location"):
            raise ToolError(f"{self.location}: names no URL for the upload; is it a registry?")
        return follow_reference(url, response.headers["location"])

    def _url(self, kind: str, reference: str) -> str:
        return f"{self._root}/v2/{self._name}/{kind}/{quote(reference, safe=':')}"

    def _request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        return self._client.retry_policy.call(lambda: self._send(method, url, headers=headers))

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: tuple[Path | bytes, int] | None = None,
    ) -> Response:
        """Send a request once, and again with a login when the registry requires one."""
        # An upload may continue at another origin, which gets no credentials.
        same_origin = origin(url) == origin(self._root)
        for logged_in in (False, True):
            fields = dict(headers or {})
            authorization = self._authorization
            if same_origin and authorization:
                fields["Authorization"] = authorization
            chunks = (lambda: _chunks(*body)) if body else None
            response = self._client.send(method, url, headers=fields, body=chunks)
            if response.status != 401 or not same_origin or logged_in:
                break
            self._log_in(response, authorization)
        if response.status in (401, 403):
            raise Denied(self._denied_message(response))
        return response

    def _log_in(self, response: Response, rejected: str) -> None:
        """Replace the *rejected* authorization (RFC 9110, section 11; the token flow of registries)."""
        with self._lock:
            if self._authorization != rejected:  # another thread has logged in
                return
            fields = response.header_values("www-authenticate")
            challenges = {one.scheme: one for one in reversed(auth_challenges.parse_challenges(fields))}
            if "bearer" in challenges:
                self._authorization = f"Bearer {self._token(challenges['bearer'])}"
            elif "basic" in challenges and self._login and not rejected:
                self._authorization = self._login.basic()
            elif challenges and "basic" not in challenges:
                schemes = ", ".join(sorted(challenges))
                raise Denied(f"{self.location}: offers {schemes}; only Bearer and Basic are supported")
            else:
                raise Denied(self._denied_message(response))

    def _token(self, challenge: Challenge) -> str:
        realm = challenge.parameters.get("realm", "")
        if not realm:
            raise ToolError(f"{self.location}: names no token issuer; is it a registry?")
        realm = follow_reference(self._root, realm)
        scope = f"repository:{self._name}:{self._actions}"
        query = urlencode({"service": challenge.parameters.get("service", ""), "scope": scope})
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
        response = self._client.send("GET", url, login=self._login)
        if response.status in (401, 403):
            raise Denied(self._denied_message(response))
        try:
            body = json.loads(response.body)
            return str(body.get("token") or body["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise ToolError(f"{self.location}: issued no token ({response.reason})") from None

    def _denied_message(self, response: Response) -> str:
        if response.status == 403 and is_nginx_error(response.body):
            return f"{self.location}: answered {response.reason}"
        if self._login is None:
            return f"{self.location}: requires a login; set {self._variables}"
        right = "push" if "push" in self._actions else "pull"
        what = (
            "does not know this login" if response.status == 401 else f"gives this login no right to {right}"
        )
        return f"{self.location}: {what} ({response.status}); fix {self._variables}"

    def _expect(self, response: Response, status: int) -> None:
        if response.status == status:
            return
        if response.status == 507:
            raise ToolError(f"{self.location}: is full (507); free some space, and run it again")
        raise ToolError(self._error_message(response))

    def _error_message(self, response: Response) -> str:
        codes = ", ".join(_error_codes(response))
        return f"{self.location}: answered {response.reason}{f' ({codes})' if codes else ''}"


def _chunks(source: Path | bytes, start: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for at in range(start, len(source), _CHUNK):
            yield source[at : at + _CHUNK]
        return
    with source.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            yield chunk


def _received_bytes(response: Response) -> int:
    """Return how many bytes the registry has: Range is "0-<last>", and "0-0" may be none or one."""
    last = response.headers.get("range", "").removeprefix("bytes=").rpartition("-")[2]
    return int(last) + 1 if last.isdigit() and int(last) > 0 else 0


def _error_codes(response: Response) -> list[str]:
    """Return the error codes in a response (OCI "Error Codes") without their messages."""
    try:
        codes = [str(one["code"]) for one in json.loads(response.body)["errors"]]
    except (ValueError, KeyError, TypeError):
        return []
    return [code for code in codes if re.fullmatch(r"[A-Z_]{3,40}", code)]


def _is_part_missing(response: Response) -> bool:
    """Return whether a registry refused a manifest since it did not find one of its blobs.

    distribution-spec, "Pushing Manifests": MANIFEST_BLOB_UNKNOWN. It is transient
    where another client uploads the same blob: the storage of docker-registry 2.8
    empties the link to a blob before it writes the link again, and then reports
    DIGEST_INVALID too. DIGEST_INVALID alone faults the manifest, and is permanent.
    """
    missing = {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"}
    return response.status in (400, 404) and not missing.isdisjoint(_error_codes(response))
