"""Tests of the registry client: resumed uploads, and tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipelines.core.credentials import Login
from pipelines.core.errors import ToolError
from pipelines.tools.http import HttpClient, Response
from pipelines.tools.registry import Denied, Registry
from pipelines.tools.retry import RetryPolicy, TransientError

BLOB = bytes(range(256)) * 8000
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"


class Specified(HttpClient):
    """A registry that keeps the received part of a broken upload.

    Distribution-spec 1.1, "Pushing a blob in chunks": GET on an upload answers 204
    with the Range that is there. Debian's docker-registry 2.8 does not: it answers
    404 once a part was cut (its log: "upload resumed at wrong offest"), so that the
    real one cannot show this.
    """

    def __init__(self, cuts: list[int], forgets: bool = False) -> None:
        super().__init__(RetryPolicy(30))
        self.cuts, self.forgets = cuts, forgets
        self.had = b""
        self.whole: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None, int]] = []

    def send(
        self, method: str, url: str, *, headers: Any = None, body: Any = None, login: Any = None
    ) -> Response:
        data = b"".join(body()) if body else b""
        part = self.cuts.pop(0) if method == "PATCH" and self.cuts else len(data)
        self.requests.append((method, (headers or {}).get("Content-Range"), len(data[:part])))
        here = {"location": "/v2/site/web/blobs/uploads/one?state=1"}
        if method == "POST":
            self.had = b""
            return _response(202, here)
        if method == "GET":
            if self.forgets:
                return _response(404)
            return _response(204, {**here, "range": f"0-{len(self.had) - 1}"})
        if method == "PATCH":
            self.had += data[:part]
            if part < len(data):
                raise TransientError("the connection broke")
            return _response(202, here)
        (digest,) = parse_qs(urlsplit(url).query)["digest"]
        if f"sha256:{hashlib.sha256(self.had).hexdigest()}" != digest:
            return _response(400)
        self.whole[digest] = self.had
        return _response(201)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(RetryPolicy, "pause", lambda self, seconds: None)


def _response(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Response:
    return Response(status, headers or {}, body, "")


def test_a_broken_upload_is_resumed() -> None:
    """Bytes that the registry has received are not sent again."""
    with Specified(cuts=[1_000_000, 500_000]) as web:
        Registry(web, "registry.example.org/site/web", None, "VARIABLES").upload(DIGEST, BLOB)
    assert web.whole == {DIGEST: BLOB}
    assert [row for row in web.requests if row[0] == "PATCH"] == [
        ("PATCH", None, 1_000_000),
        ("PATCH", f"1000000-{len(BLOB) - 1}", 500_000),
        ("PATCH", f"1500000-{len(BLOB) - 1}", len(BLOB) - 1_500_000),
    ]


def test_an_upload_that_the_registry_dropped_starts_again() -> None:
    with Specified(cuts=[1_000_000], forgets=True) as web:
        Registry(web, "registry.example.org/site/web", None, "VARIABLES").upload(DIGEST, BLOB)
    assert web.whole == {DIGEST: BLOB}
    assert [row[1:] for row in web.requests if row[0] == "PATCH"] == [(None, 1_000_000), (None, len(BLOB))]


class Issuer(HttpClient):
    """A registry with an issuer of tokens (as GitLab's, Docker Hub's)."""

    def __init__(self, realm: str) -> None:
        super().__init__(RetryPolicy(30))
        self.realm = realm
        self.logins: list[tuple[str, Login | None]] = []

    def send(
        self, method: str, url: str, *, headers: Any = None, body: Any = None, login: Any = None
    ) -> Response:
        if "/v2/" not in url:
            self.logins.append((url, login))
            known = login and login.password == "right"
            return _response(200, body=b'{"token": "abc"}') if known else _response(401)
        if (headers or {}).get("Authorization") == "Bearer abc":
            return _response(200)
        challenge = f'Bearer realm="{self.realm}",service="registry",scope="repository:site/web:pull"'
        return _response(401, {"www-authenticate": challenge})


def test_a_token_is_requested_with_the_right_to_push() -> None:
    with Issuer("https://gitlab.example.org/jwt/auth") as web:
        registry = Registry(web, "registry.example.org/site/web", Login("me", "right"), "VARIABLES")
        assert [registry.has(DIGEST), registry.has(DIGEST)] == [True, True]
    ((url, _),) = web.logins
    assert parse_qs(urlsplit(url).query) == {
        "service": ["registry"],
        "scope": ["repository:site/web:pull,push"],
    }


def test_a_login_that_the_issuer_refuses_is_an_error_with_a_hint() -> None:
    with Issuer("https://gitlab.example.org/jwt/auth") as web:
        registry = Registry(
            web, "registry.example.org/site/web", Login("me", "wrong but secret"), "VARIABLES"
        )
        with pytest.raises(Denied, match=r"does not know this login \(401\); fix VARIABLES") as raised:
            registry.has(DIGEST)
    assert "wrong but secret" not in str(raised.value)


def test_a_password_is_not_sent_to_an_issuer_without_tls() -> None:
    with Issuer("http://gitlab.example.org/jwt/auth") as web:
        registry = Registry(web, "registry.example.org/site/web", Login("me", "right"), "VARIABLES")
        with pytest.raises(
            ToolError, match=r"leads to http://gitlab\.example\.org, without TLS; .*X-Forwarded-Proto"
        ):
            registry.has(DIGEST)
    assert web.logins == []


OFFERS = [
    (['Basic realm="x"'], "Basic"),
    (["Negotiate", 'Basic realm="x"'], "Basic"),
    (['Negotiate, Basic realm="x, \\"y\\""'], "Basic"),
    (['Basic realm="x"', 'Bearer realm="https://issuer.example.org/token",service="r"'], "Bearer"),
    (['basic realm="x", BEARER Realm = "https://issuer.example.org/token" , service=r'], "Bearer"),
    (['NTLM TlRMTVNTUAAC=, Bearer realm="https://issuer.example.org/token"'], "Bearer"),
    (
        ['Bearer realm="https://issuer.example.org/token"', 'Bearer realm="https://other.example.org/"'],
        "Bearer",
    ),
]


class Offering(HttpClient):
    """A registry with several authentication schemes, in one header or in many."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(RetryPolicy(30))
        self.lines, self.taken, self.issuers = lines, "", list[str]()

    def send(
        self, method: str, url: str, *, headers: Any = None, body: Any = None, login: Any = None
    ) -> Response:
        if "/v2/" not in url:
            self.issuers.append(urlsplit(url).hostname or "")
            return _response(200, body=b'{"token": "abc"}')
        if taken := (headers or {}).get("Authorization", ""):
            self.taken = taken
            return _response(200)
        return Response(401, httpx.Headers([("WWW-Authenticate", line) for line in self.lines]), b"", url)


@pytest.mark.parametrize(("lines", "scheme"), OFFERS)
def test_bearer_is_preferred_then_basic(lines: list[str], scheme: str) -> None:
    with Offering(lines) as web:
        assert Registry(web, "registry.example.org/site/web", Login("me", "right"), "VARIABLES").has(DIGEST)
    token = {"Bearer": "Bearer abc", "Basic": Login("me", "right").basic()}
    assert web.taken == token[scheme]
    assert web.issuers == (["issuer.example.org"] if scheme == "Bearer" else [])


def test_unknown_authentication_schemes_are_reported() -> None:
    with Offering(["Negotiate", "NTLM TlRMTVNTUAAC="]) as web:
        registry = Registry(web, "registry.example.org/site/web", Login("me", "right"), "VARIABLES")
        with pytest.raises(Denied, match=r"offers negotiate, ntlm; only Bearer and Basic are supported$"):
            registry.has(DIGEST)


def _errors(*codes: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "not shown"} for code in codes]}).encode()


class Refusing(HttpClient):
    """A registry that answers manifests with each of *refusals*, the last one for ever.

    docker-registry 2.8 answers so while another client uploads a blob of the
    manifest: its storage empties the link to the blob before it writes it again.
    """

    def __init__(self, refusals: list[tuple[int, bytes]], tagged: bool = False) -> None:
        super().__init__(RetryPolicy(30, tries=3))
        self.refusals, self.tagged, self.bodies = refusals, tagged, list[bytes]()

    def send(
        self, method: str, url: str, *, headers: Any = None, body: Any = None, login: Any = None
    ) -> Response:
        if method == "GET":
            return _response(200, body=b"{}") if self.tagged else _response(404)
        self.bodies.append(b"".join(body()))
        status, errors = self.refusals.pop(0) if len(self.refusals) > 1 else self.refusals[0]
        return _response(status, body=errors)


ACCEPTED = (201, b"")
MISSING = (400, _errors("DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN"))  # of docker-registry 2.8, in this order


@pytest.mark.parametrize("refusal", [MISSING, (404, _errors("BLOB_UNKNOWN"))])
def test_a_manifest_is_put_again_where_the_registry_misses_a_part(
    refusal: tuple[int, bytes], no_pauses: None
) -> None:
    with Refusing([refusal, ACCEPTED]) as web:
        assert Registry(web, "registry.example.org/site/web", None, "VARIABLES").put_manifest("1.0", b"{}")
    assert web.bodies == [b"{}", b"{}"]


@pytest.mark.parametrize(
    ("refusal", "tries", "message"),
    [
        (MISSING, 3, r"answered 400 \(DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN\) \(3 tries\)$"),
        ((400, _errors("DIGEST_INVALID")), 1, r"answered 400 \(DIGEST_INVALID\)$"),
        ((400, _errors("MANIFEST_INVALID")), 1, r"answered 400 \(MANIFEST_INVALID\)$"),
        ((400, b"<h1>Bad Request</h1>"), 1, r"answered 400$"),
    ],
)
def test_a_permanent_refusal_of_a_manifest_ends_with_the_codes_of_the_registry(
    refusal: tuple[int, bytes], tries: int, message: str, no_pauses: None
) -> None:
    with Refusing([refusal]) as web:
        registry = Registry(web, "registry.example.org/site/web", None, "VARIABLES")
        with pytest.raises(ToolError, match=message):
            registry.put_manifest("1.0", b"{}")
    assert len(web.bodies) == tries


def test_a_tag_that_exists_is_not_put_again() -> None:
    """Another publisher was first: the caller compares what it tagged."""
    with Refusing([MISSING], tagged=True) as web:
        registry = Registry(web, "registry.example.org/site/web", None, "VARIABLES")
        assert not registry.put_manifest("1.0", b"{}")
    assert len(web.bodies) == 1
