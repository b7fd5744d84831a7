"""The account's scripts speak no language: each sentence that they say stands on the page, and is said."""

from __future__ import annotations

import re

import pytest

from tests.support.project import ROOT
from tests.support.trees import Page, Site

ACCOUNT = ("/account/", "/account/login/", "/account/reset/", "/account/reset/new/", "/account/verify/")
# Chosen by a code of the API, not by name.
CODES = {
    "emailPasswordMismatch", "emailTaken", "enterCurrentPassword", "incorrectCode", "incorrectPassword",
    "invalid", "passwordTooCommon", "passwordTooLong", "passwordTooShort", "passwordTooSimilar",
    "tooManyLoginAttempts", "unverifiedEmail", "loginBusy", "mailBusy",
}  # fmt: skip


def words_of(page: Page) -> set[str]:
    """Return the words of *page* by the names that scripts know."""
    attrs = next(one.attrs for one in page.elements if one.attrs.get("id") == "words")
    names = (name.removeprefix("data-") for name in attrs if name.startswith("data-"))
    return {re.sub(r"-(.)", lambda found: found[1].upper(), name) for name in names}


def said_on(page: Page) -> set[str]:
    """Return the words that the scripts of *page* ask for."""
    sources = [one.attrs["src"] for one in page.all("script") if "src" in one.attrs]
    names = [re.sub(r"\.[0-9a-f]{8}\.js$", "", source.rpartition("/")[2]) for source in sources]
    text = "".join((ROOT / "theme" / "js" / f"{name}.js").read_text("utf-8") for name in names)
    return {*re.findall(r"\bwords\.(\w+)", text), *re.findall(r'"(passkey[A-Z]\w+)"', text)}


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_word_that_a_script_says_stands_on_its_page(crowded: Site, url: str) -> None:
    page = crowded.pages[url]
    passkeys = {"passkeyKnown"} if url == "/account/login/" else set()  # said of a new one alone
    assert said_on(page) - words_of(page) == passkeys


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_word_of_a_page_is_said(crowded: Site, url: str) -> None:
    page = crowded.pages[url]
    assert words_of(page) - said_on(page) - CODES == set()


@pytest.mark.parametrize("url", ACCOUNT)
def test_every_field_says_what_it_wants(crowded: Site, url: str) -> None:
    """What is said when it is left out, and what password managers should do with it."""
    fields = [one.attrs for one in crowded.pages[url].all("input") if one.attrs.get("type") != "checkbox"]
    assert [field for field in fields if "autocomplete" not in field] == []
    needed = [field for field in fields if "hidden" not in field]
    assert [field for field in needed if not field.get("data-missing")] == []
