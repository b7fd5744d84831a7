"""Codes of an app, recovery codes, and what is kept of them."""

from __future__ import annotations

import base64
import hashlib
import time

from tests.api.factors import code, confirm, entered, lasting, recovery, with_app
from tests.api.running import Site


def test_the_second_factor_opens_the_door_and_each_code_once(site: Site) -> None:
    """Replay: whoever looked over a shoulder may not use the code that was seen."""
    email = "app@example.org"
    _, secret = with_app(site, email)
    assert "uthenticator" in site.mails.to(email, "uthenticator").get_content()
    one = entered(site, email)
    assert one.send("GET", "/members/inside/").status == 401  # half a login is none
    assert one.call("POST", "auth/2fa/authenticate", {"code": "000000"}).status == 400
    now = lasting(secret)
    assert one.call("POST", "auth/2fa/authenticate", {"code": now}).status == 200
    assert one.send("GET", "/members/inside/").status == 200
    thief = entered(site, email)
    assert thief.call("POST", "auth/2fa/authenticate", {"code": now}).status == 400
    assert thief.call("POST", "auth/2fa/authenticate", {"code": code(secret, time.time() - 30)}).status == 400
    assert thief.send("GET", "/members/inside/").status == 401


def test_recovery_codes_work_once_each(site: Site) -> None:
    email = "lost@example.org"
    one, _ = with_app(site, email)
    codes = one.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"]
    assert len(set(codes)) == 10
    again = entered(site, email)
    assert again.call("POST", "auth/2fa/authenticate", {"code": codes[0]}).status == 200
    assert entered(site, email).call("POST", "auth/2fa/authenticate", {"code": codes[0]}).status == 400


def test_codes_cannot_be_guessed_for_long(site: Site) -> None:
    """A million codes, and five tries: then the right one is refused too."""
    email = "guessed@example.org"
    member, _ = with_app(site, email)
    right, one = recovery(member), entered(site, email)
    guesses = [f"{number:06d}" for number in range(8)]
    found = [one.call("POST", "auth/2fa/authenticate", {"code": guess}) for guess in guesses]
    codes = [answer.json["errors"][0]["code"] for answer in found]
    assert codes == ["incorrect_code"] * 5 + ["too_many_login_attempts"] * 3
    late = one.call("POST", "auth/2fa/authenticate", {"code": right})
    assert (late.status, late.json["errors"][0]["code"]) == (400, "too_many_login_attempts")


def test_a_copy_of_the_database_opens_no_account(site: Site) -> None:
    """Secrets and the seeds of recovery codes are kept encrypted; the code of no secret is in the clear."""
    _, secret = with_app(site, "stored@example.org")
    kept = site.python(
        "import json; from allauth.mfa.models import Authenticator as A; "
        "rows = A.objects.filter(user__email='stored@example.org'); "
        "print(json.dumps([row.data for row in rows]))"
    )
    assert secret not in kept
    assert kept.count("gAAAAA") == 2  # Fernet tokens: the app's secret, the seed of the recovery codes


def test_keys_are_rotated_without_locking_anyone_out(site: Site) -> None:
    """The first of each set is used; what was made with the others is still understood."""
    email = "rotated@example.org"
    one, secret = with_app(site, email)
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
    told = site.manage("shell", "--no-imports", "-c", script, more=both)
    assert told.split() == ["204", secret]
    lost = site.manage("shell", "--no-imports", "-c", script, code=1, more={"LOGIN_ENCRYPTION_KEYS": fresh})
    assert "LOGIN_ENCRYPTION_KEYS lacks" in lost


def test_the_owner_enters_the_admin_with_a_second_factor(site: Site) -> None:
    email = "owner@example.org"
    one, _ = with_app(site, email, owner=True)
    assert one.send("GET", "/admin/").status == 403  # this session was begun with a password alone
    again = entered(site, email)
    assert again.call("POST", "auth/2fa/authenticate", {"code": recovery(one)}).status == 200
    front = again.send("GET", "/admin/")
    assert (front.status, b"Who may read" in front.body) == (200, True)
    assert again.send("GET", "/admin/static/admin/css/base.css").status == 200
    form = again.send("GET", "/admin/accounts/user/add/")
    assert form.status == 200
    assert b'type="password"' not in form.body
    moved = again.send("GET", "/admin/password_change/")
    assert (moved.status, moved.headers["location"]) == (302, "/account/")


def test_a_password_is_asked_for_again_before_a_second_factor_goes(site: Site) -> None:
    """A session that somebody found open must not be able to take the account over."""
    member, _ = with_app(site, "again@example.org")
    right, one = recovery(member), entered(site, "again@example.org")
    assert one.call("POST", "auth/2fa/authenticate", {"code": right}).status == 200
    refused = one.call("DELETE", "account/authenticators/totp")
    assert refused.status == 401
    flows = {flow["id"] for flow in refused.json["data"]["flows"]}
    assert flows & {"reauthenticate", "mfa_reauthenticate"}
    assert one.call("POST", "auth/reauthenticate", {"password": "not the password"}).status == 400
    confirm(one)
    assert one.call("DELETE", "account/authenticators/totp").status == 200
