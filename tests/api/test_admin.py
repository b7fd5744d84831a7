"""What the owner can break in the admin: nothing that would shut members out, or let others in."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.api.factors import boss, entered, with_app
from tests.api.running import Answer, Browser, Site

PAGE = "/members/inside/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GROUPS, FACTORS = "/admin/auth/group/", "/admin/mfa/authenticator/"


@pytest.fixture(scope="module")
def owner(site: Site) -> Browser:
    """The owner, with a second factor."""
    return boss(site, "owner@admin.example")


def post(one: Browser, path: str, **fields: str) -> Answer:
    """Send a form of the admin."""
    return one.send("POST", path, raw=urlencode(fields).encode(), headers=FORM)


def rows(site: Site, model: str, what: str, **where: str) -> list[str]:
    """Return the column *what* of the rows *where*, in order: groups ("auth.Group"), authenticators."""
    return site.python(
        "from django.apps import apps\n"
        f"for row in apps.get_model({model!r}).objects.filter(**{where!r}).order_by({what!r}):\n"
        f"    print(row.{what})"
    ).splitlines()


def gated(site: Site) -> str:
    """Return the number of the group that the gate asks for."""
    (number,) = rows(site, "auth.Group", "pk", name="members")
    return number


def factor(site: Site, email: str, kind: str = "totp") -> str:
    """Return the number of an authenticator of *email*."""
    (number,) = rows(site, "mfa.Authenticator", "pk", user__email=email, type=kind)
    return number


def kinds(site: Site, email: str) -> list[str]:
    """Return what authenticators *email* has."""
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
def test_the_group_of_the_gate_stays_as_it_is(
    site: Site, owner: Browser, way: str, fields: dict[str, str], status: int
) -> None:
    """The gate knows it by name: without it every member is shut out."""
    member = site.member(f"stays-{len(site.mails.all)}@admin.example")
    number = gated(site)
    told = post(owner, GROUPS + way.format(number), **{n: v.format(number) for n, v in fields.items()})
    assert told.status == status
    assert gated(site) == number
    assert rows(site, "auth.Permission", "pk", group=number) == []
    assert member.send("GET", PAGE).status == 200


def test_the_group_of_the_gate_is_shown_with_the_reason(site: Site, owner: Browser) -> None:
    """Without a button that would be refused."""
    page = owner.send("GET", f"{GROUPS}{gated(site)}/change/")
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


def by_page(owner: Browser, number: str) -> Answer:
    return post(owner, f"{FACTORS}{number}/delete/", post="yes")


def from_the_list(owner: Browser, number: str) -> Answer:
    return post(owner, FACTORS, action="delete_selected", _selected_action=number, post="yes")


@pytest.mark.parametrize("remove", [by_page, from_the_list])
def test_the_owner_removes_a_lost_second_factor(
    site: Site, owner: Browser, remove: Callable[[Browser, str], Answer]
) -> None:
    """The password is enough then; recovery codes of the lost one go too, and its member is told by mail."""
    email = f"{remove.__name__}@admin.example"
    with_app(site, email)
    entered(site, email)  # which asks for the code
    assert remove(owner, factor(site, email)).status == 302
    assert kinds(site, email) == []
    one = site.browser()
    assert one.login(email).status == 200
    assert one.send("GET", PAGE).status == 200
    told = site.mails.to(email, "Deactivated").get_content()
    assert "from the owner's admin." in told


def ask(owner: Browser, number: str) -> Answer:
    """Return the question whether this authenticator is to go."""
    return owner.send("GET", f"{FACTORS}{number}/delete/")


def test_what_is_removed_is_named_with_its_member_before(site: Site, owner: Browser) -> None:
    """All apps have one name."""
    email = "named@admin.example"
    with_app(site, email)
    number = factor(site, email)
    for page in (
        ask(owner, number),
        post(owner, FACTORS, action="delete_selected", _selected_action=number),
    ):
        assert (page.status, b"TOTP Authenticator, of named@admin.example" in page.body) == (200, True)
    assert kinds(site, email) == ["recovery_codes", "totp"]


def test_recovery_codes_are_removed_alone(site: Site, owner: Browser) -> None:
    """Those on a lost slip of paper; the app goes on."""
    email = "slip@admin.example"
    with_app(site, email)
    assert by_page(owner, factor(site, email, "recovery_codes")).status == 302
    assert kinds(site, email) == ["totp"]
    entered(site, email)


def test_a_lost_passkey_goes_alone(site: Site, owner: Browser) -> None:
    """The app and its recovery codes go on."""
    email = "passkey@admin.example"
    with_app(site, email)
    site.python(
        "from allauth.mfa.models import Authenticator as A; from api.accounts.models import User; "
        f"A.objects.create(user=User.objects.get(email={email!r}), type='webauthn', data={{'name': 'Fob'}})"
    )
    assert b"Fob, of passkey@admin.example" in ask(owner, factor(site, email, "webauthn")).body
    assert by_page(owner, factor(site, email, "webauthn")).status == 302
    assert kinds(site, email) == ["recovery_codes", "totp"]
    assert "security key has been removed" in site.mails.to(email, "Removed").get_content()


def test_authenticators_are_neither_made_nor_changed(site: Site, owner: Browser) -> None:
    """A secret that somebody else chose is none."""
    email = "unchanged@admin.example"
    with_app(site, email)
    number = factor(site, email)
    before = rows(site, "mfa.Authenticator", "data", user__email=email)
    forged = {"user": "1", "type": "totp", "data": '{"secret": "JBSWY3DPEHPK3PXP"}', "last_used_at": ""}
    assert owner.send("GET", f"{FACTORS}add/").status == 403
    assert post(owner, f"{FACTORS}add/", **forged).status == 403
    assert post(owner, f"{FACTORS}{number}/change/", **forged).status == 403
    assert rows(site, "mfa.Authenticator", "data", user__email=email) == before


def test_what_an_authenticator_keeps_is_shown_nowhere(site: Site, owner: Browser) -> None:
    """Not in its encrypted form either: it is no business of a browser."""
    email = "shown@admin.example"
    with_app(site, email)
    one = f"{FACTORS}{factor(site, email)}/"
    for path in (FACTORS, f"{FACTORS}?q={email}", f"{one}change/", f"{one}delete/", f"{one}history/"):
        page = owner.send("GET", path)
        assert page.status == 200, path
        assert not re.search(rb"gAAAA|&quot;secret|&quot;seed|<textarea|name=\"data\"", page.body), path
