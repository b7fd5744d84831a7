"""Members with a second factor, and logins with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

from tests.api.live_site import PASSWORD, Browser, Site


def totp_code(secret: str, at: float | None = None) -> str:
    """Return the TOTP code of *secret* (base32) at the time *at* (RFC 6238)."""
    counter = int((time.time() if at is None else at) // 30)
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def fresh_totp_code(secret: str) -> str:
    """Return a code of *secret* valid for at least eight seconds; wait for the next one if necessary."""
    if (left := 30 - time.time() % 30) < 8:
        time.sleep(left + 0.1)
    return totp_code(secret)


def member_with_totp(site: Site, email: str, *, owner: bool = False) -> tuple[Browser, str]:
    """Return a logged-in member with an authenticator app, and the secret."""
    one = site.member(email, owner=owner)
    reauthenticate(one)
    secret = one.call("GET", "account/authenticators/totp").json["meta"]["secret"]
    begun = time.time() // 30
    response = one.call("POST", "account/authenticators/totp", {"code": totp_code(secret)})
    if response.status == 400 and time.time() // 30 != begun:  # the code expired on its way
        response = one.call("POST", "account/authenticators/totp", {"code": totp_code(secret)})
    assert response.status == 200
    return one, secret


def reauthenticate(one: Browser) -> None:
    """Enter the password again, as changes of credentials require."""
    assert one.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status == 200


def recovery_code(one: Browser) -> str:
    """Return an unused recovery code."""
    return str(one.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"][0])


def begin_login(site: Site, email: str) -> Browser:
    """Return a browser after the password, before the second factor."""
    one = site.browser()
    pending = one.login(email)
    assert pending.status == 401
    assert [flow["id"] for flow in pending.json["data"]["flows"] if flow.get("is_pending")] == [
        "mfa_authenticate"
    ]
    return one


def login_owner(site: Site, email: str) -> Browser:
    """Return a browser of the owner *email*, logged in with a second factor."""
    member, _ = member_with_totp(site, email, owner=True)
    one = begin_login(site, email)
    assert one.call("POST", "auth/2fa/authenticate", {"code": recovery_code(member)}).status == 200
    return one


def login_staff(site: Site, email: str) -> Browser:
    """Return a browser of a staff user without permissions, logged in with a second factor."""
    member, _ = member_with_totp(site, email)
    site.python(
        f"from api.accounts.models import User; User.objects.filter(email={email!r}).update(is_staff=True)"
    )
    one = begin_login(site, email)
    assert one.call("POST", "auth/2fa/authenticate", {"code": recovery_code(member)}).status == 200
    return one


def grant_permissions(site: Site, email: str, *permissions: str) -> None:
    """Set the permissions of *email* to exactly *permissions*, as "accounts.change_user"."""
    site.python(
        "from django.contrib.auth.models import Permission as P; from api.accounts.models import User\n"
        f"labels = [one.split('.') for one in {permissions!r}]\n"
        "found = [P.objects.get(content_type__app_label=app, codename=name) for app, name in labels]\n"
        f"User.objects.get(email={email!r}).user_permissions.set(found)"
    )
