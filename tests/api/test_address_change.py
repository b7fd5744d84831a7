"""Staff changes a mail address in the admin: notifications, verification and ended sessions."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlencode

import pytest

from tests.api.live_site import PASSWORD, Browser, Response, Site
from tests.api.second_factors import login_owner
from tests.support.previews import wait_until

pytestmark = pytest.mark.slow

FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = "/members/inside/"


@pytest.fixture(scope="module")
def owner(site: Site) -> Browser:
    """The owner, with a second factor."""
    return login_owner(site, "owner@address.example")


def addresses_of(site: Site, user: str) -> list[list[object]]:
    """Return [address, verified, primary] for each address of the user with the address *user*."""
    found = site.python(
        "import json; from allauth.account.models import EmailAddress as E\n"
        f"rows = E.objects.filter(user__email={user!r}).order_by('email')\n"
        "print(json.dumps([[one.email, one.verified, one.primary] for one in rows]))"
    )
    rows: list[list[object]] = json.loads(found)
    return rows


def user_key(site: Site, email: str) -> str:
    """Return the primary key of the user *email*."""
    return site.python(
        f"from api.accounts.models import User as U; print(U.objects.get(email={email!r}).pk)"
    )[:-1]


def change_address(site: Site, owner: Browser, old: str, new: str) -> Response:
    """POST the owner's form that changes *old* to *new*."""
    fields = {"email": new, "name": "", "is_active": "on", "groups": "1"}
    path = f"/admin/accounts/user/{user_key(site, old)}/change/"
    return owner.send("POST", path, raw=urlencode(fields).encode(), headers=FORM_HEADERS)


def test_the_old_address_is_notified_and_no_longer_valid(site: Site, owner: Browser) -> None:
    """Its sessions and reset links end; the new address must be verified; the password stays."""
    old, new = "old@address.example", "new@address.example"
    one = site.member(old)
    response = site.browser().call("POST", "auth/password/request", {"email": old})
    assert response.status == 200
    link = site.mails.key(old, "new password")
    assert change_address(site, owner, old, "New@address.example").status == 302
    mail = site.mails.to(old, "address was changed").get_content()
    assert old in mail
    assert new not in mail.lower()  # somebody else may read the old mailbox
    assert one.send("GET", PAGE).status == 401
    assert addresses_of(site, new) == [[new, False, True]]
    assert site.browser().login(old).status == 400
    late = site.browser().call("POST", "auth/password/reset", {"key": link, "password": "another long walk"})
    assert late.status == 400
    again = site.browser()
    pending = again.login(new)
    assert pending.status == 401
    assert [flow["id"] for flow in pending.json["data"]["flows"] if flow.get("is_pending")] == [
        "verify_email"
    ]
    assert again.send("GET", PAGE).status == 401
    proved = again.call("POST", "auth/email/verify", {"key": unquote(site.mails.key(new, "your address"))})
    assert proved.status in (200, 401)
    assert addresses_of(site, new) == [[new, True, True]]
    again = site.browser()
    assert again.login(new).status == 200
    assert again.send("GET", PAGE).status == 200


def test_a_reset_goes_only_to_the_new_address(site: Site, owner: Browser) -> None:
    """A user who lost the old mailbox and the password can log in again."""
    old, new = "lost@address.example", "found@address.example"
    site.member(old)
    change_address(site, owner, old, new)
    before = len(site.mails.all)
    for email in (old, new):
        assert site.browser().call("POST", "auth/password/request", {"email": email}).status == 200
    wait_until(lambda: new in [mail["To"] for mail in site.mails.all[before:]])
    assert [m["To"] for m in site.mails.all[before:] if "password" in m["Subject"]] == [new]
    one = site.browser()
    assert one.set_password(new, "another long walk").status == 401
    assert addresses_of(site, new) == [[new, True, True]]
    assert one.login(new, "another long walk").status == 200


def test_every_other_address_of_the_user_is_deleted(site: Site, owner: Browser) -> None:
    """Each verified one is notified; an address that was verified before stays verified."""
    old, second = "first@address.example", "second@address.example"
    site.member(old)
    site.python(
        "from allauth.account.models import EmailAddress as E; from api.accounts.models import User as U\n"
        f"E.objects.create(user=U.objects.get(email={old!r}), email={second!r}, verified=True)"
    )
    assert change_address(site, owner, old, "third@address.example").status == 302
    for email in (old, second):
        site.mails.to(email, "address was changed")
    assert addresses_of(site, "third@address.example") == [["third@address.example", False, True]]
    site.member("proved@address.example")
    site.python(
        "from allauth.account.models import EmailAddress as E; from api.accounts.models import User as U\n"
        "E.objects.create(user=U.objects.get(email='proved@address.example'), email='too@address.example', "
        "verified=True)"
    )
    assert change_address(site, owner, "proved@address.example", "too@address.example").status == 302
    assert addresses_of(site, "too@address.example") == [["too@address.example", True, True]]
    assert site.browser().login("too@address.example").status == 200


def test_a_corrected_address_gets_a_new_invitation(site: Site, owner: Browser) -> None:
    """The link of the first invitation is invalid."""
    wrong, right = "typo@address.example", "right@address.example"
    site.invite(wrong)
    link = site.mails.key(wrong, "invited")
    change_address(site, owner, wrong, right)
    void = site.browser().call("POST", "auth/password/reset", {"key": link, "password": PASSWORD})
    assert void.status == 400
    one = site.browser()
    assert one.set_password(right).status == 401
    assert one.login(right).status == 200


def test_an_unchanged_address_ends_no_session(site: Site, owner: Browser) -> None:
    """Nor does a change of letter case."""
    email = "same@address.example"
    one = site.member(email)
    before = len(site.mails.all)
    for written in (email, "SAME@Address.Example"):
        assert change_address(site, owner, email, written).status == 302
    assert one.send("GET", PAGE).status == 200
    assert addresses_of(site, email) == [[email, True, True]]
    assert [mail["Subject"] for mail in site.mails.all[before:] if mail["To"] == email] == []


def test_the_address_of_another_user_is_refused(site: Site, owner: Browser) -> None:
    """Also a secondary address."""
    site.member("mine@address.example")
    site.member("yours@address.example")
    site.python(
        "from allauth.account.models import EmailAddress as E; from api.accounts.models import User as U\n"
        "E.objects.create(user=U.objects.get(email='yours@address.example'), "
        "email='yours2@address.example', verified=True)"
    )
    for taken in ("yours@address.example", "YOURS@address.example", "yours2@address.example"):
        response = change_address(site, owner, "mine@address.example", taken)
        assert (response.status, b"errorlist" in response.body) == (200, True)
    assert addresses_of(site, "mine@address.example") == [["mine@address.example", True, True]]


def test_the_owner_marks_an_address_as_verified(site: Site, owner: Browser) -> None:
    """With an action, not with a form; and not the address of another user."""
    email = "marked@address.example"
    site.member(email)
    change_address(site, owner, email, "marked2@address.example")
    row = site.python(
        "from allauth.account.models import EmailAddress as E; "
        "print(E.objects.get(email='marked2@address.example').pk)"
    ).strip()
    path = "/admin/account/emailaddress/"
    forged = urlencode({"user": "1", "email": "evil@address.example", "verified": "on"}).encode()
    for form in (f"{path}{row}/change/", f"{path}add/"):
        assert owner.send("POST", form, raw=forged, headers=FORM_HEADERS).status == 403
    fields = urlencode({"action": "make_verified", "_selected_action": row}).encode()
    assert owner.send("POST", path, raw=fields, headers=FORM_HEADERS).status == 302
    assert addresses_of(site, "marked2@address.example") == [["marked2@address.example", True, True]]
    assert site.browser().login("marked2@address.example").status == 200
    site.python(
        "from allauth.account.models import EmailAddress as E; from api.accounts.models import User as U\n"
        "E.objects.create(user=U.objects.get(email='marked2@address.example'), email='owner@address.example')"
    )
    row = site.python(
        "from allauth.account.models import EmailAddress as E; "
        "print(E.objects.get(user__email='marked2@address.example', email='owner@address.example').pk)"
    ).strip()
    fields = urlencode({"action": "make_verified", "_selected_action": row}).encode()
    assert owner.send("POST", path, raw=fields, headers=FORM_HEADERS).status == 302
    assert addresses_of(site, "marked2@address.example")[1] == ["owner@address.example", False, False]


def test_an_unreachable_mail_server_shows_an_error_and_keeps_the_user(site: Site, owner: Browser) -> None:
    """The message says what to do."""
    fields = {"email": "unsent@address.example", "is_active": "on", "groups": "1"}
    with site.mails.refusing():
        response = owner.send(
            "POST", "/admin/accounts/user/add/", raw=urlencode(fields).encode(), headers=FORM_HEADERS
        )
        assert response.status == 302
    shown = owner.send("GET", "/admin/accounts/user/").body.decode()
    assert "nsent@address.example: the mail was not sent (SMTPDataError)" in shown  # the page capitalizes it
    chosen = {"action": "send_invitation", "_selected_action": user_key(site, "unsent@address.example")}
    assert (
        owner.send(
            "POST", "/admin/accounts/user/", raw=urlencode(chosen).encode(), headers=FORM_HEADERS
        ).status
        == 302
    )
    site.mails.key("unsent@address.example", "invited")
