"""The preview in a browser: pages reload and show faults while an author saves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.previews import POST, TIMEOUT, preview_site, run_dev_server, wait_until
from tests.support.project import write

pytestmark = pytest.mark.browser

# Content that the policy of production could block: an SVG with its own style, and math.
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><style>rect{fill:#123456}</style>'
    '<rect width="40" height="20"/></svg>'
)
RICH = POST + "\nA sum $a^2 + b^2$ in text.\n\n![A box](../images/box.svg)\n\n```python\nx = 1\n```\n"


WARNED = "\n```unknown\nx\n```\n"


class Author:
    """A page of the preview, and the errors that the browser reported."""

    def __init__(self, context: BrowserContext) -> None:
        context.add_init_script(
            "addEventListener('securitypolicyviolation', event =>"
            " console.error('policy:', event.violatedDirective, event.blockedURI))"
        )
        self.page, self.errors = context.new_page(), list[str]()
        self.page.on("console", lambda message: self.on_message(message.type, message.text))
        self.page.on("pageerror", lambda error: self.on_message("error", str(error)))
        self.page.on("request", lambda request: self.on_request(request.url))

    def on_message(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def on_request(self, url: str) -> None:
        if not url.startswith("http://localhost:"):
            self.errors.append(f"another host: {url}")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 900, "height": 700}, reduced_motion="reduce")
    context.set_default_timeout(TIMEOUT * 1000)
    expect.set_options(timeout=TIMEOUT * 1000)
    yield context
    context.close()


@pytest.fixture
def author(context: BrowserContext) -> Author:
    return Author(context)


def test_the_page_follows_each_save_and_shows_faults(tmp_path: Path, author: Author) -> None:
    """A panel over the page shows each fault with file and line."""
    page = author.page
    site = preview_site(tmp_path, {"content/posts/one.md": RICH, "content/images/box.svg": DRAWING})
    post = site / "content/posts/one.md"
    with run_dev_server(site) as one:
        page.goto(f"{one.url}/posts/one/")
        text = page.locator(".prose")
        expect(text).to_contain_text("The first version")
        assert page.locator("math").count() == 1

        write(post, RICH.replace("first version", "second version"))
        expect(text).to_contain_text("The second version")

        write(post, RICH.replace("date: 2026-01-02", "date: tomorrow").replace("tags:", "tagz:"))
        panel = page.get_by_role("alert")
        expect(panel).to_be_visible()
        expect(panel.get_by_role("heading")).to_have_text("2 errors")
        expect(panel.locator(".place")).to_have_text(["content/posts/one.md:3", "content/posts/one.md:4"])
        expect(panel.locator(".text").first).to_have_text("date 'tomorrow' is not a date")
        expect(panel.locator(".fix").last).to_have_text("did you mean tags?")
        expect(text).to_contain_text("The second version")
        page.get_by_role("link", name="About").first.click()  # other pages still work
        expect(page).to_have_url(f"{one.url}/about/")
        expect(panel).to_be_visible()
        panel.get_by_role("button", name="Hide").click()
        expect(panel).to_have_count(0)
        page.go_back()
        expect(panel).to_be_visible()

        write(post, RICH.replace("first version", "third version"))
        expect(text).to_contain_text("The third version")
        expect(panel).to_have_count(0)
    assert author.errors == []


def test_warnings_open_in_a_corner(tmp_path: Path, author: Author) -> None:
    """Folded, they hide no line of the text; on paper there are none."""
    page = author.page
    with run_dev_server(preview_site(tmp_path, {"content/posts/one.md": POST + WARNED})) as one:
        page.goto(f"{one.url}/posts/one/")
        corner = page.locator(".preview-warnings")
        expect(corner.locator("summary")).to_have_text("1 warning")
        expect(corner.locator(".place")).to_be_hidden()
        box = corner.bounding_box()
        assert box is not None
        assert (box["width"] < 160, box["height"] < 40) == (True, True)
        corner.locator("summary").click()
        expect(corner.locator(".place")).to_have_text("content/posts/one.md:9")
        page.emulate_media(media="print")
        expect(corner).to_be_hidden()
    assert author.errors == []


def test_a_fault_quotes_its_source_as_text(tmp_path: Path, author: Author) -> None:
    site = preview_site(tmp_path)
    evil = "<img src=x onerror=document.title='owned'>"
    with run_dev_server(site) as one:
        author.page.goto(f"{one.url}/posts/one/")
        write(site / "content/posts/one.md", POST.replace("2026-01-02", evil))
        panel = author.page.get_by_role("alert")
        expect(panel.locator(".text")).to_contain_text("onerror")
        assert panel.locator("img").count() == 0
        assert author.page.title() != "owned"
    assert author.errors == []


def test_a_failed_first_build_shows_its_faults(tmp_path: Path, author: Author) -> None:
    """The page lists the faults, updates them, and reloads once the site builds."""
    page = author.page
    site = preview_site(tmp_path, {"content/posts/one.md": POST.replace("tags:", "tagz:")})
    with run_dev_server(site) as one:
        page.goto(f"{one.url}/posts/one/")
        expect(page.get_by_role("heading")).to_have_text("1 error")
        expect(page.locator(".place")).to_have_text("content/posts/one.md:4")
        write(site / "content/posts/one.md", POST.replace("2026-01-02", "never"))
        expect(page.locator(".place")).to_have_text("content/posts/one.md:3")
        assert page.get_by_role("alert").count() == 0
        write(site / "content/posts/one.md", POST)
        expect(page.locator(".prose")).to_contain_text("The first version")
    # The browser logs the status 500 of the page.
    assert [one for one in author.errors if "500" not in one] == []


def test_a_changed_stylesheet_is_replaced_without_a_reload(tmp_path: Path, author: Author) -> None:
    """The page keeps its state and scroll position; a changed text keeps the scroll position, too."""
    page = author.page
    site = preview_site(tmp_path, {"content/posts/one.md": POST + "\nA line.\n" * 80})
    with run_dev_server(site) as one:
        page.goto(f"{one.url}/posts/one/")
        expect(page.locator(".prose")).to_contain_text("The first version")
        page.evaluate("window.stayed = true; window.scrollTo(0, 600)")
        for colour in ("rgb(18, 52, 86)", "rgb(86, 52, 18)"):
            write(site / "theme/css/zz.css", f".prose p {{ color: {colour} }}\n")
            expect(page.locator(".prose p").first).to_have_css("color", colour)
            expect(page.locator("link[rel=stylesheet]")).to_have_count(1)
        assert page.evaluate("[window.stayed, window.scrollY]") == [True, 600]

        write(site / "content/posts/one.md", POST.replace("first", "second") + "\nA line.\n" * 80)
        expect(page.locator(".prose")).to_contain_text("The second version")
        assert page.evaluate("window.stayed === undefined")
        wait_until(lambda: page.evaluate("window.scrollY") == 600)
    assert author.errors == []


def test_many_tabs_do_not_block_each_other(tmp_path: Path, context: BrowserContext) -> None:
    """A browser opens six connections to a host, and each event stream takes one."""
    site = preview_site(tmp_path)
    hide = (
        "Object.defineProperty(document, 'hidden', { get: () => true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )

    def opened(address: str) -> Page:
        tab = context.new_page()
        tab.goto(address)
        expect(tab.locator(".prose")).to_contain_text("The first version")
        return tab

    with run_dev_server(site) as one:
        for _ in range(7):
            opened(f"{one.url}/posts/one/").evaluate(hide)  # as in a background tab
        front = opened(f"{one.url}/posts/one/")
        write(site / "content/posts/one.md", POST.replace("first", "second"))
        expect(front.locator(".prose")).to_contain_text("The second version")


def test_the_preview_shows_that_its_login_does_not_run(tmp_path: Path, author: Author) -> None:
    page = author.page
    with run_dev_server(preview_site(tmp_path), DATABASE_URL="postgresql://x@127.0.0.1:1/x") as one:
        page.goto(f"{one.url}/admin/")
        note = page.locator(".preview-note")
        expect(note).to_contain_text("login API does not run")
        expect(note).to_have_css("background-color", "rgb(247, 201, 72)")
    assert [one for one in author.errors if "503" not in one] == []
