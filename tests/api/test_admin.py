"""The owner in the admin: protected groups, and removal of second factors."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.api.live_site import Browser, Response, Site
from tests.api.second_factors import begin_login, login_owner, member_with_totp

PAGE = "/members/inside/"
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
GROUPS, FACTORS = "/admin/auth/group/", "/admin/mfa/authenticator/"


@pytest.fixture(scope="module")
def owner(site: Site) -> Browser:
    """The owner, with a second factor."""
    return login_owner(site, "owner@admin.example")


def post(one: Browser, path: str, **fields: str) -> Response:
    """POST a form of the admin."""
    return one.send("POST", path, raw=urlencode(fields).encode(), headers=FORM_HEADERS)


def rows(site: Site, model: str, what: str, **where: str) -> list[str]:
    """Return the sorted values of the column *what* of the rows *where* of *model* ("auth.Group")."""
    return site.python(
        "from django.apps import apps\n"
        f"for row in apps.get_model({model!r}).objects.filter(**{where!r}).order_by({what!r}):\n"
        f"    print(row.{what})"
    ).splitlines()


def members_group(site: Site) -> str:
    """Return the primary key of the group that the gate checks."""
    (number,) = rows(site, "auth.Group", "pk", name="members")
    return number


def authenticator_key(site: Site, email: str, kind: str = "totp") -> str:
    """Return the primary key of an authenticator of *email*."""
    (number,) = rows(site, "mfa.Authenticator", "pk", user__email=email, type=kind)
    return number


def authenticator_types(site: Site, email: str) -> list[str]:
    """Return the types of the authenticators of *email*."""
    return rows(site, "mfa.Authenticator", "type", user__email=email)


@pytest.mark.parametrize(
    ("way", "fields", "status"),
    [
        ("{0}/change/", {"name": "readers"}, 403),
        ("{0}/change/", {"name": "members", "permissions": "1"}, 403),
        ("{0}/delete/", {"post": "yes"}, 403),
        ("",            {"action": "delete_selected", "_selected_action": "{0}", "post": "yes"}, 200),
    ],
    ids=["renamed", "given rights", "deleted", "deleted from the list"],
)  # fmt: skip
def test_the_members_group_cannot_be_changed_or_deleted(
    site: Site, owner: Browser, way: str, fields: dict[str, str], status: int
) -> None:
    """The gate checks its name: without it, every member would be refused."""
    member = site.member(f"stays-{len(site.mails.all)}@admin.example")
    number = members_group(site)
    response = post(owner, GROUPS + way.format(number), **{n: v.format(number) for n, v in fields.items()})
    assert response.status == status
    assert members_group(site) == number
    assert rows(site, "auth.Permission", "pk", group=number) == []
    assert member.send("GET", PAGE).status == 200


def test_the_members_group_shows_why_it_is_read_only(site: Site, owner: Browser) -> None:
    """Without buttons to save or delete."""
    page = owner.send("GET", f"{GROUPS}{members_group(site)}/change/")
    assert page.status == 200
    assert b"neither renamed nor deleted" in page.body
    assert not re.search(rb'type="submit" [^>]*name="_save|class="deletelink"', page.body)
    assert b"delete_selected" not in owner.send("GET", GROUPS).body


def test_other_groups_are_made_renamed_and_deleted(site: Site, owner: Browser) -> None:
    """By them the owner gives staff its rights."""
    assert post(owner, f"{GROUPS}add/", name="editors").status == 302
    (number,) = rows(site, "auth.Group", "pk", name="editors")
    assert post(owner, f"{GROUPS}{number}/change/", name="writers", permissions="1").status == 302
    assert rows(site, "auth.Group", "name", permissions="1") == ["writers"]
    assert post(owner, f"{GROUPS}{number}/delete/", post="yes").status == 302
    assert rows(site, "auth.Group", "name") == ["members"]


def delete_on_page(owner: Browser, number: str) -> Response:
    return post(owner, f"{FACTORS}{number}/delete/", post="yes")


def delete_in_list(owner: Browser, number: str) -> Response:
    return post(owner, FACTORS, action="delete_selected", _selected_action=number, post="yes")


@pytest.mark.parametrize("remove", [delete_on_page, delete_in_list])
def test_the_owner_removes_a_lost_second_factor(
    site: Site, owner: Browser, remove: Callable[[Browser, str], Response]
) -> None:
    """The password is then enough; recovery codes are deleted, too, and the member gets a mail."""
    email = f"{remove.__name__}@admin.example"
    member_with_totp(site, email)
    begin_login(site, email)  # requires the code
    assert remove(owner, authenticator_key(site, email)).status == 302
    assert authenticator_types(site, email) == []
    one = site.browser()
    assert one.login(email).status == 200
    assert one.send("GET", PAGE).status == 200
    mail = site.mails.to(email, "Deactivated").get_content()
    assert "from the owner's admin." in mail


def confirmation_page(owner: Browser, number: str) -> Response:
    """Return the page that confirms the deletion of an authenticator."""
    return owner.send("GET", f"{FACTORS}{number}/delete/")


def test_the_confirmation_names_the_member(site: Site, owner: Browser) -> None:
    """All apps have the same name."""
    email = "named@admin.example"
    member_with_totp(site, email)
    number = authenticator_key(site, email)
    for page in (
        confirmation_page(owner, number),
        post(owner, FACTORS, action="delete_selected", _selected_action=number),
    ):
        assert (page.status, b"TOTP Authenticator, of named@admin.example" in page.body) == (200, True)
    assert authenticator_types(site, email) == ["recovery_codes", "totp"]


def test_recovery_codes_are_removed_alone(site: Site, owner: Browser) -> None:
    """The app stays."""
    email = "slip@admin.example"
    member_with_totp(site, email)
    assert delete_on_page(owner, authenticator_key(site, email, "recovery_codes")).status == 302
    assert authenticator_types(site, email) == ["totp"]
    begin_login(site, email)


def test_a_lost_passkey_is_removed_alone(site: Site, owner: Browser) -> None:
    """The app and its recovery codes stay."""
    email = "passkey@admin.example"
    member_with_totp(site, email)
    site.python(
        "from allauth.mfa.models import Authenticator as A; from api.accounts.models import User; "
        f"A.objects.create(user=User.objects.get(email={email!r}), type='webauthn', data={{'name': 'Fob'}})"
    )
    assert (
        b"Fob, of passkey@admin.example"
        in confirmation_page(owner, authenticator_key(site, email, "webauthn")).body
    )
    assert delete_on_page(owner, authenticator_key(site, email, "webauthn")).status == 302
    assert authenticator_types(site, email) == ["recovery_codes", "totp"]
    assert "security key has been removed" in site.mails.to(email, "Removed").get_content()


def test_authenticators_cannot_be_added_or_changed(site: Site, owner: Browser) -> None:
    """A secret must not be chosen by somebody else."""
    email = "unchanged@admin.example"
    member_with_totp(site, email)
    number = authenticator_key(site, email)
    before = rows(site, "mfa.Authenticator", "data", user__email=email)
    forged = {"user": "1", "type": "totp", "data": '{"secret": "JBSWY3DPEHPK3PXP"}', "last_used_at": ""}
    assert owner.send("GET", f"{FACTORS}add/").status == 403
    assert post(owner, f"{FACTORS}add/", **forged).status == 403
    assert post(owner, f"{FACTORS}{number}/change/", **forged).status == 403
    assert rows(site, "mfa.Authenticator", "data", user__email=email) == before


def test_secrets_of_authenticators_are_not_shown(site: Site, owner: Browser) -> None:
    """Neither decrypted nor encrypted."""
    email = "shown@admin.example"
    member_with_totp(site, email)
    one = f"{FACTORS}{authenticator_key(site, email)}/"
    for path in (FACTORS, f"{FACTORS}?q={email}", f"{one}change/", f"{one}delete/", f"{one}history/"):
        page = owner.send("GET", path)
        assert page.status == 200, path
        assert not re.search(rb"gAAAA|&quot;secret|&quot;seed|<textarea|name=\"data\"", page.body), path
