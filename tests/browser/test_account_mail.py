"""What members do with the mails that they get."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accounts import NEW_PASSWORD, Accounts, Member, calls, fill_login, login
from tests.support.previews import PATIENCE

pytestmark = pytest.mark.browser

NEW = "New password"


def link(accounts: Accounts, email: str, subject: str) -> str:
    """Return the link of the newest mail to *email*."""
    found = re.search(r"https?://\S+#\S+", accounts.site.mails.to(email, subject).get_content())
    assert found
    return found[0]


def test_a_forgotten_password_is_set_anew_by_mail(accounts: Accounts) -> None:
    """The link works once; a reset logs nobody in; the old password is worth nothing."""
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
        assert "#" not in page.url, "the key stays in no history"
        page.get_by_role("link", name="Log in", exact=True).click()
        fill_login(page, member)
        expect(page.locator("#login-error")).to_contain_text("do not belong together")
        fill_login(page, member, NEW_PASSWORD)
        expect(page.locator("#account-name")).to_have_text(member.name)

        page.goto(address)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
        page.get_by_role("link", name="Ask for a new link").click()
        expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()


def test_an_invited_member_sets_a_password_and_is_let_in(accounts: Accounts) -> None:
    accounts.site.invite("invited@example.org", name="Ida")
    with accounts.page() as page:
        page.goto(link(accounts, "invited@example.org", "You are invited"))
        page.get_by_label(NEW, exact=True).fill(NEW_PASSWORD)
        page.get_by_role("button", name="Set this password").click()
        expect(page.get_by_role("heading", name="The password is set")).to_be_visible()
        login(page, Member("invited@example.org", "Ida", NEW_PASSWORD))


def test_a_stranger_hears_the_same_as_a_member(accounts: Accounts) -> None:
    """Whether there is an account is nobody's business."""
    with accounts.page() as page:
        page.goto("/account/reset/")
        page.get_by_label("E-mail address").fill("nobody-at-all@example.org")
        page.get_by_role("button", name="Send the message").click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_focused()


def test_an_address_is_confirmed_by_a_button_and_not_by_opening_the_page(accounts: Accounts) -> None:
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
        asked = calls(page, "email/verify")
        page.goto(address)
        expect(page.locator("#verify-address")).to_have_text(member.email)
        assert [one.split()[0] for one in asked] == ["GET"]
        page.get_by_role("button", name="Confirm this address").click()
        expect(page.get_by_role("heading", name="The address is confirmed")).to_be_focused()
        assert "#" not in page.url
        login(page, member)
        page.goto(address)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


@pytest.mark.parametrize("path", ["/account/reset/new/", "/account/verify/"])
@pytest.mark.parametrize("key", ["", "#nonsense"])
def test_a_link_without_a_good_key_is_told(accounts: Accounts, path: str, key: str) -> None:
    with accounts.page() as page:
        page.goto(path + key)
        expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible(
            timeout=PATIENCE * 1000
        )
        assert page.get_by_role("button").count() == 0


def test_a_password_is_changed_by_who_knows_the_old_one(accounts: Accounts) -> None:
    """This browser stays logged in, the other one does not."""
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
