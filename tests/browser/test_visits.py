"""What the other tests of this folder rely on: a visit that hears everything, and an axe that cuts."""

from __future__ import annotations

import pytest

from tests.browser.axes import violations
from tests.browser.visits import Reader
from tests.support.static_server import serve
from tests.support.trees import Site

pytestmark = pytest.mark.browser

_LATER = "; return new Promise(done => setTimeout(done, 100))"  # until its consequences have been told


@pytest.mark.parametrize(
    ("deed", "trouble"),
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
def test_a_visit_hears_everything(reader: Reader, deed: str, trouble: str) -> None:
    with (
        pytest.raises(AssertionError) as told,
        reader.visit(f"{reader.base}/about/", fresh=True) as page,
    ):
        page.js(f"() => {{ {deed}{_LATER} }}")
    assert trouble in str(told.value)


def test_axe_finds_what_is_wrong(reader: Reader, axe: str) -> None:
    """Every look of the page, contrast behind ornaments included."""
    with reader.visit(f"{reader.base}/about/", fresh=True) as page:
        page.js("document.documentElement.removeAttribute('lang')")
        page.js("for (const one of document.querySelectorAll('main p')) one.style.color = '#bbaa99'")
        found = violations(page, axe)
    assert sum("html-has-lang" in one for one in found) == 4
    assert {one.split(":")[0] for one in found if "color-contrast" in one} >= {
        "320 px, light",
        "1440 px, light",
    }


def test_the_server_serves_as_nginx_will(reader: Reader, crowded: Site) -> None:
    """Statuses, types, caching and the policy of every answer."""
    page = reader.new_page()
    with serve(crowded.out, {"/members/closed/": 403}) as address:
        sheet = next(path for path in crowded.files if path.endswith(".css"))
        table = [
            ("/", 200, "text/html; charset=utf-8", "no-cache"),
            ("/about", 200, "text/html; charset=utf-8", "no-cache"),  # by way of a 301
            ("/nowhere/", 404, "text/html; charset=utf-8", "no-cache"),
            ("/members/closed/", 403, "text/html; charset=utf-8", "private, no-store"),
            ("/members/inside/", 200, "text/html; charset=utf-8", "private, no-store"),
            ("/%2e%2e/site.json", 404, "text/html; charset=utf-8", "no-cache"),
            ("/index.html.br", 404, "text/html; charset=utf-8", "no-cache"),
            ("/feed.atom", 200, "application/atom+xml; charset=utf-8", "no-cache"),
            (sheet, 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ]
        for path, status, kind, caching in table:
            answer = page.request.get(address + path)
            head = answer.headers
            assert (path, answer.status, head["content-type"], head["cache-control"]) == (
                path,
                status,
                kind,
                caching,
            )
            assert head["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            assert head["x-content-type-options"] == "nosniff"
    page.context.close()
