"""Members of a site with login, in real browsers.

    with run_accounts(browser, folder) as accounts:
        ann = accounts.member()            # a user with PASSWORD
        with accounts.page() as page:      # in a browser context of its own
            login(page, ann)

Each browser context has its own IP address and storage, so that tests do not share rate limits.
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

from tests.api.live_site import PASSWORD, Site, run_site
from tests.support.previews import TIMEOUT
from tests.web.conftest import CANARY, build_web_project

INSIDE = "/members/inside/"
NEW_PASSWORD = "another walk at dawn"
_NUMBERS = itertools.count(1)
# Created together in one process, whose start takes as long as creating all of them.
_MEMBERS = 56
_RESERVED = 10  # the first of them: only for tests of the admin
_INSERT_MEMBERS = """
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
# Log violations of the policy to the console, so that the test fails.
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""


@dataclass(frozen=True)
class Member:
    """A member of the site."""

    email: str
    name: str
    password: str = PASSWORD


@dataclass
class Accounts:
    """A site with login, and its members that no test has used yet."""

    site: Site
    browser: Browser
    unused: list[Member] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the URL of the site."""
        return self.site.url

    def member(self) -> Member:
        """Return a member that no other test uses."""
        return self.unused.pop()

    def make_owner(self, member: Member) -> None:
        """Make *member* an owner: staff and superuser."""
        self.site.python(
            "from api.accounts.models import User\n"
            f"User.objects.filter(email={member.email!r}).update(is_staff=True, is_superuser=True)"
        )

    @contextmanager
    def context(self, **options: Any) -> Iterator[BrowserContext]:
        """Open a browser context with a network of its own, since NGINX limits each network."""
        number = next(_NUMBERS)
        address = f"198.19.{number % 250}.{number // 250 + 1}"
        context = self.browser.new_context(
            base_url=self.url,
            reduced_motion="reduce",
            extra_http_headers={"X-Forwarded-For": address},
            **options,
        )
        context.set_default_timeout(TIMEOUT * 1000)
        expect.set_options(timeout=TIMEOUT * 1000)
        context.add_init_script(_REPORT_VIOLATIONS)
        try:
            yield context
        finally:
            context.close()

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """Open a page in its own context; fail if it has logged an error when the block ends."""
        errors: list[str] = []

        def on_console(message: ConsoleMessage) -> None:
            refused = "Failed to load resource" in message.text  # the API responds 401 without a login
            if message.type in ("error", "warning") and not refused:
                errors.append(message.text)

        with self.context(**options) as context:
            page = context.new_page()
            page.on("console", on_console)
            page.on("pageerror", lambda error: errors.append(str(error)))
            yield page
            assert errors == [], errors


@contextmanager
def run_accounts(browser: Browser, folder: Path) -> Iterator[Accounts]:
    """Build a site in *folder* and run it with its login on SQLite."""
    project = build_web_project(folder)
    with run_site(folder, project, f"sqlite:///{folder}/login.sqlite3") as site:
        site.python(_INSERT_MEMBERS.format(count=_MEMBERS, password=PASSWORD))
        unused = [
            Member(f"reader{number}@example.org", f"Reader {number}") for number in range(_RESERVED, _MEMBERS)
        ]
        yield Accounts(site, browser, unused)


@contextmanager
def stop_api(accounts: Accounts) -> Iterator[None]:
    """Stop the API with SIGTERM until the block ends."""
    (process,) = accounts.site.processes
    assert process.stop() == 0
    try:
        yield
    finally:
        process.start()
        process.wait()


def fill_login(page: Page, member: Member, password: str = "") -> None:
    """Fill the login form of the open page, and send it."""
    page.get_by_label("E-mail address").fill(member.email)
    page.get_by_label("Password", exact=True).fill(password or member.password)
    page.get_by_role("button", name="Log in", exact=True).click()


def login(page: Page, member: Member, password: str = "") -> None:
    """Log in on the login page, and wait for the account page."""
    page.goto("/account/login/")
    fill_login(page, member, password)
    expect(page.locator("#account-name")).to_have_text(member.name)


def reauthenticate(page: Page, member: Member) -> None:
    """Enter the password in the dialog of reauthentication."""
    dialog = page.get_by_role("dialog", name="Is it still you?")
    dialog.get_by_label("Password", exact=True).fill(member.password)
    dialog.get_by_role("button", name="Continue").click()


def totp(secret: str) -> str:
    """Return the current code of RFC 6238, valid for at least three more seconds."""
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
    reauthenticate(page, member)
    expect(page.locator("#totp-secret")).to_be_visible()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("The code that the app shows now").fill(totp(secret))
    page.get_by_role("button", name="Switch it on").click()
    codes = page.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    return secret, codes.all_inner_texts()


def add_authenticator(page: Page) -> None:
    """Add a virtual authenticator, which creates passkeys without a user's action."""
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


def record_requests(page: Page, part: str = "/_allauth/") -> list[str]:
    """Return a list to which each request is appended whose URL contains *part*."""
    found: list[str] = []
    page.on("request", lambda one: found.append(f"{one.method} {one.url}") if part in one.url else None)
    return found


__all__ = [
    "CANARY",
    "INSIDE",
    "NEW_PASSWORD",
    "Accounts",
    "Member",
    "add_authenticator",
    "fill_login",
    "login",
    "reauthenticate",
    "record_requests",
    "run_accounts",
    "set_up_totp",
    "stop_api",
    "totp",
]
