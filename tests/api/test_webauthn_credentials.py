"""Each endpoint refuses invalid WebAuthn credentials, and logs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import pytest

from tests.api.live_site import Browser, Site
from tests.api.second_factors import begin_login, member_with_totp, reauthenticate

pytestmark = pytest.mark.slow


def base64url(data: bytes) -> str:
    """Return *data* as base64url without padding, as in WebAuthn."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


CLIENT = json.dumps({"type": "webauthn.get", "challenge": "AA", "origin": "https://x"}).encode()
CREDENTIAL = {
    "id": "AA", "rawId": "AA", "type": "public-key",
    "response": {
        "clientDataJSON": base64url(CLIENT), "authenticatorData": base64url(b"\0" * 37), "signature": "AA",
        "userHandle": "AA", "attestationObject": base64url(b"\xa0"),
    },
}  # fmt: skip
INVALID_VALUES = [None, 1, "", "\u0661", [], [1], {}, {"a": 1}, True]


def invalid_credentials() -> Iterator[Any]:
    """Yield credentials with a missing field, a field of a wrong type, or deep nesting within base64."""
    yield {"id": "AA"}
    for name in CREDENTIAL:
        yield {key: value for key, value in CREDENTIAL.items() if key != name}
        yield from ({**CREDENTIAL, name: value} for value in INVALID_VALUES)
    for name in CREDENTIAL["response"]:
        for value in [
            *INVALID_VALUES,
            *map(base64url, (b"[" * 3000, b"[" * 10_000, b"{}", b"\x81" * 3000, b"9" * 5000)),
        ]:
            one: Any = deepcopy(CREDENTIAL)
            one["response"][name] = value
            yield one


def anonymous(site: Site) -> Browser:
    return site.browser()


NUMBERS = count()


def pending_second_factor(site: Site) -> Browser:
    email = f"halfway-{next(NUMBERS)}@example.org"
    member_with_totp(site, email)
    return begin_login(site, email)


def reauthenticated(site: Site) -> Browser:
    one = site.member(f"home-{next(NUMBERS)}@example.org")
    reauthenticate(one)
    return one


@pytest.mark.quick_cases(3)
@pytest.mark.usefixtures("no_log_output")
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("auth/webauthn/login", anonymous),
        ("auth/webauthn/authenticate", pending_second_factor),
        ("auth/webauthn/reauthenticate", reauthenticated),
        ("account/authenticators/webauthn", reauthenticated),
    ],
)
def test_invalid_credentials_get_400(site: Site, path: str, start: Any, begun: bool) -> None:
    one = start(site)
    if begun:
        assert one.call("GET", path).status == 200
    for number, credential in enumerate(invalid_credentials()):
        # Directly and from many addresses, below the rate limits.
        reader = {"X-Real-IP": f"10.9.{number}.1"}
        response = one.call("POST", path, {"credential": credential}, port=site.ports[0], headers=reader)
        assert (credential, response.status) == (credential, 400)
