"""Members with a second factor: how the tests show one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

from tests.api.running import PASSWORD, Browser, Site


def code(secret: str, at: float | None = None) -> str:
    """Return the code of *secret* (base32) at the time *at*, by RFC 6238."""
    counter = int((time.time() if at is None else at) // 30)
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def lasting(secret: str) -> str:
    """Return the code of *secret* that is good for eight seconds at least: wait for the next if need be."""
    if (left := 30 - time.time() % 30) < 8:
        time.sleep(left + 0.1)
    return code(secret)


def with_app(site: Site, email: str, *, owner: bool = False) -> tuple[Browser, str]:
    """Return a member who is logged in and has set up an app, and its secret."""
    one = site.member(email, owner=owner)
    confirm(one)
    secret = one.call("GET", "account/authenticators/totp").json["meta"]["secret"]
    begun = time.time() // 30
    taken = one.call("POST", "account/authenticators/totp", {"code": code(secret)})
    if taken.status == 400 and time.time() // 30 != begun:  # the time of that code ended on its way
        taken = one.call("POST", "account/authenticators/totp", {"code": code(secret)})
    assert taken.status == 200
    return one, secret


def confirm(one: Browser) -> None:
    """Give the password again, as everything wants that changes how one logs in."""
    assert one.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status == 200


def recovery(one: Browser) -> str:
    """Return a recovery code that has not been used."""
    return str(one.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"][0])


def entered(site: Site, email: str) -> Browser:
    """Return a browser that has given the password and must give the second factor."""
    one = site.browser()
    pending = one.login(email)
    assert pending.status == 401
    assert [flow["id"] for flow in pending.json["data"]["flows"] if flow.get("is_pending")] == [
        "mfa_authenticate"
    ]
    return one


def boss(site: Site, email: str) -> Browser:
    """Return the owner *email*, whom the admin lets in."""
    member, _ = with_app(site, email, owner=True)
    one = entered(site, email)
    assert one.call("POST", "auth/2fa/authenticate", {"code": recovery(member)}).status == 200
    return one


def staff(site: Site, email: str) -> Browser:
    """Return a staff user without any permission, whom the admin lets in."""
    member, _ = with_app(site, email)
    site.python(
        f"from api.accounts.models import User; User.objects.filter(email={email!r}).update(is_staff=True)"
    )
    one = entered(site, email)
    assert one.call("POST", "auth/2fa/authenticate", {"code": recovery(member)}).status == 200
    return one


def grant(site: Site, email: str, *permissions: str) -> None:
    """Give *email* exactly *permissions*, as "accounts.change_user"."""
    site.python(
        "from django.contrib.auth.models import Permission as P; from api.accounts.models import User\n"
        f"labels = [one.split('.') for one in {permissions!r}]\n"
        "found = [P.objects.get(content_type__app_label=app, codename=name) for app, name in labels]\n"
        f"User.objects.get(email={email!r}).user_permissions.set(found)"
    )
