"""Pages while the API is stopped, and after it has started again."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import (
    CANARY,
    INSIDE,
    NEW_PASSWORD,
    Accounts,
    fill_login,
    login,
    record_requests,
    set_up_totp,
    stop_api,
)

pytestmark = pytest.mark.browser


def expect_error(page: Page) -> None:
    """Wait for the one visible alert that the API cannot be reached."""
    alert = page.get_by_role("alert").filter(visible=True).filter(has_text="cannot be reached")
    expect(alert).to_have_count(1)


def test_the_login_shows_the_error_and_retries_without_a_reload(accounts: Accounts) -> None:
    """The form keeps its values, so that one click is enough."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        with stop_api(accounts):
            fill_login(page, member)
            expect_error(page)
            expect(page.get_by_label("E-mail address")).to_have_value(member.email)
            button = page.get_by_role("button", name="Log in", exact=True)
            expect(button).to_have_attribute("aria-disabled", "false")
        button.click()
        expect(page.locator("#account-name")).to_have_text(member.name)


def test_a_pending_second_factor_survives_the_outage(accounts: Accounts) -> None:
    """The form requires only the code again."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        _, codes = set_up_totp(page, member)
        page.get_by_role("button", name="Log out").click()
        fill_login(page, member)
        field = page.get_by_label("Code", exact=True)
        field.fill(codes[0])
        with stop_api(accounts):
            page.get_by_role("button", name="Continue").click()
            expect_error(page)
        field.fill(codes[0])
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#account-name")).to_have_text(member.name)


def test_the_account_page_shows_the_error_and_retries(accounts: Accounts) -> None:
    """The header keeps the name without a response."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        with stop_api(accounts):
            page.goto("/account/")
            expect_error(page)
            expect(page.locator("#account")).to_be_hidden()
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
            page.get_by_role("button", name="Try again").click()
            expect_error(page)
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#account-name")).to_have_text(member.name)
        expect(page.get_by_role("alert").filter(visible=True).filter(has_text="reached")).to_have_count(0)


def test_an_open_account_page_shows_the_error_and_continues(accounts: Accounts) -> None:
    """A failed change or logout is not reported as done."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.get_by_label("Current password").fill(member.password)
        page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
        change = page.get_by_role("button", name="Change the password")
        with stop_api(accounts):
            change.click()
            expect_error(page)
            page.get_by_role("button", name="Log out").click()
            expect(page.locator("#logout-error")).to_contain_text("cannot be reached")
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
        change.click()
        expect(page.locator("#password-status")).to_contain_text("The password is changed.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def test_a_members_page_is_503_until_the_api_is_back(accounts: Accounts) -> None:
    """With and without a session, which survives; other pages work, and send one request."""
    member = accounts.member()
    with accounts.page() as page, accounts.page() as anonymous:
        login(page, member)
        with stop_api(accounts):
            for one in (page, anonymous):
                assert one.goto(INSIDE).status == 503  # type: ignore[union-attr]
                expect(one.get_by_role("heading", level=1)).to_contain_text("out of order, back soon")
                expect(one.locator("main")).to_contain_text("does not answer, so nobody may")
                assert CANARY not in one.content()
            requests = record_requests(page)
            with page.expect_response("**/auth/session") as response:
                assert page.goto("/about/").status == 200  # type: ignore[union-attr]
            assert (response.value.status, len(requests)) == (503, 1)
            expect(page.get_by_role("link", name=f"Your account: {member.name}")).to_be_visible()
            assert page.goto(INSIDE).status == 503  # type: ignore[union-attr]
        page.reload()
        expect(page.get_by_role("heading", name=f"Inside {CANARY}")).to_be_visible()
        anonymous.reload()
        expect(anonymous.get_by_role("heading", name="Log in to read this page")).to_be_visible()


@pytest.mark.parametrize("path", ["/about/", "/account/"])
def test_no_request_stays_open_after_a_failed_response(accounts: Accounts, path: str) -> None:
    """Chromium keeps a request open whose response is never read: of the header, or of the account."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        with stop_api(accounts), page.expect_event("requestfinished", lambda one: "/auth/session" in one.url):
            page.goto(path)
        page.wait_for_load_state("networkidle")


def test_the_password_reset_shows_the_error_and_retries(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/reset/")
        page.get_by_label("E-mail address").fill(member.email)
        send = page.get_by_role("button", name="Send the message")
        with stop_api(accounts):
            send.click()
            expect_error(page)
        send.click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
