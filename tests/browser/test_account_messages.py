"""The account scripts contain no text: each message is a data attribute of its page, and is used."""

from __future__ import annotations

import re

import pytest

from tests.support.project import ROOT
from tests.support.trees import Page, Site

ACCOUNT = ("/account/", "/account/login/", "/account/reset/", "/account/reset/new/", "/account/verify/")
# Selected by an error code of the API, not by name in a script.
CODES = {
    "emailPasswordMismatch", "emailTaken", "enterCurrentPassword", "incorrectCode", "incorrectPassword",
    "invalid", "passwordTooCommon", "passwordTooLong", "passwordTooShort", "passwordTooSimilar",
    "tooManyLoginAttempts", "unverifiedEmail", "loginBusy", "mailBusy",
}  # fmt: skip


def messages_of(page: Page) -> set[str]:
    """Return the names of the messages of *page*, as scripts use them."""
    attrs = next(one.attrs for one in page.elements if one.attrs.get("id") == "words")
    names = (name.removeprefix("data-") for name in attrs if name.startswith("data-"))
    return {re.sub(r"-(.)", lambda found: found[1].upper(), name) for name in names}


def used_messages(page: Page) -> set[str]:
    """Return the names of the messages that the scripts of *page* use."""
    sources = [one.attrs["src"] for one in page.all("script") if "src" in one.attrs]
    names = [re.sub(r"\.[0-9a-f]{8}\.js$", "", source.rpartition("/")[2]) for source in sources]
    text = "".join((ROOT / "theme" / "js" / f"{name}.js").read_text("utf-8") for name in names)
    return {*re.findall(r"\bwords\.(\w+)", text), *re.findall(r'"(passkey[A-Z]\w+)"', text)}


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_message_of_a_script_is_on_its_page(large_site: Site, url: str) -> None:
    page = large_site.pages[url]
    passkeys = {"passkeyKnown"} if url == "/account/login/" else set()  # only for a new passkey
    assert used_messages(page) - messages_of(page) == passkeys


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_message_of_a_page_is_used(large_site: Site, url: str) -> None:
    page = large_site.pages[url]
    assert messages_of(page) - used_messages(page) - CODES == set()


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_field_has_autocomplete_and_a_message_for_missing(large_site: Site, url: str) -> None:
    """autocomplete is for password managers."""
    fields = [one.attrs for one in large_site.pages[url].all("input") if one.attrs.get("type") != "checkbox"]
    assert [field for field in fields if "autocomplete" not in field] == []
    required = [field for field in fields if "hidden" not in field]
    assert [field for field in required if not field.get("data-missing")] == []
