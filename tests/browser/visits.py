"""Visits to pages, which record everything that goes wrong.

A new page of Chromium costs half a second, so visits share two: one with JavaScript and one without. Each
visit checks that the site has stored nothing; `fresh` opens a new page with an empty cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # runs as root in containers, and opens only our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A URL of the large site for each kind of page, and its status.
PAGES: dict[str, tuple[str, int]] = {
    "home": ("/", 200),
    "posts": ("/posts/", 200),
    "posts, second page": ("/posts/page/2/", 200),
    "article": ("/posts/markdown/", 200),
    "article with diagrams": ("/posts/second/", 200),
    "article that strains": ("/posts/rich/", 200),
    "article in German": ("/de/posts/german/", 200),
    "every construct of Markdown": ("/constructs/", 200),
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
# One page for each template, for rules that depend only on the template.
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
ERROR_STATUSES = {path: status for path, status in PAGES.values() if status in (401, 403, 503)}

# Log violations of the policy to the console, so that the visit fails.
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""
_ERROR_STATUS = re.compile(r"Failed to load resource: the server responded with a status of \d+")

Scheme = Literal["light", "dark"]


@dataclass
class Visit:
    """An open page, and its faults so far."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def js(self, expression: str, argument: object = None) -> Any:
        """Evaluate *expression* in the page, exempt from the policy."""
        return self.page.evaluate(expression, argument)

    def on_console(self, message: ConsoleMessage) -> None:
        own = message.location.get("url") == self.page.url and _ERROR_STATUS.match(message.text)
        if message.type in ("error", "warning") and not own:  # an error page has an error status
            self.faults.append(f"console: {message.text}")

    def on_error(self, error: Error) -> None:
        self.faults.append(f"script: {error}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith(self.base + "/"):
            self.faults.append(f"another host: {request.url}")

    def on_failure(self, request: Request) -> None:
        self.faults.append(f"failed: {request.url}: {request.failure}")

    def on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.faults.append(f"{response.status}: {response.url}")

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the faults of the page while the block runs."""
        handlers: dict[Any, Any] = {
            "console": self.on_console,
            "pageerror": self.on_error,
            "request": self.on_request,
            "requestfailed": self.on_failure,
            "response": self.on_response,
        }
        for event, handler in handlers.items():
            self.page.on(event, handler)
        try:
            yield
        finally:
            for event, handler in handlers.items():
                self.page.remove_listener(event, handler)


class Reader:
    """Opens pages of the large site, or of any other."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self.pages: dict[bool, Page] = {}  # by whether scripts run

    def new_page(self, *, javascript: bool = True) -> Page:
        context = self.browser.new_context(java_script_enabled=javascript, service_workers="block")
        context.set_default_timeout(30_000)
        context.add_init_script(_REPORT_VIOLATIONS)
        return context.new_page()

    @contextmanager
    def open(self, kind: str, **options: Any) -> Iterator[Visit]:
        """Visit the page of the large site with the name *kind*."""
        path, status = PAGES[kind]
        with self.visit(self.base + path, status=status, **options) as visit:
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
        """Open *address* and wait until it has loaded; fail if there is a fault when the block ends."""
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
            with visit.recording():
                response = page.goto(address, wait_until="load")
                found = response.status if response else 0
                assert found == status, f"{address}: status {found}; expected {status}"
                yield visit
            if javascript and page.evaluate("localStorage.length + sessionStorage.length"):
                visit.faults.append("something is stored in the browser")
            visit.faults += [f"cookie: {cookie.get('name')}" for cookie in page.context.cookies()]
            assert not visit.faults, "\n".join([address, *visit.faults])
            page.goto("about:blank")
        except BaseException:
            page.context.close()  # its state is unknown
            raise
        if fresh or javascript in self.pages:
            page.context.close()
        else:
            self.pages[javascript] = page

    def close(self) -> None:
        for page in self.pages.values():
            page.context.close()
        self.pages.clear()
