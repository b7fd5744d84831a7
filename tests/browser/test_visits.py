"""The helpers of this package: a visit records every fault, and axe finds violations."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import violations
from tests.browser.visits import Reader
from tests.support.static_server import serve_static
from tests.support.trees import Site

pytestmark = pytest.mark.browser

_LATER = "; return new Promise(done => setTimeout(done, 100))"  # until its events have fired


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("console.warn('careful')", "console: careful"),
        ("setTimeout(() => { throw new Error('oops') })", "script: oops"),
        ("fetch('/nothing').catch(() => 0)", "404: http"),
        ("fetch('https://elsewhere.invalid/').catch(() => 0)", "policy: connect-src"),
        ("document.body.setAttribute('style', 'color: red')", "policy: style-src"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "script-src"),
        ("document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.invalid/'}))", "img-src"),
        ("localStorage.setItem('a', 'b')", "stored in the browser"),
        ("document.cookie = 'a=b'", "cookie: a"),
    ],
)
def test_a_visit_records_every_fault(reader: Reader, script: str, fault: str) -> None:
    with (
        pytest.raises(AssertionError) as caught,
        reader.visit(f"{reader.base}/about/", fresh=True) as page,
    ):
        page.js(f"() => {{ {script}{_LATER} }}")
    assert fault in str(caught.value)


def test_axe_finds_violations(reader: Reader, axe: str) -> None:
    """At each width and colour scheme, and contrast in front of ornaments."""
    with reader.visit(f"{reader.base}/about/", fresh=True) as page:
        page.js("document.documentElement.removeAttribute('lang')")
        page.js("for (const one of document.querySelectorAll('main p')) one.style.color = '#bbaa99'")
        found = violations(page, axe)
    assert sum("html-has-lang" in one for one in found) == 4
    assert {one.split(":")[0] for one in found if "color-contrast" in one} >= {
        "320 px, light",
        "1440 px, light",
    }


def test_the_test_server_responds_like_nginx(reader: Reader, large_site: Site) -> None:
    """Status, type, caching and policy of each response."""
    page = reader.new_page()
    with serve_static(large_site.out, {"/members/closed/": 403}) as address:
        sheet = next(path for path in large_site.files if path.endswith(".css"))
        table = [
            ("/", 200, "text/html; charset=utf-8", "no-cache"),
            ("/about", 200, "text/html; charset=utf-8", "no-cache"),  # after a 301
            ("/nowhere/", 404, "text/html; charset=utf-8", "no-cache"),
            ("/members/closed/", 403, "text/html; charset=utf-8", "private, no-store"),
            ("/members/inside/", 200, "text/html; charset=utf-8", "private, no-store"),
            ("/%2e%2e/site.json", 404, "text/html; charset=utf-8", "no-cache"),
            ("/index.html.br", 404, "text/html; charset=utf-8", "no-cache"),
            ("/feed.atom", 200, "application/atom+xml; charset=utf-8", "no-cache"),
            (sheet, 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ]
        for path, status, kind, caching in table:
            response = page.request.get(address + path)
            head = response.headers
            assert (path, response.status, head["content-type"], head["cache-control"]) == (
                path,
                status,
                kind,
                caching,
            )
            assert head["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            assert head["x-content-type-options"] == "nosniff"
    page.context.close()
