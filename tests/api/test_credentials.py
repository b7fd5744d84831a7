"""Credentials of WebAuthn that no browser makes: each endpoint refuses them, and logs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import pytest

from tests.api.factors import confirm, entered, with_app
from tests.api.running import Browser, Site


def encoded(data: bytes) -> str:
    """Return *data* in the form of WebAuthn: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


CLIENT = json.dumps({"type": "webauthn.get", "challenge": "AA", "origin": "https://x"}).encode()
WHOLE = {
    "id": "AA", "rawId": "AA", "type": "public-key",
    "response": {
        "clientDataJSON": encoded(CLIENT), "authenticatorData": encoded(b"\0" * 37), "signature": "AA",
        "userHandle": "AA", "attestationObject": encoded(b"\xa0"),
    },
}  # fmt: skip
WRONG = [None, 1, "", "\u0661", [], [1], {}, {"a": 1}, True]


def broken() -> Iterator[Any]:
    """Yield credentials with a field that is missing, of a wrong type, or nested within base64."""
    yield {"id": "AA"}
    for name in WHOLE:
        yield {key: value for key, value in WHOLE.items() if key != name}
        yield from ({**WHOLE, name: value} for value in WRONG)
    for name in WHOLE["response"]:
        for value in [
            *WRONG,
            *map(encoded, (b"[" * 3000, b"[" * 10_000, b"{}", b"\x81" * 3000, b"9" * 5000)),
        ]:
            one: Any = deepcopy(WHOLE)
            one["response"][name] = value
            yield one


def at_login(site: Site) -> Browser:
    return site.browser()


NUMBERS = count()


def at_second_factor(site: Site) -> Browser:
    email = f"halfway-{next(NUMBERS)}@example.org"
    with_app(site, email)
    return entered(site, email)


def at_home(site: Site) -> Browser:
    one = site.member(f"home-{next(NUMBERS)}@example.org")
    confirm(one)
    return one


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("auth/webauthn/login", at_login),
        ("auth/webauthn/authenticate", at_second_factor),
        ("auth/webauthn/reauthenticate", at_home),
        ("account/authenticators/webauthn", at_home),
    ],
)
def test_no_credential_breaks_the_api(site: Site, path: str, start: Any, begun: bool) -> None:
    one = start(site)
    if begun:
        assert one.call("GET", path).status == 200
    for number, credential in enumerate(broken()):
        # Straight to the API and from many addresses: what is tried here is no limit.
        reader = {"X-Real-IP": f"10.9.{number}.1"}
        answer = one.call("POST", path, {"credential": credential}, port=site.ports[0], headers=reader)
        assert (credential, answer.status) == (credential, 400)
