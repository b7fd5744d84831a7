"""The admin in a browser: behind the real NGINX, under its policy, with a second factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.live_site import PASSWORD
from tests.api.second_factors import login_owner, member_with_totp, recovery_code
from tests.browser.accessibility import violations
from tests.browser.accounts import Accounts
from tests.browser.visits import Visit

pytestmark = pytest.mark.browser

# {0} is a member's primary key.
PAGES = (
    *("", "accounts/", "nowhere/", "accounts/user/", "accounts/user/?q=nobody-at-all"),
    *("accounts/user/?is_active__exact=1&q=reader1", "accounts/user/add/", "accounts/user/{0}/change/"),
    *("accounts/user/{0}/history/", "accounts/user/{0}/delete/"),
    *("auth/group/", "auth/group/add/", "auth/group/1/change/", "auth/group/1/history/"),
    *("auth/group/2/change/", "auth/group/2/delete/"),
    *("account/emailaddress/", "account/emailaddress/?verified__exact=0", "account/emailaddress/{0}/change/"),
    *("mfa/authenticator/", "mfa/authenticator/?q=owner-of-all", "mfa/authenticator/1/change/"),
    *("mfa/authenticator/1/delete/", "mfa/authenticator/1/history/"),
)
NEW = "/admin/accounts/user/add/"


@pytest.fixture(scope="module")
def cookies(accounts: Accounts) -> dict[str, str]:
    """The cookies of an owner with a second factor; the admin has a second group."""
    accounts.site.python("from django.contrib.auth.models import Group; Group.objects.create(name='editors')")
    return login_owner(accounts.site, "owner-of-all@example.org").jar


@contextmanager
def admin(accounts: Accounts, cookies: dict[str, str]) -> Iterator[Page]:
    """Open a page in the owner's browser."""
    with accounts.page() as page:
        page.context.add_cookies(
            [{"name": name, "value": value, "url": accounts.url} for name, value in cookies.items()]
        )
        yield page


def faults(page: Page, accounts: Accounts, axe: str) -> list[str]:
    """Return the violations of *page*."""
    return violations(Visit(page, accounts.url), axe, preload=False)


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_the_admin(
    accounts: Accounts, cookies: dict[str, str], axe: str, path: str
) -> None:
    """Narrow and wide, light and dark. accounts.page also fails on errors of scripts and the policy."""
    with admin(accounts, cookies) as page:
        response = page.goto("/admin/" + path.format(3))
        assert response
        assert response.status == (404 if path == "nowhere/" else 200)
        assert faults(page, accounts, axe) == []


def invalid_form(page: Page) -> None:
    page.goto(NEW)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This field is required.")).to_be_visible()


def bulk_delete(page: Page) -> None:
    page.goto("/admin/accounts/user/?q=reader3")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option("delete_selected")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Delete multiple objects")).to_be_visible()


def after_an_action(page: Page) -> None:
    page.goto("/admin/accounts/user/?q=reader3@")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option("end_sessions")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("0 sessions ended")).to_be_visible()


@pytest.mark.parametrize("state", [invalid_form, bulk_delete, after_an_action], ids=lambda one: one.__name__)
def test_axe_finds_nothing_after_an_action_in_the_admin(
    accounts: Accounts, cookies: dict[str, str], axe: str, state: Callable[[Page], None]
) -> None:
    with admin(accounts, cookies) as page:
        state(page)
        assert faults(page, accounts, axe) == []


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until *target* has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {target}")


def test_the_owner_logs_in_and_adds_a_member_with_the_keyboard_alone(accounts: Accounts) -> None:
    """The member is in the group, and gets the invitation."""
    email = "keyboard-owner@example.org"
    member, _ = member_with_totp(accounts.site, email, owner=True)
    with accounts.page() as page:
        keys = page.keyboard
        page.goto("/admin/")
        tab_to(page, page.get_by_label("E-mail address"))
        keys.type(email)
        keys.press("Tab")
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        keys.type(recovery_code(member))
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Who may read, and who may invite")).to_be_visible()
        tab_to(page, page.locator("#content-main .model-user .addlink"))
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Add user")).to_be_visible()
        tab_to(page, page.get_by_label("Mail address:"))
        keys.type("by-keyboard@example.org")
        tab_to(page, page.get_by_label("Name:"))
        keys.type("Kay")
        tab_to(page, page.get_by_label("members"))
        expect(page.get_by_label("members")).to_be_checked()
        tab_to(page, page.get_by_role("button", name="Save", exact=True))
        keys.press("Enter")
        expect(page.get_by_text("was sent a mail to set a password")).to_be_visible()
    assert accounts.site.mails.key("by-keyboard@example.org", "invited")
