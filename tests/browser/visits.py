"""A reader's visits to pages, each of which notes everything that goes wrong.

A new page of Chromium costs half a second of work, so visits share two: one
with JavaScript and one without. Nothing outlives a visit: the site stores
nothing, which is checked each time, and `fresh` asks for an empty cache too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response

ARGUMENTS = [
    "--no-sandbox",  # it runs as root in containers, and sees our own pages alone
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Every address of the crowded site that is of a kind of its own, and what the server answers.
KINDS: dict[str, tuple[str, int]] = {
    "home": ("/", 200),
    "posts": ("/posts/", 200),
    "posts, second page": ("/posts/page/2/", 200),
    "article": ("/posts/markdown/", 200),
    "article with diagrams": ("/posts/second/", 200),
    "article that strains": ("/posts/rich/", 200),
    "article in German": ("/de/posts/german/", 200),
    "draft": ("/posts/draft/", 200),
    "post not due": ("/posts/later/", 200),
    "page": ("/about/", 200),
    "page with the scene, in German": ("/de/ueber/", 200),
    "tag": ("/tags/markdown/", 200),
    "tags": ("/tags/", 200),
    "category": ("/categories/features/", 200),
    "categories": ("/categories/", 200),
    "one series": ("/series/everything/", 200),
    "series": ("/series/", 200),
    "archive": ("/archive/", 200),
    "year": ("/archive/2025/", 200),
    "not found": ("/nowhere/", 404),
    "forbidden": ("/members/closed/", 403),
    "unavailable": ("/members/down/", 503),
    "login": ("/account/login/", 200),
    "forgotten password": ("/account/reset/", 200),
    "new password": ("/account/reset/new/", 200),
    "address to confirm": ("/account/verify/", 200),
    "login in place of a page": ("/members/for-members/inside/", 401),
    "members' index": ("/members/", 200),
    "members' page": ("/members/inside/", 200),
    "members' post": ("/members/for-members/", 200),
}
# One of each template, for rules that a template keeps or breaks as a whole.
TEMPLATES = (
    "home",
    "posts, second page",
    "article",
    "article that strains",
    "page",
    "page with the scene, in German",
    "tag",
    "tags",
    "one series",
    "series",
    "archive",
    "not found",
    "unavailable",
    "login",
    "forgotten password",
    "new password",
    "address to confirm",
    "members' index",
)
REFUSED = {path: status for path, status in KINDS.values() if status in (401, 403, 503)}

# What the policy forbids is told to the console too, where it counts as trouble.
_TELL = """
addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""
_REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of \d+")

Scheme = Literal["light", "dark"]


@dataclass
class Visit:
    """An open page, and what went wrong on it so far."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    def js(self, expression: str, argument: object = None) -> Any:
        """Evaluate *expression* in the page; the policy does not hold for it."""
        return self.page.evaluate(expression, argument)

    def on_console(self, message: ConsoleMessage) -> None:
        own = message.location.get("url") == self.page.url and _REFUSAL.match(message.text)
        if message.type in ("error", "warning") and not own:  # an error page has an error status
            self.troubles.append(f"console: {message.text}")

    def on_error(self, error: Error) -> None:
        self.troubles.append(f"script: {error}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith(self.base + "/"):
            self.troubles.append(f"another host: {request.url}")

    def on_failure(self, request: Request) -> None:
        self.troubles.append(f"failed: {request.url}: {request.failure}")

    def on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.troubles.append(f"{response.status}: {response.url}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the page says while the block runs."""
        heard: dict[Any, Any] = {
            "console": self.on_console,
            "pageerror": self.on_error,
            "request": self.on_request,
            "requestfailed": self.on_failure,
            "response": self.on_response,
        }
        for event, handler in heard.items():
            self.page.on(event, handler)
        try:
            yield
        finally:
            for event, handler in heard.items():
                self.page.remove_listener(event, handler)


class Reader:
    """Visits the crowded site, or any other."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self.pages: dict[bool, Page] = {}  # by whether scripts run

    def new_page(self, *, javascript: bool = True) -> Page:
        context = self.browser.new_context(java_script_enabled=javascript, service_workers="block")
        context.set_default_timeout(30_000)
        context.add_init_script(_TELL)
        return context.new_page()

    @contextmanager
    def kind(self, kind: str, **look: Any) -> Iterator[Visit]:
        """Visit the page of the crowded site that is of *kind*."""
        path, status = KINDS[kind]
        with self.visit(self.base + path, status=status, **look) as visit:
            yield visit

    @contextmanager
    def visit(
        self,
        address: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Scheme = "light",
        motion: bool = False,
        javascript: bool = True,
        forced_colors: bool = False,
        fresh: bool = False,
        status: int = 200,
    ) -> Iterator[Visit]:
        """Open *address* and wait until it stands; when the block ends, nothing may have gone wrong."""
        page = self.pages.pop(javascript, None) if not fresh else None
        page = page or self.new_page(javascript=javascript)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            media="screen",
            color_scheme=scheme,
            reduced_motion="no-preference" if motion else "reduce",
            forced_colors="active" if forced_colors else "none",
        )
        visit = Visit(page, "/".join(address.split("/")[:3]))
        try:
            with visit.listening():
                response = page.goto(address, wait_until="load")
                answered = response.status if response else 0
                assert answered == status, f"{address}: {answered} where {status} is right"
                yield visit
            if javascript and page.evaluate("localStorage.length + sessionStorage.length"):
                visit.troubles.append("something is stored in the browser")
            visit.troubles += [f"cookie: {cookie.get('name')}" for cookie in page.context.cookies()]
            assert not visit.troubles, "\n".join([address, *visit.troubles])
            page.goto("about:blank")
        except BaseException:
            page.context.close()  # whatever state it is in
            raise
        if fresh or javascript in self.pages:
            page.context.close()
        else:
            self.pages[javascript] = page

    def close(self) -> None:
        for page in self.pages.values():
            page.context.close()
        self.pages.clear()
