"""Accessibility of the account pages, in each of their states."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.accounts import (
    INSIDE,
    Accounts,
    Member,
    add_authenticator,
    fill_login,
    login,
    reauthenticate,
    set_up_totp,
    stop_api,
)
from tests.browser.test_layout import _TOO_SMALL, _TOO_WIDE
from tests.browser.visits import Visit

pytestmark = pytest.mark.browser


def login_page(accounts: Accounts, page: Page) -> None:
    page.goto("/account/login/")


def login_refused(accounts: Accounts, page: Page) -> None:
    page.goto("/account/login/")
    fill_login(page, Member("nobody-at-all@example.org", ""))
    expect(page.locator("#login-error")).not_to_be_empty()


def login_at_members_page(accounts: Accounts, page: Page) -> None:
    page.goto(INSIDE)
    expect(page.get_by_role("heading", name="Log in to read this page")).to_be_focused()


def second_factor(accounts: Accounts, page: Page) -> None:
    member = accounts.member()
    add_authenticator(page)
    login(page, member)
    set_up_totp(page, member)
    page.get_by_label("Name of the passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#passkeys li")).to_have_count(1)
    page.get_by_role("button", name="Log out").click()
    fill_login(page, member)
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()


def reset(accounts: Accounts, page: Page) -> None:
    page.goto("/account/reset/")


def reset_sent(accounts: Accounts, page: Page) -> None:
    page.goto("/account/reset/")
    page.get_by_label("E-mail address").fill("nobody-at-all@example.org")
    page.get_by_role("button", name="Send the message").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()


def reset_new(accounts: Accounts, page: Page) -> None:
    page.route("**/password/reset", lambda route: route.abort())  # show the form for an invalid key
    page.goto("/account/reset/new/#some-key")
    page.get_by_label("Show the password").check()
    page.get_by_role("button", name="Set this password").click()
    expect(page.locator("#reset-new-error")).to_have_text("Enter a new password.")


def invalid_link(accounts: Accounts, page: Page) -> None:
    page.goto("/account/reset/new/")
    expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


def verify(accounts: Accounts, page: Page) -> None:
    page.route("**/email/verify", lambda route: route.abort())
    page.goto("/account/verify/#some-key")
    expect(page.get_by_role("button", name="Confirm this address")).to_be_visible()


def account(accounts: Accounts, page: Page) -> None:
    login(page, accounts.member())


def account_setting_up(accounts: Accounts, page: Page) -> None:
    member = accounts.member()
    login(page, member)
    page.get_by_role("button", name="Set up an app").click()
    reauthenticate(page, member)
    expect(page.locator("#totp-secret")).to_be_visible()


def account_full(accounts: Accounts, page: Page) -> None:
    """Set up an app, new recovery codes, and a passkey with a long name."""
    member = accounts.member()
    add_authenticator(page)
    login(page, member)
    set_up_totp(page, member)
    page.get_by_label("Name of the passkey").fill("Telephone in the river, the second one of this year")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#passkeys > li")).to_have_count(1)


def account_renaming(accounts: Accounts, page: Page) -> None:
    account_full(accounts, page)
    page.get_by_role("button", name="Rename: Telephone").click()


def account_reauthenticating(accounts: Accounts, page: Page) -> None:
    login(page, accounts.member())
    page.get_by_role("button", name="Set up an app").click()
    expect(page.get_by_role("dialog", name="Is it still you?")).to_be_visible()


def account_confirming(accounts: Accounts, page: Page) -> None:
    member = accounts.member()
    login(page, member)
    set_up_totp(page, member)
    page.get_by_role("button", name="Make new codes").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def account_without_api(accounts: Accounts, page: Page) -> None:
    with stop_api(accounts):
        page.goto("/account/")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()


STATES: tuple[Callable[[Accounts, Page], None], ...] = (
    login_page,
    login_refused,
    login_at_members_page,
    second_factor,
    reset,
    reset_sent,
    reset_new,
    invalid_link,
    verify,
    account,
    account_setting_up,
    account_full,
    account_renaming,
    account_reauthenticating,
    account_confirming,
    account_without_api,
)


@pytest.mark.parametrize("state", STATES, ids=lambda one: one.__name__)
def test_account_pages_are_accessible(
    accounts: Accounts, axe: str, state: Callable[[Accounts, Page], None]
) -> None:
    """axe finds nothing at any width or colour scheme; no sideways scrolling; targets of 24 px."""
    with accounts.page() as page:
        state(accounts, page)
        visit = Visit(page, accounts.url)
        assert violations(visit, axe) == []
        page.set_viewport_size({"width": 320, "height": 900})
        assert (visit.js(_TOO_WIDE), visit.js(_TOO_SMALL)) == ([], [])
