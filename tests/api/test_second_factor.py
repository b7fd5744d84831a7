"""TOTP codes, recovery codes, and how they are stored."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest

from tests.api.live_site import Site
from tests.api.second_factors import (
    begin_login,
    fresh_totp_code,
    member_with_totp,
    reauthenticate,
    recovery_code,
    totp_code,
)

pytestmark = pytest.mark.slow


def test_a_totp_code_is_required_and_works_once(site: Site) -> None:
    """Replay: an observed code must not work again."""
    email = "app@example.org"
    _, secret = member_with_totp(site, email)
    assert "uthenticator" in site.mails.to(email, "uthenticator").get_content()
    one = begin_login(site, email)
    assert one.send("GET", "/members/inside/").status == 401  # the login is incomplete
    assert one.call("POST", "auth/2fa/authenticate", {"code": "000000"}).status == 400
    now = fresh_totp_code(secret)
    assert one.call("POST", "auth/2fa/authenticate", {"code": now}).status == 200
    assert one.send("GET", "/members/inside/").status == 200
    thief = begin_login(site, email)
    assert thief.call("POST", "auth/2fa/authenticate", {"code": now}).status == 400
    assert (
        thief.call("POST", "auth/2fa/authenticate", {"code": totp_code(secret, time.time() - 30)}).status
        == 400
    )
    assert thief.send("GET", "/members/inside/").status == 401


def test_recovery_codes_work_once_each(site: Site) -> None:
    email = "lost@example.org"
    one, _ = member_with_totp(site, email)
    codes = one.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"]
    assert len(set(codes)) == 10
    again = begin_login(site, email)
    assert again.call("POST", "auth/2fa/authenticate", {"code": codes[0]}).status == 200
    assert begin_login(site, email).call("POST", "auth/2fa/authenticate", {"code": codes[0]}).status == 400


def test_codes_have_a_rate_limit(site: Site) -> None:
    """Five attempts of a million codes: then the right one is refused, too."""
    email = "guessed@example.org"
    member, _ = member_with_totp(site, email)
    right, one = recovery_code(member), begin_login(site, email)
    guesses = [f"{number:06d}" for number in range(8)]
    found = [one.call("POST", "auth/2fa/authenticate", {"code": guess}) for guess in guesses]
    codes = [response.json["errors"][0]["code"] for response in found]
    assert codes == ["incorrect_code"] * 5 + ["too_many_login_attempts"] * 3
    late = one.call("POST", "auth/2fa/authenticate", {"code": right})
    assert (late.status, late.json["errors"][0]["code"]) == (400, "too_many_login_attempts")


def test_secrets_are_encrypted_in_the_database(site: Site) -> None:
    """Secrets of apps, and seeds of recovery codes."""
    _, secret = member_with_totp(site, "stored@example.org")
    stored = site.python(
        "import json; from allauth.mfa.models import Authenticator as A; "
        "rows = A.objects.filter(user__email='stored@example.org'); "
        "print(json.dumps([row.data for row in rows]))"
    )
    assert secret not in stored
    assert stored.count("gAAAAA") == 2  # Fernet tokens: the app's secret, the seed of the recovery codes


def test_keys_are_rotated_without_locking_users_out(site: Site) -> None:
    """The first key of each set signs or encrypts; the others still verify or decrypt."""
    email = "rotated@example.org"
    one, secret = member_with_totp(site, email)
    settings = dict(site.environment)
    fresh = base64.urlsafe_b64encode(b"k" * 16 + hashlib.sha256(secret.encode()).digest()[:16]).decode()
    signing = "another-signing-key-" + hashlib.sha256(secret.encode()).hexdigest()
    script = (
        "from django.test import Client; from django.conf import settings as s; "
        f"c = Client(headers={{'host': '{site.host}'}}); "
        f"c.cookies[s.SESSION_COOKIE_NAME] = '{one.jar[site.session]}'; "
        "print(c.get('/_gate').status_code); "
        "from allauth.mfa.models import Authenticator as A; from allauth.mfa.adapter import get_adapter; "
        f"row = A.objects.get(user__email='{email}', type='totp'); "
        "print(get_adapter().decrypt(row.data['secret']))"
    )
    both = {
        "LOGIN_SECRET_KEYS": f"{signing},{settings['LOGIN_SECRET_KEYS']}",
        "LOGIN_ENCRYPTION_KEYS": f"{fresh},{settings['LOGIN_ENCRYPTION_KEYS']}",
    }
    output = site.manage("shell", "--no-imports", "-c", script, more=both)
    assert output.split() == ["204", secret]
    error = site.manage("shell", "--no-imports", "-c", script, code=1, more={"LOGIN_ENCRYPTION_KEYS": fresh})
    assert "LOGIN_ENCRYPTION_KEYS lacks" in error


def test_the_owner_opens_the_admin_with_a_second_factor(site: Site) -> None:
    email = "owner@example.org"
    one, _ = member_with_totp(site, email, owner=True)
    assert one.send("GET", "/admin/").status == 403  # this session has no second factor
    again = begin_login(site, email)
    assert again.call("POST", "auth/2fa/authenticate", {"code": recovery_code(one)}).status == 200
    front = again.send("GET", "/admin/")
    assert (front.status, b"Who may read" in front.body) == (200, True)
    assert again.send("GET", "/admin/static/admin/css/base.css").status == 200
    form = again.send("GET", "/admin/accounts/user/add/")
    assert form.status == 200
    assert b'type="password"' not in form.body
    moved = again.send("GET", "/admin/password_change/")
    assert (moved.status, moved.headers["location"]) == (302, "/account/")


def test_removing_a_second_factor_requires_reauthentication(site: Site) -> None:
    """A stolen session must not take the account over."""
    member, _ = member_with_totp(site, "again@example.org")
    right, one = recovery_code(member), begin_login(site, "again@example.org")
    assert one.call("POST", "auth/2fa/authenticate", {"code": right}).status == 200
    refused = one.call("DELETE", "account/authenticators/totp")
    assert refused.status == 401
    flows = {flow["id"] for flow in refused.json["data"]["flows"]}
    assert flows & {"reauthenticate", "mfa_reauthenticate"}
    assert one.call("POST", "auth/reauthenticate", {"password": "not the password"}).status == 400
    reauthenticate(one)
    assert one.call("DELETE", "account/authenticators/totp").status == 200
