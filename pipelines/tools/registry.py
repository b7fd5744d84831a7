"""Speak to a registry (OCI distribution-spec 1.1): manifests, tags, blobs.

Network: the registry that it is given, and the issuer of tokens that it names.
Reads the files that it sends. No writes.

Written here instead of starting skopeo or helm: a child outlives a parent that
is killed, takes its credentials from a file, and tells no count of bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import quote, urlencode, urlsplit

from pipelines.core.errors import ToolError
from pipelines.core.login import Login
from pipelines.tools import auth_challenges
from pipelines.tools.auth_challenges import Challenge
from pipelines.tools.http import HttpClient, Response, follow_reference, origin
from pipelines.tools.proxy_hints import is_nginx_error
from pipelines.tools.retry import TransientError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_STEP = 2**17  # bytes that are read of a file at once
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')  # RFC 8288, as the specification uses it


class Denied(ToolError):
    """The registry wants another login, or gives this one no right."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as a registry has it."""

    digest: str  # "sha256:…", of the bytes that came
    data: bytes = field(repr=False)


@dataclass(slots=True)
class _Upload:
    """How far a blob has got."""

    url: str = ""  # where to go on; "" before the upload has begun
    offset: int = 0  # bytes that the registry has


class Registry:
    """One repository of a registry; use from many threads.

    *place* is "host/path". *login* is asked for only when the registry wants one;
    *variables* names what a user has to set, for the remedy. *actions* is what a
    token is asked for: "pull", or "pull,push".
    """

    def __init__(
        self, web: HttpClient, place: str, login: Login | None, variables: str, actions: str = "pull,push"
    ) -> None:
        host, _, self._name = place.partition("/")
        self.place = place
        self._root = f"https://{host}"
        self.retry_policy = web.retry_policy
        self._web, self._login, self._variables, self._actions = web, login, variables, actions
        self._lock = Lock()
        self._authorization = ""

    def manifest(self, reference: str) -> Manifest | None:
        """Return the manifest that *reference*, a tag or a digest, names, or None."""
        answer = self._ask("GET", self._path("manifests", reference), headers={"Accept": MANIFEST})
        if answer.status == 404:
            return None
        self._expect(answer, 200)
        digest = digest_of(answer.body)
        if reference.startswith("sha256:") and digest != reference:
            raise ToolError(f"{self.place}: gave {digest[:19]} for {reference[:19]}; do not trust it")
        return Manifest(digest, answer.body)

    def tags(self) -> list[str]:
        """Return all tags, which a registry may tell in several answers; none before the first push."""
        found: list[str] = []
        seen: set[str] = set()
        url = f"{self._root}/v2/{self._name}/tags/list"
        while url not in seen:
            seen.add(url)
            answer = self._ask("GET", url)
            if answer.status == 404:
                break
            self._expect(answer, 200)
            try:
                found += [str(tag) for tag in json.loads(answer.body)["tags"] or ()]
            except (ValueError, KeyError, TypeError):
                raise ToolError(f"{self.place}: tells no tags; is it a registry?") from None
            link = _NEXT.match(answer.headers.get("link", ""))
            url = follow_reference(url, link[1]) if link else url
            if origin(url) != origin(self._root):
                raise ToolError(f"{self.place}: sends to another host for the rest of its tags")
        return found

    def put_manifest(self, reference: str, data: bytes) -> bool:
        """Let *reference* name the manifest *data*; False where the registry lets no tag be changed."""
        answer = self._ask(
            "PUT", self._path("manifests", reference), headers={"Content-Type": MANIFEST}, body=data
        )
        if answer.status in (400, 405, 409, 412) and self.manifest(reference) is not None:
            return False
        self._expect(answer, 201)
        return True

    def has(self, digest: str) -> bool:
        """Return whether the blob *digest* is there."""
        answer = self._ask("HEAD", self._path("blobs", digest))
        if answer.status == 404:
            return False
        self._expect(answer, 200)
        return True

    def blob(self, digest: str) -> bytes:
        """Return the blob *digest*."""
        answer = self._ask("GET", self._path("blobs", digest))
        self._expect(answer, 200)
        if digest_of(answer.body) != digest:
            raise ToolError(f"{self.place}: gave other bytes for {digest[:19]}; do not trust it")
        return answer.body

    def upload(self, digest: str, source: Path | bytes) -> None:
        """Send the blob *digest* out of *source*.

        When the connection breaks, what the registry has is not sent again. The
        registry compares the digest; raises ToolError when it is another one.
        """
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        state = _Upload()
        self._web.retry_policy.call(lambda: self._send(state, digest, source, size))

    def _send(self, state: _Upload, digest: str, source: Path | bytes, size: int) -> None:
        if state.url:
            self._look(state)
        if not state.url:
            self._begin(state)
        if state.offset < size:
            self._append(state, source, size)
        whole = f"{state.url}{'&' if urlsplit(state.url).query else '?'}{urlencode({'digest': digest})}"
        answer = self._once("PUT", whole, headers={"Content-Length": "0"})
        if answer.status in (400, 404, 416) and state.offset:  # what was put together is not the blob
            state.url = ""
            raise TransientError(f"{self.place}: did not take the blob {digest[:19]} ({answer.status})")
        self._expect(answer, 201)

    def _begin(self, state: _Upload) -> None:
        url = f"{self._root}/v2/{self._name}/blobs/uploads/"
        answer = self._once("POST", url, headers={"Content-Length": "0"})
        self._expect(answer, 202)
        state.url, state.offset = self._location(answer, url), 0

    def _look(self, state: _Upload) -> None:
        """Ask how much the registry has of an upload that broke."""
        answer = self._once("GET", state.url)
        if answer.status != 204:  # it knows nothing of it any more
            state.url = ""
            return
        state.url = self._location(answer, state.url)
        state.offset = _end(answer)

    def _append(self, state: _Upload, source: Path | bytes, size: int) -> None:
        start = state.offset
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size - start)}
        if start:  # clients of containers send the first part without, and every registry takes that
            headers["Content-Range"] = f"{start}-{size - 1}"
        answer = self._once("PATCH", state.url, headers=headers, body=(source, start))
        if answer.status in (404, 416):
            state.url = ""
            raise TransientError(f"{self.place}: has lost what was sent ({answer.status})")
        self._expect(answer, 202)
        state.url, state.offset = self._location(answer, state.url), size

    def _location(self, answer: Response, url: str) -> str:
        if not answer.headers.get("location"):
            raise ToolError(f"{self.place}: does not say where a blob goes; is it a registry?")
        return follow_reference(url, answer.headers["location"])

    def _path(self, kind: str, reference: str) -> str:
        return f"{self._root}/v2/{self._name}/{kind}/{quote(reference, safe=':')}"

    def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        source = (body, 0) if body is not None else None
        return self._web.retry_policy.call(
            lambda: self._once(
                method,
                url,
                headers={**(headers or {}), **({"Content-Length": str(len(body))} if body else {})},
                body=source,
            )
        )

    def _once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: tuple[Path | bytes, int] | None = None,
    ) -> Response:
        """Ask once, and once more with a login when the registry wants one."""
        own = origin(url) == origin(self._root)  # an upload may go on elsewhere, without our credentials
        for known in (False, True):
            sent = dict(headers or {})
            mine = self._authorization
            if own and mine:
                sent["Authorization"] = mine
            chunks = (lambda: _chunks(*body)) if body else None
            answer = self._web.once(method, url, headers=sent, body=chunks)
            if answer.status != 401 or not own or known:
                break
            self._log_in(answer, mine)
        if answer.status in (401, 403):
            raise Denied(self._no_right(answer))
        return answer

    def _log_in(self, answer: Response, tried: str) -> None:
        """Log in as the registry asks (RFC 9110, section 11; the token flow of registries)."""
        with self._lock:
            if self._authorization != tried:  # another thread was faster
                return
            offered = {
                one.scheme: one
                for one in reversed(auth_challenges.parse_challenges(answer.fields("www-authenticate")))
            }
            if "bearer" in offered:
                self._authorization = f"Bearer {self._token(offered['bearer'])}"
            elif "basic" in offered and self._login and not tried:
                self._authorization = self._login.basic()
            elif offered and "basic" not in offered:
                raise Denied(
                    f"{self.place}: offers {', '.join(sorted(offered))}; only Bearer and Basic are known"
                )
            else:
                raise Denied(self._no_right(answer))

    def _token(self, challenge: Challenge) -> str:
        realm = challenge.parameters.get("realm", "")
        if not realm:
            raise ToolError(f"{self.place}: does not say where it issues tokens; is it a registry?")
        realm = follow_reference(self._root, realm)
        scope = f"repository:{self._name}:{self._actions}"
        query = urlencode({"service": challenge.parameters.get("service", ""), "scope": scope})
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
        answer = self._web.once("GET", url, login=self._login)
        if answer.status in (401, 403):
            raise Denied(self._no_right(answer))
        try:
            said = json.loads(answer.body)
            return str(said.get("token") or said["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise ToolError(f"{self.place}: issued no token ({answer.why})") from None

    def _no_right(self, answer: Response) -> str:
        if answer.status == 403 and is_nginx_error(answer.body):
            return f"{self.place}: answered {answer.why}"
        if self._login is None:
            return f"{self.place}: wants a login; set {self._variables}"
        right = "push" if "push" in self._actions else "pull"
        what = "does not know this login" if answer.status == 401 else f"gives this login no right to {right}"
        return f"{self.place}: {what} ({answer.status}); mend {self._variables}"

    def _expect(self, answer: Response, status: int) -> None:
        if answer.status == status:
            return
        if answer.status == 507:
            raise ToolError(f"{self.place}: is full (507); make room there, and run it again")
        raise ToolError(f"{self.place}: answered {answer.why}{_said(answer)}")


def digest_of(data: bytes) -> str:
    """Return what a registry calls *data*."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _chunks(source: Path | bytes, start: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for at in range(start, len(source), _STEP):
            yield source[at : at + _STEP]
        return
    with source.open("rb") as file:
        file.seek(start)
        while part := file.read(_STEP):
            yield part


def _end(answer: Response) -> int:
    """Return how many bytes the registry has: Range is "0-<last>", and "0-0" may be none or one."""
    last = answer.headers.get("range", "").removeprefix("bytes=").rpartition("-")[2]
    return int(last) + 1 if last.isdigit() and int(last) > 0 else 0


def _said(answer: Response) -> str:
    """Return the codes of errors that a registry tells (its "Error Codes"), not its words."""
    try:
        codes = [str(one["code"]) for one in json.loads(answer.body)["errors"]]
    except (ValueError, KeyError, TypeError):
        return ""
    known = [code for code in codes if re.fullmatch(r"[A-Z_]{3,40}", code)]
    return f" ({', '.join(known)})" if known else ""
