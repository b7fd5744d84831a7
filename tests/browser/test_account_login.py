"""Logging in and out, as readers do it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.accounts import CANARY, INSIDE, Accounts, calls, fill_login, login

pytestmark = pytest.mark.browser


def error(page: Page) -> str:
    """Return what the login form says is wrong."""
    line = page.locator("#login-error")
    expect(line).not_to_be_empty()
    return line.inner_text()


def test_a_stranger_is_asked_nothing_and_sees_the_way_in(accounts: Accounts) -> None:
    """No request to the API, nothing stored, no cookie: on any page, the login's own included."""
    with accounts.page() as page:
        asked = calls(page)
        for path in ("/", "/about/", "/account/login/", "/account/reset/"):
            page.goto(path)
            expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
            expect(page.locator(".menu-member")).to_be_hidden()
        assert (asked, page.context.cookies()) == ([], [])
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_member_logs_in_and_out(accounts: Accounts) -> None:
    """The header shows the name at once on every page, and the login again afterwards."""
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


def test_the_name_is_there_from_the_first_paint_on(accounts: Accounts) -> None:
    """Whatever is painted first shows the name: it does not wait for the API, which is silent here."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.route("**/_allauth/**", lambda route: None)  # no answer, ever
        # Looks at what there is each time before the browser paints.
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


def test_a_mark_without_a_session_is_corrected(accounts: Accounts) -> None:
    """One question, after the page has loaded, and only where there is a mark."""
    with accounts.page() as page:
        page.goto("/about/")
        page.evaluate("localStorage.setItem('member', 'Somebody')")
        asked = calls(page)
        page.goto("/about/")
        expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        page.goto("/")
        page.wait_for_load_state("networkidle")
        assert len(asked) == 1


def test_a_name_is_text_and_never_markup(accounts: Accounts) -> None:
    with accounts.page() as page:
        page.goto("/about/")
        page.evaluate("localStorage.setItem('member', '<img src=x onerror=alert(1)>')")
        page.route("**/_allauth/**", lambda route: route.abort())
        page.goto("/about/")
        expect(page.locator("[data-member-name]")).to_have_text("<img src=x onerror=alert(1)>")


def test_a_wrong_password_is_told_and_does_not_tell_who_is_a_member(accounts: Accounts) -> None:
    """The words are tied to the form's alert; what was typed stays, but for nothing."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        fill_login(page, member, "certainly not it")
        told = error(page)
        page.get_by_label("E-mail address").fill("nobody-at-all@example.org")
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.locator("#login")).to_have_attribute("aria-busy", "false")
        assert told == error(page) == "E-mail address and password do not belong together."
        expect(page.get_by_role("alert").first).to_have_text(told)


def test_five_failures_lock_and_it_is_told(accounts: Accounts) -> None:
    """Even for the right password: else the answer would tell it."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        for _ in range(5):
            fill_login(page, member, "certainly not it")
            expect(page.locator("#login")).to_have_attribute("aria-busy", "false")
            expect(page.locator("#login-error")).to_contain_text("do not belong together")
        fill_login(page, member)
        expect(page.locator("#login-error")).to_contain_text("Too many failed attempts")


def test_a_members_page_appears_in_place_of_the_login(accounts: Accounts) -> None:
    """The login stands under the page's own address, says so, has the focus; then the page is there."""
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


def test_whoever_is_logged_in_is_told_on_the_login_page(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.goto("/account/login/")
        expect(page.get_by_role("status").first).to_have_text("You are logged in already.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("status").first).to_have_text("Logged out.")
        expect(page.get_by_label("E-mail address")).to_be_focused()


def test_the_account_sends_strangers_to_the_login(accounts: Accounts) -> None:
    with accounts.page() as page:
        page.goto("/account/")
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def test_two_clicks_send_one_request(accounts: Accounts) -> None:
    """And so do two Enters; the button keeps the focus meanwhile."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        asked = calls(page, "auth/login")

        def slowly(route: Route) -> None:
            page.keyboard.press("Enter")
            route.continue_()

        page.route("**/auth/login", slowly)
        page.get_by_label("E-mail address").fill(member.email)
        page.get_by_label("Password", exact=True).fill(member.password)
        page.get_by_role("button", name="Log in", exact=True).dblclick(no_wait_after=True)
        expect(page.locator("#account-name")).to_have_text(member.name)
        assert len(asked) == 1


def test_the_keyboard_is_enough(accounts: Accounts) -> None:
    """From the address bar to the account and out again."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        keys = page.keyboard
        keys.press("Tab")
        keys.press("Enter")  # past the header
        keys.press("Tab")
        expect(page.get_by_label("E-mail address")).to_be_focused()
        keys.type(member.email)
        keys.press("Tab")
        keys.type("certainly not it")
        keys.press("Enter")
        error(page)
        expect(page.get_by_label("Password", exact=True)).to_be_focused()  # where it went wrong
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


# As api/accounts/middleware.py answers while too many logins wait.
BUSY = '{"status": 503, "errors": [{"code": "login_busy", "message": ""}]}'


@pytest.mark.parametrize(
    ("answer", "told"),
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
def test_what_hinders_the_login_is_told(
    accounts: Accounts, answer: dict[str, str | int] | None, told: str
) -> None:
    """In plain words, and the form can be sent again."""
    with accounts.page() as page:
        page.goto("/account/login/")
        page.route("**/auth/login", lambda route: route.fulfill(**answer) if answer else route.abort())
        fill_login(page, accounts.stock[0])
        assert told in error(page)
        expect(page.get_by_role("button", name="Log in", exact=True)).to_have_attribute(
            "aria-disabled", "false"
        )


def test_without_javascript_nothing_is_offered_that_needs_it(accounts: Accounts) -> None:
    with accounts.context(java_script_enabled=False) as context:
        page = context.new_page()
        for path in ("login/", "", "reset/", "reset/new/", "verify/"):
            page.goto(f"/account/{path}")
            expect(page.locator("noscript")).to_be_visible()
            assert "Logging in needs JavaScript." in page.locator("main").inner_text()
            assert page.get_by_role("textbox").count() == 0
            assert page.get_by_role("button").count() == 0
            expect(page.get_by_role("link", name="Login", exact=True)).to_be_visible()
