"""Members of a site with its login, in real browsers.

    with accounts(browser, folder) as site:
        ann = site.member("ann")           # a user with PASSWORD
        with site.reader(ann) as page:     # a browser of her own
            login(page, ann)

Each reader has an address and a storage of its own, so that no test uses up
another one's attempts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.api.running import PASSWORD, Site, running
from tests.support.previews import PATIENCE
from tests.web.conftest import CANARY, build_web_project

INSIDE = "/members/inside/"
NEW_PASSWORD = "another walk at dawn"
_NUMBERS = itertools.count(1)
# Made at once in one process, which takes as long to start as to make all of them.
_STOCK = 56
_IDLE = 10  # the first of them: looked at in the admin, and in no test that logs in
_MAKE = """
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from allauth.account.models import EmailAddress
from api.accounts.models import MEMBERS_GROUP, User
group, password = Group.objects.get(name=MEMBERS_GROUP), make_password({password!r})  # one hash for all
for number in range({count}):
    email = f"reader{{number}}@example.org"
    user = User.objects.create(email=email, password=password, name=f"Reader {{number}}")
    user.groups.add(group)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
"""
# What the policy forbids is told to the console too, where it counts as trouble.
_TELL = """
addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""


@dataclass(frozen=True)
class Member:
    """Somebody who may read the members' pages."""

    email: str
    name: str
    password: str = PASSWORD


@dataclass
class Accounts:
    """A site with its login, and the members who have not been in a test yet."""

    site: Site
    browser: Browser
    stock: list[Member] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return what readers open."""
        return self.site.url

    def member(self) -> Member:
        """Return a member whom no other test knows."""
        return self.stock.pop()

    def own(self, member: Member) -> None:
        """Make *member* an owner: staff, and more."""
        self.site.python(
            "from api.accounts.models import User\n"
            f"User.objects.filter(email={member.email!r}).update(is_staff=True, is_superuser=True)"
        )

    @contextmanager
    def context(self, **options: Any) -> Iterator[BrowserContext]:
        """Open a browser in a network that nobody else has: each has a limit."""
        number = next(_NUMBERS)
        address = f"198.19.{number % 250}.{number // 250 + 1}"
        context = self.browser.new_context(
            base_url=self.url,
            reduced_motion="reduce",
            extra_http_headers={"X-Forwarded-For": address},
            **options,
        )
        context.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        context.add_init_script(_TELL)
        try:
            yield context
        finally:
            context.close()

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """Open a page in a browser of its own; when the block ends, no script may have complained."""
        complaints: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            refused = "Failed to load resource" in message.text  # 401 is what the API answers strangers
            if message.type in ("error", "warning") and not refused:
                complaints.append(message.text)

        with self.context(**options) as context:
            page = context.new_page()
            page.on("console", hear)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page
            assert complaints == [], complaints


@contextmanager
def accounts(browser: Browser, folder: Path) -> Iterator[Accounts]:
    """Build a site in *folder* and run it with its login on SQLite."""
    project = build_web_project(folder)
    with running(folder, project, f"sqlite:///{folder}/login.sqlite3") as site:
        site.python(_MAKE.format(count=_STOCK, password=PASSWORD))
        stock = [Member(f"reader{number}@example.org", f"Reader {number}") for number in range(_IDLE, _STOCK)]
        yield Accounts(site, browser, stock)


@contextmanager
def down(accounts: Accounts) -> Iterator[None]:
    """Stop the API, as a cluster does, until the block ends."""
    (process,) = accounts.site.processes
    assert process.stop() == 0
    try:
        yield
    finally:
        process.start()
        process.wait()


def fill_login(page: Page, member: Member, password: str = "") -> None:
    """Fill the login form that is on the page, and send it."""
    page.get_by_label("E-mail address").fill(member.email)
    page.get_by_label("Password", exact=True).fill(password or member.password)
    page.get_by_role("button", name="Log in", exact=True).click()


def login(page: Page, member: Member, password: str = "") -> None:
    """Log in on the login page, and arrive at the account."""
    page.goto("/account/login/")
    fill_login(page, member, password)
    expect(page.locator("#account-name")).to_have_text(member.name)


def show_again(page: Page, member: Member) -> None:
    """Answer the question whether it is still the same person."""
    dialog = page.get_by_role("dialog", name="Is it still you?")
    dialog.get_by_label("Password", exact=True).fill(member.password)
    dialog.get_by_role("button", name="Continue").click()


def totp(secret: str) -> str:
    """Return the code of RFC 6238 for now, which is good for three seconds at least."""
    if (left := 30 - time.time() % 30) < 3:
        time.sleep(left)
    key = base64.b32decode(secret.replace(" ", ""))
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def set_up_totp(page: Page, member: Member) -> tuple[str, list[str]]:
    """Set up an authenticator app on the account page; return its secret and the recovery codes."""
    page.get_by_role("button", name="Set up an app").click()
    show_again(page, member)
    expect(page.locator("#totp-secret")).to_be_visible()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("The code that the app shows now").fill(totp(secret))
    page.get_by_role("button", name="Switch it on").click()
    codes = page.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    return secret, codes.all_inner_texts()


def add_authenticator(page: Page) -> None:
    """Give the browser an authenticator that makes passkeys and asks nobody."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def calls(page: Page, part: str = "/_allauth/") -> list[str]:
    """Return a list that grows by each request whose address holds *part*."""
    found: list[str] = []
    page.on("request", lambda one: found.append(f"{one.method} {one.url}") if part in one.url else None)
    return found


__all__ = [
    "CANARY",
    "INSIDE",
    "NEW_PASSWORD",
    "Accounts",
    "Member",
    "accounts",
    "add_authenticator",
    "calls",
    "down",
    "fill_login",
    "login",
    "set_up_totp",
    "show_again",
    "totp",
]
