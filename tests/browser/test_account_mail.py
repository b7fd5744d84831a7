"""The links in mails: new password, confirmed address; and changing the password."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accounts import NEW_PASSWORD, Accounts, Member, fill_login, login, record_requests
from tests.support.previews import TIMEOUT

pytestmark = pytest.mark.browser

NEW = "New password"


def link(accounts: Accounts, email: str, subject: str) -> str:
    """Return the link of the newest mail to *email*."""
    found = re.search(r"https?://\S+#\S+", accounts.site.mails.to(email, subject).get_content())
    assert found
    return found[0]


def test_a_forgotten_password_is_reset_by_mail(accounts: Accounts) -> None:
    """The link works once; a reset does not log in; the old password is invalid."""
    member = accounts.member()
    with accounts.page() as page:
        page.goto("/account/login/")
        page.get_by_role("link", name="Forgotten the password?").click()
        page.get_by_label("E-mail address").fill(member.email)
        page.get_by_role("button", name="Send the message").click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_focused()
        address = link(accounts, member.email, "Set a new password")

        page.goto(address)
        expect(page.locator("input[name=username]")).to_have_value(member.email)  # for the password manager
        page.get_by_label(NEW, exact=True).fill("password1234")
        page.get_by_role("button", name="Set this password").click()
        expect(page.locator("#reset-new-error")).to_contain_text("Everybody's password")
        expect(page.get_by_label(NEW, exact=True)).to_be_focused()
        page.get_by_label("Show the password").check()
        expect(page.get_by_label(NEW, exact=True)).to_have_attribute("type", "text")
        page.get_by_label(NEW, exact=True).fill(NEW_PASSWORD)
        page.get_by_role("button", name="Set this password").click()
        expect(page.get_by_role("heading", name="The password is set")).to_be_focused()
        assert "#" not in page.url, "the key must not stay in the history"
        page.get_by_role("link", name="Log in", exact=True).click()
        fill_login(page, member)
        expect(page.locator("#login-error")).to_contain_text("do not belong together")
        fill_login(page, member, NEW_PASSWORD)
        expect(page.locator("#account-name")).to_have_text(member.name)

        page.goto(address)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
        page.get_by_role("link", name="Ask for a new link").click()
        expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()


def test_an_invited_member_sets_a_password_and_logs_in(accounts: Accounts) -> None:
    accounts.site.invite("invited@example.org", name="Ida")
    with accounts.page() as page:
        page.goto(link(accounts, "invited@example.org", "You are invited"))
        page.get_by_label(NEW, exact=True).fill(NEW_PASSWORD)
        page.get_by_role("button", name="Set this password").click()
        expect(page.get_by_role("heading", name="The password is set")).to_be_visible()
        login(page, Member("invited@example.org", "Ida", NEW_PASSWORD))


def test_an_unknown_address_shows_the_same_page_as_a_member(accounts: Accounts) -> None:
    """The page must not disclose whether an account exists."""
    with accounts.page() as page:
        page.goto("/account/reset/")
        page.get_by_label("E-mail address").fill("nobody-at-all@example.org")
        page.get_by_role("button", name="Send the message").click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_focused()


def test_only_the_button_confirms_an_address(accounts: Accounts) -> None:
    """Opening the page does not: mail scanners open links."""
    member = accounts.member()
    accounts.site.python(
        "from allauth.account.models import EmailAddress\n"
        f"EmailAddress.objects.filter(email={member.email!r}).update(verified=False)"
    )
    with accounts.page() as page:
        page.goto("/account/login/")
        fill_login(page, member)
        expect(page.locator("#login-error")).to_contain_text("has to be confirmed first")
        address = link(accounts, member.email, "Is this your address?")
        requests = record_requests(page, "email/verify")
        page.goto(address)
        expect(page.locator("#verify-address")).to_have_text(member.email)
        assert [one.split()[0] for one in requests] == ["GET"]
        page.get_by_role("button", name="Confirm this address").click()
        expect(page.get_by_role("heading", name="The address is confirmed")).to_be_focused()
        assert "#" not in page.url
        login(page, member)
        page.goto(address)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


@pytest.mark.parametrize("path", ["/account/reset/new/", "/account/verify/"])
@pytest.mark.parametrize("key", ["", "#nonsense"])
def test_a_link_without_a_valid_key_shows_an_error(accounts: Accounts, path: str, key: str) -> None:
    with accounts.page() as page:
        page.goto(path + key)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible(
            timeout=TIMEOUT * 1000
        )
        assert page.get_by_role("button").count() == 0


def test_changing_the_password_requires_the_current_one(accounts: Accounts) -> None:
    """This browser stays logged in; the other one is logged out."""
    member = accounts.member()
    with accounts.page() as page, accounts.page() as other:
        login(other, member)
        login(page, member)
        page.get_by_label("Current password").fill("certainly not it")
        page.get_by_label(NEW, exact=True).fill(NEW_PASSWORD)
        page.get_by_role("button", name="Change the password").click()
        expect(page.locator("#password-error")).to_have_text("This is not the current password.")
        expect(page.get_by_label("Current password")).to_be_focused()
        page.get_by_label("Current password").fill(member.password)
        page.get_by_role("button", name="Change the password").click()
        expect(page.locator("#password-status")).to_contain_text("The password is changed.")
        page.reload()
        expect(page.locator("#account-name")).to_have_text(member.name)
        other.reload()
        expect(other.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
        login(other, member, NEW_PASSWORD)
