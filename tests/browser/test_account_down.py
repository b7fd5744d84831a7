"""The API stopped, really, and started again: what readers are told meanwhile, and what is lost (nothing)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import (
    CANARY,
    INSIDE,
    NEW_PASSWORD,
    Accounts,
    calls,
    down,
    fill_login,
    login,
    set_up_totp,
)

pytestmark = pytest.mark.browser


def told(page: Page) -> None:
    """The one alert that can be seen says it in plain words."""
    alert = page.get_by_role("alert").filter(visible=True).filter(has_text="cannot be reached")
    expect(alert).to_have_count(1)


def test_the_login_says_it_and_works_again_without_a_reload(accounts: Accounts) -> None:
    """What was typed stays, so that one click is enough."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        with down(accounts):
            fill_login(page, member)
            told(page)
            expect(page.get_by_label("E-mail address")).to_have_value(member.email)
            button = page.get_by_role("button", name="Log in", exact=True)
            expect(button).to_have_attribute("aria-disabled", "false")
        button.click()
        expect(page.locator("#account-name")).to_have_text(member.name)


def test_half_a_login_goes_on_where_it_was(accounts: Accounts) -> None:
    """The password was taken before; the code is asked for again, and nothing else."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        _, codes = set_up_totp(page, member)
        page.get_by_role("button", name="Log out").click()
        fill_login(page, member)
        field = page.get_by_label("Code", exact=True)
        field.fill(codes[0])
        with down(accounts):
            page.get_by_role("button", name="Continue").click()
            told(page)
        field.fill(codes[0])
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#account-name")).to_have_text(member.name)


def test_the_account_says_it_and_tries_again(accounts: Accounts) -> None:
    """The header keeps the name: nobody has said otherwise."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        with down(accounts):
            page.goto("/account/")
            told(page)
            expect(page.locator("#account")).to_be_hidden()
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
            page.get_by_role("button", name="Try again").click()
            told(page)
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#account-name")).to_have_text(member.name)
        expect(page.get_by_role("alert").filter(visible=True).filter(has_text="reached")).to_have_count(0)


def test_an_open_account_page_says_it_and_goes_on(accounts: Accounts) -> None:
    """A change that was not made is not called made; a logout that was not one neither."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.get_by_label("Current password").fill(member.password)
        page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
        change = page.get_by_role("button", name="Change the password")
        with down(accounts):
            change.click()
            told(page)
            page.get_by_role("button", name="Log out").click()
            expect(page.locator("#logout-error")).to_contain_text("cannot be reached")
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
        change.click()
        expect(page.locator("#password-status")).to_contain_text("The password is changed.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def test_a_members_page_says_it_and_is_there_after_a_reload(accounts: Accounts) -> None:
    """To the member, who stays logged in, and to a stranger; the site's other pages go on, and ask once."""
    member = accounts.member()
    with accounts.page() as page, accounts.page() as stranger:
        login(page, member)
        with down(accounts):
            for one in (page, stranger):
                assert one.goto(INSIDE).status == 503  # type: ignore[union-attr]
                expect(one.get_by_role("heading", level=1)).to_contain_text("out of order, back soon")
                expect(one.locator("main")).to_contain_text("does not answer, so nobody may")
                assert CANARY not in one.content()
            asked = calls(page)
            with page.expect_response("**/auth/session") as answer:
                assert page.goto("/about/").status == 200  # type: ignore[union-attr]
            assert (answer.value.status, len(asked)) == (503, 1)
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
            assert page.goto(INSIDE).status == 503  # type: ignore[union-attr]
        page.reload()
        expect(page.get_by_role("heading", name=f"Inside {CANARY}")).to_be_visible()
        stranger.reload()
        expect(stranger.get_by_role("heading", name="Log in to read this page")).to_be_visible()


@pytest.mark.parametrize("path", ["/about/", "/account/"])
def test_no_request_stays_open_behind_an_answer_that_is_none(accounts: Accounts, path: str) -> None:
    """Chromium never ends a request whose answer nobody reads: the header's here, the account's there."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        with down(accounts), page.expect_event("requestfinished", lambda one: "/auth/session" in one.url):
            page.goto(path)
        page.wait_for_load_state("networkidle")


def test_who_forgot_the_password_is_told_too(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/reset/")
        page.get_by_label("E-mail address").fill(member.email)
        send = page.get_by_role("button", name="Send the message")
        with down(accounts):
            send.click()
            told(page)
        send.click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
