"""Second factors and passkeys in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import (
    INSIDE,
    Accounts,
    add_authenticator,
    fill_login,
    login,
    reauthenticate,
    set_up_totp,
    totp,
)
from tests.web.conftest import CANARY

pytestmark = pytest.mark.browser


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def enter_code(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Continue").click()


def test_the_login_requires_the_code_of_an_app(accounts: Accounts) -> None:
    """The code of RFC 6238 works once; any other is refused."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        secret, codes = set_up_totp(page, member)
        expect(page.locator("#recovery-left")).to_have_text("10 of 10 codes are left.")
        page.get_by_role("button", name="I have kept them").click()
        assert codes[0] not in page.content()
        assert secret not in page.content()
        log_out(page)

        fill_login(page, member)
        expect(page.get_by_role("heading", name="One more proof")).to_be_visible()
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        enter_code(page, "000000")
        expect(page.locator("#second-error")).to_contain_text("This code is wrong")
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        code = totp(secret)
        enter_code(page, code)
        expect(page.locator("#account-name")).to_have_text(member.name)
        log_out(page)
        fill_login(page, member)
        enter_code(page, code)
        expect(page.locator("#second-error")).to_contain_text("used or too old")


def test_a_recovery_code_works_once_and_a_login_can_be_restarted(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        _, codes = set_up_totp(page, member)
        log_out(page)
        fill_login(page, member)
        page.get_by_role("button", name="Start again").click()
        expect(page.get_by_label("E-mail address")).to_be_focused()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
        fill_login(page, member)
        enter_code(page, codes[3])
        expect(page.locator("#recovery-left")).to_have_text("9 of 10 codes are left.")
        log_out(page)
        fill_login(page, member)
        enter_code(page, codes[3])
        expect(page.locator("#second-error")).to_contain_text("This code is wrong, used or too old")


def test_new_recovery_codes_replace_the_old_and_the_app_is_removed(accounts: Accounts) -> None:
    """A dialog asks for confirmation first; Cancel changes nothing."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        _, codes = set_up_totp(page, member)
        page.get_by_role("button", name="I have kept them").click()
        page.get_by_role("button", name="Make new codes").click()
        page.get_by_role("dialog").get_by_role("button", name="Yes").click()
        expect(page.locator("#recovery-codes li")).to_have_count(10)
        assert not {*page.locator("#recovery-codes li").all_inner_texts()} & {*codes}
        remove = page.locator("#totp-on").get_by_role("button", name="Remove")
        remove.click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(remove).to_be_visible()
        remove.click()
        page.get_by_role("dialog").get_by_role("button", name="Yes").click()
        expect(page.get_by_role("button", name="Set up an app")).to_be_focused()
        expect(page.get_by_role("heading", name="Recovery codes", exact=True)).to_be_hidden()


def test_the_recovery_codes_are_copied_and_printed_alone(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page(permissions=["clipboard-read", "clipboard-write"]) as page:
        login(page, member)
        _, codes = set_up_totp(page, member)
        page.get_by_role("button", name="Copy").click()
        expect(page.locator("#recovery-status")).to_have_text("Copied.")
        assert page.evaluate("navigator.clipboard.readText()").split() == codes
        page.evaluate(
            """window.print = () => {
                window.printed = document.documentElement.dataset.print;
            }"""
        )
        page.get_by_role("button", name="Print").click()
        assert page.evaluate("window.printed") == "recovery"
        page.evaluate("document.documentElement.dataset.print = 'recovery'")
        page.emulate_media(media="print")
        expect(page.locator("#recovery-codes")).to_be_visible()
        expect(page.get_by_role("heading", name="Passkeys")).to_be_hidden()


def test_without_reauthentication_nothing_changes(accounts: Accounts) -> None:
    """The dialog shows a wrong password; Escape cancels the change."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        button = page.get_by_role("button", name="Set up an app")
        button.click()
        dialog = page.get_by_role("dialog", name="Is it still you?")
        expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
        dialog.get_by_label("Password", exact=True).fill("certainly not it")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.get_by_role("alert")).to_have_text("This password is wrong.")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()
        expect(page.locator("#totp-setup")).to_be_hidden()


def test_a_passkey_is_added_logs_in_and_is_removed(accounts: Accounts) -> None:
    member = accounts.member()
    with accounts.page() as page:
        add_authenticator(page)
        login(page, member)
        page.get_by_label("Name of the passkey").fill("Laptop <b>")
        page.get_by_role("button", name="Add a passkey").click()
        reauthenticate(page, member)
        expect(page.locator("#passkeys [data-part=name]")).to_have_text("Laptop <b>")
        expect(page.locator("#passkey-add-status")).to_contain_text("The passkey is added.")
        expect(page.locator("#recovery-codes li")).to_have_count(10)
        log_out(page)

        page.goto(INSIDE)
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_role("heading", name=f"Inside {CANARY}")).to_be_visible()

        page.goto("/account/")
        page.get_by_role("button", name="Rename: Laptop").click()
        field = page.locator("#passkeys").get_by_label("Name of the passkey")
        expect(field).to_be_focused()
        field.fill("Desk")
        page.get_by_role("button", name="Save the name").click()
        reauthenticate(page, member)
        expect(page.get_by_role("button", name="Rename: Desk")).to_be_focused()
        page.get_by_role("button", name="Remove: Desk").click()
        page.get_by_role("dialog").get_by_role("button", name="Yes").click()
        expect(page.get_by_text("There is none yet.")).to_be_visible()
        log_out(page)
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.locator("#login-error")).not_to_be_empty()


def test_a_passkey_is_a_second_factor_too(accounts: Accounts) -> None:
    """After the password, and for reauthentication."""
    member = accounts.member()
    with accounts.page() as page:
        add_authenticator(page)
        login(page, member)
        page.get_by_label("Name of the passkey").fill("Laptop")
        page.get_by_role("button", name="Add a passkey").click()
        reauthenticate(page, member)
        expect(page.locator("#passkeys li")).to_have_count(1)
        log_out(page)
        fill_login(page, member)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.locator("#account-name")).to_have_text(member.name)
        page.get_by_role("button", name="Set up an app").click()
        page.get_by_role("dialog").get_by_role("button", name="Use a passkey").click()
        expect(page.locator("#totp-secret")).to_be_visible()


def test_a_cancelled_passkey_shows_an_error(accounts: Accounts) -> None:
    with accounts.page() as page:
        page.goto("/account/login/")
        page.evaluate(
            """() => { navigator.credentials.get =
                () => Promise.reject(new DOMException("no", "NotAllowedError")); }"""
        )
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.locator("#login-error")).to_contain_text("No passkey came")


def test_browsers_without_json_methods_use_passkeys(accounts: Accounts) -> None:
    """The script has its own base64url for browsers from before 2025."""
    member = accounts.member()
    with accounts.page() as page:
        page.add_init_script(
            """delete PublicKeyCredential.parseCreationOptionsFromJSON;
            delete PublicKeyCredential.parseRequestOptionsFromJSON;
            delete PublicKeyCredential.prototype.toJSON;"""
        )
        add_authenticator(page)
        login(page, member)
        page.get_by_label("Name of the passkey").fill("Old")
        page.get_by_role("button", name="Add a passkey").click()
        reauthenticate(page, member)
        expect(page.locator("#passkeys li")).to_have_count(1)
        log_out(page)
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.locator("#account-name")).to_have_text(member.name)


def test_the_owner_opens_the_admin_only_with_a_second_factor(accounts: Accounts) -> None:
    """Without a session it shows the login, and after a password alone 403."""
    member = accounts.member()
    accounts.make_owner(member)
    with accounts.page() as page:
        assert page.goto("/admin/").status == 401  # type: ignore[union-attr]
        fill_login(page, member)
        expect(page.get_by_role("heading", name="403")).to_be_visible()
        page.get_by_role("link", name="Look after your account").click()
        _, codes = set_up_totp(page, member)
        log_out(page)
        page.goto("/admin/")
        fill_login(page, member)
        enter_code(page, codes[0])
        expect(page.get_by_role("heading", name="Who may read, and who may invite")).to_be_visible()
        assert page.url == accounts.url + "/admin/"


def test_the_qr_code_has_the_finders_and_timing_of_its_link(accounts: Accounts) -> None:
    """The page draws it; this checks its size, the three finder patterns and the timing pattern."""
    member = accounts.member()
    with accounts.page() as page:
        login(page, member)
        page.get_by_role("button", name="Set up an app").click()
        reauthenticate(page, member)
        qr_code = page.get_by_role("img", name="QR code with the secret")
        expect(qr_code).to_be_visible()
        secret = page.locator("#totp-secret").inner_text().replace(" ", "")
        link = page.locator("#totp-link").get_attribute("href") or ""
        assert link.startswith("otpauth://totp/")
        assert f"secret={secret}" in link
        size = int((qr_code.get_attribute("viewBox") or "").split()[2]) - 8
        cells = page.evaluate(
            "[...document.querySelector('#totp-qr path').getAttribute('d').matchAll(/M(\\d+) (\\d+)/g)]"
            ".map(one => [one[1] - 4, one[2] - 4])"
        )
        dark = {(x, y) for x, y in cells}
        for left, top in ((0, 0), (size - 7, 0), (0, size - 7)):
            ring = {(left + x, top + y) for x in range(7) for y in range(7) if x in (0, 6) or y in (0, 6)}
            core = {(left + x, top + y) for x in range(2, 5) for y in range(2, 5)}
            assert ring | core <= dark
        assert [(x, 6) in dark for x in range(8, size - 8)] == [x % 2 == 0 for x in range(8, size - 8)]
        assert page.evaluate("getComputedStyle(document.querySelector('#totp-qr')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
