"""Every rendered page is looked over: what is wrong is found, what is right is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from pipelines.site.html import inspect
from pipelines.site.html.inspect import PageFacts

steady = settings(derandomize=True, max_examples=200, deadline=None, database=None)


def page(body: str, head: str = "") -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>T</title>\n{head}\n</head>\n'
        f"<body>\n<h1>T</h1>\n{body}\n</body>\n</html>\n"
    )


def found(body: str, head: str = "") -> list[str]:
    return [finding.text for finding in inspect.inspect_page(page(body, head)).findings]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # ids
        ('<p id="a">x</p><p id="b">y</p>', []),
        ('<p id="a">x</p><p id="a">y</p><p id="a">z</p>', ["id 'a' is used twice"]),
        # pictures
        ('<img alt="x" src="/a.png">', []),
        ('<img alt="" src="/a.png">', []),
        ('<img src="/a.png">', ["image without an alt text"]),
        # headings
        ("<h2>a</h2><h3>b</h3><h2>c</h2>", []),
        ("<h3>a</h3>", ["heading 'a' has level 3 after level 1"]),
        ("<h2>a</h2><h4>b</h4><h4>c</h4>", ["heading 'b' has level 4 after level 2"]),
        ("<h1>a</h1>", ["a second <h1>: 'a'"]),
        ('<h2><a class="headerlink" href="#x">#</a></h2>', ["empty heading <h2>"]),
        # what the Content-Security-Policy would refuse
        ('<p style="color: red">x</p>', ["inline style 'color: red'"]),
        ('<p onclick="go()" onfocus="go()">x</p>', ["inline handler onclick", "inline handler onfocus"]),
        ("<p data-on='x' title=' onclick=x '>x</p>", []),
        ("<script>go()</script>", ["inline <script>"]),
        ('<script type="application/ld+json">{"a": "{{ b }}"}</script>', []),
        ('<script src="/assets/a.js" defer></script>', []),
        ("<style>p { color: red }</style>", ["inline <style>"]),
        ('<a href=" JavaScript:go()">x</a>', ["inline script in a link"]),
        # other hosts
        ('<a href="https://example.org/">x</a>', []),
        ('<img alt="" src="https://example.org/a">', ["embeds https://example.org/a from another host"]),
        ('<img alt="" src="//example.org/a.png">', ["embeds //example.org/a.png from another host"]),
        (
            '<img alt="" src="/a.png" srcset="/a.png 1x, http://example.org/b.png 2x">',
            ["embeds http://example.org/b.png from another host"],
        ),
        ('<img alt="" src="data:image/gif;base64,R0==">', []),
        ('<iframe src="https://example.org/"></iframe>', ["embeds https://example.org/ from another host"]),
        ('<video src="/a.mp4" poster="//example.org/a.png"></video>',
         ["embeds //example.org/a.png from another host"]),
        ('<object data="https://example.org/a"></object>',
         ["embeds https://example.org/a from another host"]),
        ('<svg><use href="#a"/><image href="https://example.org/a.png"/></svg>',
         ["embeds https://example.org/a.png from another host"]),
        ('<svg><use xlink:href="https://example.org/a.svg#b"/></svg>',
         ["embeds https://example.org/a.svg#b from another host"]),
        ('<svg><feImage href="https://example.org/a.png"/></svg>',
         ["embeds https://example.org/a.png from another host"]),
        (r'<img alt="" src="/\example.org/a.png">', [r"embeds /\example.org/a.png from another host"]),
        ('<form action="https://example.org/"></form>', ["sends to https://example.org/ on another host"]),
        ('<form action="/_allauth/x"></form>', []),
        ('<a href="/" ping="https://example.org/">x</a>', ["sends to https://example.org/ on another host"]),
    ],
)  # fmt: skip
def test_faults_of_a_page_are_found(body: str, message: list[str]) -> None:
    """Each check once on what is wrong, and once on what only looks like it."""
    assert found(body) == message


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('<link rel="canonical" href="https://example.org/">', []),
        ('<link rel="alternate" href="https://example.org/">', []),
        ('<link rel="stylesheet" href="/a.css">', []),
        ('<link rel="Stylesheet" href="https://example.org/a.css">',
         ["embeds https://example.org/a.css from another host"]),
        ('<link rel="preconnect" href="//example.org">', ["embeds //example.org from another host"]),
        ('<link rel="shortcut icon" href="//example.org/i">', ["embeds //example.org/i from another host"]),
    ],
)  # fmt: skip
def test_what_a_head_asks_for_is_looked_at(head: str, message: list[str]) -> None:
    """A font or an icon of another host tells it who reads here."""
    assert found("<p>x</p>", head) == message


def test_a_page_without_a_heading_is_found() -> None:
    """A screen reader begins there."""
    facts = inspect.inspect_page("<!DOCTYPE html><title>x</title><p>x</p>")
    assert [finding.text for finding in facts.findings] == ["a page without a heading"]


def test_the_facts_of_a_page() -> None:
    """What the checks of the whole site work on."""
    body = (
        '<p id="x"><a href="/a/">a</a> <a href="/a/">a</a> <a href="#x">x</a> <a>no link</a>'
        '<img alt="" src="/b.png" srcset="/b.png 1x, /c.png 2x"><script src="/d.js"></script></p>'
    )
    head = '<link rel="stylesheet" href="/e.css"><link rel="canonical" href="/f/">'
    assert inspect.inspect_page(page(body, head)) == PageFacts(
        ids=frozenset({"x"}),
        links=("/a/", "#x"),
        loads=("/b.png", "/c.png", "/d.js", "/e.css"),
        findings=(),
        hidden=False,
        headings=((1, "T"),),
    )


@pytest.mark.parametrize(
    ("head", "hidden"),
    [
        ('<meta name="robots" content="noindex">', True),
        ('<meta name="robots" content="noindex nofollow">', True),
        ('<meta name="robots" content="index">', False),
        ("", False),
    ],
)
def test_a_noindex_page_is_hidden(head: str, hidden: bool) -> None:
    """It stands in no sitemap."""
    assert inspect.inspect_page(page("<p>x</p>", head)).hidden is hidden


@pytest.mark.parametrize(
    "body",
    [
        "<pre>  a\n\n   b\n</pre>",
        "<p>a <b>b</b> c <i> d </i>e</p>",
        "<p>a&nbsp;b &lt;c&gt; &amp;amp; ü 🦊</p>",
        "<ul>\n<li>a</li>\n<li>b</li>\n</ul>",
        '<table><tr><td>a</td><td>b</td></tr></table><div class="a  b"></div>',
        "<math><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></math>",
        '<svg viewBox="0 0 1 1"><linearGradient id="g"/><path d="M0 0"/></svg>',
        "<textarea>\n a </textarea>",
    ],
)
def test_minified_pages_have_the_same_tree(body: str) -> None:
    """Fewer bytes, the same words and the same elements."""
    before, after = page(body), inspect.minify_page(page(body))
    assert len(after) < len(before)
    for html in (before, after):
        assert LexborHTMLParser(html).css_first("h1") is not None

    def seen(html: str) -> tuple[list[str | None], str]:
        tree = LexborHTMLParser(html)
        nodes = [node.tag for node in tree.root.traverse()] if tree.root else []
        text = tree.body.text(separator=" ") if tree.body else ""
        return nodes, " ".join(text.split())

    assert seen(after) == seen(before)


def test_minified_pages_keep_code_as_it_is() -> None:
    """A space dropped from a listing may break code that a reader copies."""
    code = "def f():\n    return 1\n\n\n# \ttab  two\n"
    after = LexborHTMLParser(inspect.minify_page(page(f"<pre><code>{code}</code></pre>")))
    node = after.css_first("code")
    assert node is not None
    assert node.text() == code


WORDS = st.from_regex(r"[a-zäöü]{1,6}", fullmatch=True)
SIGNS = st.sampled_from(
    (
        *("<", ">", "</", "/>", "<p>", "</p>", "<h2>", "</h2>", "<!--", "-->", "<script", "</script>"),
        *("<a href=", "'", '"', " style=", " onx=", " id=a", "<img ", "src=//", "srcset=,", "{{", "[^", "]:"),
        *("<svg>", "<table>", "<td>", "<pre>", "&", "&#", ";", "\0", "\n", "x", "<![CDATA[", "<math>"),
    )
)


@steady
@given(st.lists(SIGNS, max_size=30).map("".join) | st.text(max_size=40))
def test_looking_and_minifying_are_total(text: str) -> None:
    """Templates of a fork may render anything."""
    html = page(text)
    assert isinstance(inspect.inspect_page(html), PageFacts)
    assert isinstance(inspect.minify_page(html), str)


@steady
@given(st.lists(WORDS | st.sampled_from([" ", "\n", "<b>", "</b>"])))
def test_minifying_keeps_every_word(pieces: list[str]) -> None:
    """Words in are words out."""
    text = "".join(pieces)
    after = LexborHTMLParser(inspect.minify_page(page(f"<p>{text}</p>"))).css_first("p")
    assert after is not None
    assert after.text().split() == re.sub(r"</?b>", "", text).split()
