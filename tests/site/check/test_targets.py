"""Links resolve as urllib.parse resolves them, with or without its help."""

from __future__ import annotations

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.site.check.targets import Targets, is_plain_fragment, is_plain_path

SITE = "https://example.org"
FILES = frozenset({"/assets/a.png", "/a b.png", "/", "/..", "/x", ""})
PARTS = st.sampled_from(
    ["/", "//", ".", "..", "a", "A", "é", "%", "%2F", "%20", " ", "\t", "\n", "\0", "?", "#", ";", ":", "@",
     "[", "\\", "https", "http:", "https://", "mailto:", "example.org", "/assets/a.png", "x", "&", "+", "-"]
)  # fmt: skip
LINKS = st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=12)
PAGES = st.lists(st.sampled_from(["a", "é", "%20", ".", "..", "x y", "b;c", "d.html"]), max_size=3).map(
    lambda parts: "/".join(["", *parts, ""])
)


def joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(PAGES, LINKS), min_size=1, max_size=4))
@example([("/a/", "https://[")])
@example([("/a/", "https://\t/b"), ("/b/", "https://\t/b")])
@example([("/a/", "https:b"), ("/b/", "https:b")])
@example([("/a/", "/\t/example.org/x")])
@example([("/a/", "/assets/a.png?x#y")])
def test_links_resolve_as_urllib_resolves_them(pairs: list[tuple[str, str]]) -> None:
    """What one page has taught about a link holds for the next one."""
    targets = Targets(SITE, FILES)
    for url, link in pairs:
        rooted = link[:1] == "/" != link[1:2]
        assert targets.absolute(url, link) == (SITE + link if rooted else joined(SITE + url, link))
        try:
            path = unquote(urlsplit(urljoin(url, link)).path)
        except ValueError:
            path = ""
        assert targets.is_file(url, link) == (path in FILES)


@settings(max_examples=500, deadline=None)
@given(PAGES, LINKS.map(lambda link: f"#{link}"))
@example("/d.html", "#a")
def test_a_plain_fragment_leads_to_the_page_itself(url: str, link: str) -> None:
    """Path and fragment are what a browser looks for, without decoding."""
    if is_plain_path(url) and is_plain_fragment(link):
        parts = urlsplit(urljoin(SITE + url, link))
        assert (unquote(parts.path), unquote(parts.fragment)) == (url, link[1:])
