"""Logging in and out in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.accounts import CANARY, INSIDE, Accounts, fill_login, login, record_requests

pytestmark = pytest.mark.browser


def error(page: Page) -> str:
    """Return the error of the login form."""
    line = page.locator("#login-error")
    expect(line).not_to_be_empty()
    return line.inner_text()


def test_without_a_login_pages_show_the_link_and_send_no_api_request(accounts: Accounts) -> None:
    """No request to the API, no storage, no cookie: on any page, including the login page."""
    with accounts.page() as page:
        requests = record_requests(page)
        for path in ("/", "/about/", "/account/login/", "/account/reset/"):
            page.goto(path)
            expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
            expect(page.locator(".menu-member")).to_be_hidden()
        assert (requests, page.context.cookies()) == ([], [])
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_member_logs_in_and_out(accounts: Accounts) -> None:
    """The header shows the name on every page, and the login link after the logout."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        expect(page).to_have_url(re.compile("/account/$"))
        page.goto("/about/")
        named = page.get_by_role("link", name=f"Your account: {member.name}")
        expect(named).to_be_visible()
        expect(page.locator(".menu-login")).to_be_hidden()
        named.click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        assert page.goto(INSIDE).status == 401  # type: ignore[union-attr]


def test_the_first_paint_shows_the_name(accounts: Accounts) -> None:
    """The name does not wait for the API, which never responds in this test."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.route("**/_allauth/**", lambda route: None)  # never respond
        # Record what is visible before each of the first five paints.
        page.add_init_script(
            """window.painted = new Promise(done => {
                const seen = [];
                const look = () => {
                    const way = document.querySelector(".menu-login");
                    const name = document.querySelector(".menu-member")?.innerText;
                    if (way) seen.push([way.checkVisibility(), name]);
                    if (seen.length < 5) requestAnimationFrame(look);
                    else done(seen);
                };
                requestAnimationFrame(look);
            });"""
        )
        page.goto("/about/")
        seen = page.evaluate("painted")
        assert len(seen) == 5
        assert {(shown, text.split(":")[1].strip()) for shown, text in seen} == {(False, member.name)}
        page.unroute_all()


def test_a_stored_name_without_a_session_is_removed(accounts: Accounts) -> None:
    """One request after the page has loaded, and only with a stored name."""
    with accounts.page() as page:
        page.goto("/about/")
        page.evaluate("localStorage.setItem('member', 'Somebody')")
        requests = record_requests(page)
        page.goto("/about/")
        expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        page.goto("/")
        page.wait_for_load_state("networkidle")
        assert len(requests) == 1


def test_a_stored_name_is_escaped(accounts: Accounts) -> None:
    with accounts.page() as page:
        page.goto("/about/")
        page.evaluate("localStorage.setItem('member', '<img src=x onerror=alert(1)>')")
        page.route("**/_allauth/**", lambda route: route.abort())
        page.goto("/about/")
        expect(page.locator("[data-member-name]")).to_have_text("<img src=x onerror=alert(1)>")


def test_a_wrong_password_and_an_unknown_address_show_the_same_error(accounts: Accounts) -> None:
    """The form's alert announces it, and the form keeps its values."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        fill_login(page, member, "certainly not it")
        message = error(page)
        page.get_by_label("E-mail address").fill("nobody-at-all@example.org")
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.locator("#login")).to_have_attribute("aria-busy", "false")
        assert message == error(page) == "E-mail address and password do not belong together."
        expect(page.get_by_role("alert").first).to_have_text(message)


def test_five_failures_lock_the_account_and_show_why(accounts: Accounts) -> None:
    """The lock applies to the right password, too, or the response would confirm it."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        for _ in range(5):
            fill_login(page, member, "certainly not it")
            expect(page.locator("#login")).to_have_attribute("aria-busy", "false")
            expect(page.locator("#login-error")).to_contain_text("do not belong together")
        fill_login(page, member)
        expect(page.locator("#login-error")).to_contain_text("Too many failed attempts")


def test_a_members_page_replaces_the_login_at_its_url(accounts: Accounts) -> None:
    """The login has the URL of the page, a heading with the focus, and gives way to the page."""
    member = accounts.member()
    with accounts.page() as page:
        assert page.goto(INSIDE).status == 401  # type: ignore[union-attr]
        expect(page).to_have_title(re.compile("^Log in to read this page – "))
        expect(page.get_by_role("heading", name="Log in to read this page")).to_be_focused()
        assert CANARY not in page.content()
        fill_login(page, member)
        expect(page.get_by_role("heading", name=f"Inside {CANARY}")).to_be_visible()
        expect(page).to_have_url(accounts.url + INSIDE)
        assert page.evaluate("document.querySelector('.menu-member').innerText").endswith(member.name)


def test_back_after_the_logout_shows_no_members_page(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.goto(INSIDE)
        expect(page.get_by_role("heading", name=f"Inside {CANARY}")).to_be_visible()
        page.goto("/account/")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Log in to read this page")).to_be_visible()
        assert page.url == accounts.url + INSIDE
        assert CANARY not in page.content()


def test_the_login_page_says_when_one_is_logged_in(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.goto("/account/login/")
        expect(page.get_by_role("status").first).to_have_text("You are logged in already.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("status").first).to_have_text("Logged out.")
        expect(page.get_by_label("E-mail address")).to_be_focused()


def test_the_account_page_redirects_to_the_login_without_a_session(accounts: Accounts) -> None:
    with accounts.page() as page:
        page.goto("/account/")
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def test_two_clicks_send_one_request(accounts: Accounts) -> None:
    """Two Enters send one, too."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        requests = record_requests(page, "auth/login")

        def slowly(route: Route) -> None:
            page.keyboard.press("Enter")
            route.continue_()

        page.route("**/auth/login", slowly)
        page.get_by_label("E-mail address").fill(member.email)
        page.get_by_label("Password", exact=True).fill(member.password)
        page.get_by_role("button", name="Log in", exact=True).dblclick(no_wait_after=True)
        expect(page.locator("#account-name")).to_have_text(member.name)
        assert len(requests) == 1


def test_the_keyboard_alone_logs_in_and_out(accounts: Accounts) -> None:
    """Skip link, form, a refused password, account, logout."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        keys = page.keyboard
        keys.press("Tab")
        keys.press("Enter")  # the skip link
        keys.press("Tab")
        expect(page.get_by_label("E-mail address")).to_be_focused()
        keys.type(member.email)
        keys.press("Tab")
        keys.type("certainly not it")
        keys.press("Enter")
        error(page)
        expect(page.get_by_label("Password", exact=True)).to_be_focused()  # the invalid field
        keys.press("Control+A")
        keys.type(member.password)
        keys.press("Enter")
        expect(page.locator("#account-name")).to_have_text(member.name)
        page.get_by_role("link", name="Skip to the content").focus()
        keys.press("Enter")
        keys.press("Tab")
        expect(page.get_by_role("button", name="Log out")).to_be_focused()
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


# The response of api/accounts/middleware.py when its queue is full.
BUSY = '{"status": 503, "errors": [{"code": "login_busy", "message": ""}]}'


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (None, "cannot be reached"),
        ({"status": 200, "content_type": "text/html", "body": "<h1>a portal</h1>"}, "cannot be reached"),
        ({"status": 200, "content_type": "application/json", "body": "{"}, "cannot be reached"),
        ({"status": 429, "content_type": "application/json", "body": "{}"}, "Too many requests"),
        ({"status": 403, "content_type": "application/json", "body": "{}"}, "Reload it"),
        (
            {"status": 503, "content_type": "application/json", "body": BUSY},
            "Many are logging in just now. Try again in a few seconds.",
        ),
    ],
    ids=["no network", "not the API", "broken", "too many", "foreign", "busy"],
)
def test_a_failed_login_request_shows_why(
    accounts: Accounts, response: dict[str, str | int] | None, message: str
) -> None:
    """The form can be sent again."""
    with accounts.page() as page:
        page.goto("/account/login/")
        page.route("**/auth/login", lambda route: route.fulfill(**response) if response else route.abort())
        fill_login(page, accounts.unused[0])
        assert message in error(page)
        expect(page.get_by_role("button", name="Log in", exact=True)).to_have_attribute(
            "aria-disabled", "false"
        )


def test_without_javascript_the_account_pages_show_no_form(accounts: Accounts) -> None:
    with accounts.context(java_script_enabled=False) as context:
        page = context.new_page()
        for path in ("login/", "", "reset/", "reset/new/", "verify/"):
            page.goto(f"/account/{path}")
            expect(page.locator("noscript")).to_be_visible()
            assert "Logging in needs JavaScript." in page.locator("main").inner_text()
            assert page.get_by_role("textbox").count() == 0
            assert page.get_by_role("button").count() == 0
            expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
