"""What an author may write as HTML is a list: everything else stops the build, however it is hidden."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from selectolax.lexbor import LexborHTMLParser

from pipelines.core import config
from pipelines.core.errors import SourceError
from pipelines.site.html import allowlist
from pipelines.site.html.inspect import inspect_page, minify_page
from pipelines.site.html.sanitizer import find_violations
from tests.site.html.fragments import CONTEXT, faults, finish, html
from tests.support import project
from tests.support.markup import ALLOWED, FRAGMENTS, REFUSED


def active(page: str) -> list[str]:
    """What of *page* a browser would run, load as a page or be led away by."""
    found = []
    root = LexborHTMLParser(page).root
    for node in root.traverse() if root else ():
        name = (node.tag or "").lower()
        if name in (
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "meta",
            "link",
            "style",
            "form",
            "foreignobject",
        ):
            found.append(name)
        for key, value in node.attributes.items():
            attribute = key.lower()
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if attribute.startswith("on") or attribute in ("style", "srcdoc", "formaction", "action", "ping"):
                found.append(f"{name} {attribute}")
            if re.match(r"(javascript|vbscript|data):", plain):
                found.append(f"{name} {attribute}={value}")
    return found


def published(body: str) -> str:
    """A page with *body* in it, as a template would place it."""
    around = replace(CONTEXT, urls={**CONTEXT.urls, "content/posts/a": "/a/"})
    made = finish(body, context=around)
    head = "<!DOCTYPE html><html lang=en><head><title>x</title></head><body><h1>x</h1>"
    return f"{head}<div>{made.html}{made.toc}</div><p>{made.summary}</p></body></html>"


@pytest.mark.parametrize("body", REFUSED)
def test_what_is_not_allowed_stops_the_build(body: str) -> None:
    """On the line where it stands, though text stands before it."""
    assert faults(body) != []
    lines = body.count("\n")
    reported = [int(one.partition(":")[0]) for one in faults(f"Words.\n\n{body}")]
    assert [line for line in reported if not 7 <= line <= 7 + lines] == []


@pytest.mark.parametrize("body", [body for body in REFUSED if "\n" not in body and not body.startswith("#")])
def test_a_summary_and_a_place_within_a_page_hide_nothing(body: str) -> None:
    """Values of the front matter reach the lists of other pages; blocks may stand in blocks."""
    with pytest.raises(SourceError) as caught:
        finish("Words.", summary=body)
    assert {fault.line for fault in caught.value.faults} == {3}
    for before in (
        "- one\n\n    ",
        "> ",
        "!!! note\n    ",
        "Term\n:   ",
        "[^1]\n\n[^1]: ",
        "a | b\n--|--\nx | ",
    ):
        assert faults(before + body) != []


@pytest.mark.parametrize("body", ALLOWED)
def test_what_is_allowed_is_published_and_runs_nothing(body: str) -> None:
    """Before and after the page was minified."""
    page = published(body)
    assert active(page) == []
    assert active(minify_page(page)) == []


def test_a_script_named_in_site_toml_is_allowed() -> None:
    """The Content-Security-Policy allows scripts of this site; which of them is for site.toml to say."""
    around = replace(
        CONTEXT, files=CONTEXT.files | {"content/files/chart.js"}, scripts=frozenset(["/files/chart.js"])
    )
    written = '<script src="../files/chart.js" defer></script>'
    made = finish(f"Words.\n\n{written}", context=around)
    assert '<script src="/files/chart.js" defer=""></script>' in made.html
    assert made.files == ("content/files/chart.js",)
    for wrong in (
        '<script src="../files/chart.js">go()</script>',
        '<script src="../files/chart.js" onload="go()"></script>',
        '<script src="../files/chart.js" type="importmap"></script>',
        '<script src="/files/chart.js?x"></script>',
        '<svg><script href="../files/chart.js"/></svg>',
    ):
        with pytest.raises(SourceError):
            finish(wrong, context=around)
    assert faults("<script src='/files/chart.js'></script>") == [
        "5: loads the script /files/chart.js, which site.toml does not name"
    ]


@pytest.mark.parametrize(
    "value",
    ['["https://cdn.example/x.js"]', '["//x/y.js"]', '["files/x.js"]', '["/a b.js"]', '"/x.js"', "[1]"],
)
def test_scripts_of_the_settings_are_paths_of_this_site(value: str) -> None:
    """Nothing else would pass the Content-Security-Policy."""
    text = (project.SMALL_SITE / "site.toml").read_text("utf-8")
    good = text.replace("[security]", '[security]\nscripts = ["/files/chart.js"]')
    assert config.parse_config(good).scripts == ("/files/chart.js",)
    with pytest.raises(SourceError, match=r"^site\.toml:\d+: \[security\] scripts: must be a list of "):
        config.parse_config(text.replace("[security]", f"[security]\nscripts = {value}"))


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("https://x/", "https"),
        (" \x00\x1f java\tscr\nipt\r:x", "javascript"),
        ("JAVASCRIPT:x", "javascript"),
        ("/a:b", ""),
        ("a/b:c", ""),
        ("?a:b", ""),
        ("//x:1/", ""),
        ("1a:b", ""),
        ("a+b-c.d:e", "a+b-c.d"),
        ("\u00a0javascript:x", ""),  # no space to the URL standard: a path
        ("", ""),
    ],
)
def test_a_scheme_is_what_a_browser_takes_for_one(url: str, scheme: str) -> None:
    """WHATWG URL, scheme start state: controls and spaces around, tabs and line ends anywhere are removed."""
    assert allowlist.url_scheme(url) == scheme


@pytest.mark.parametrize(
    "table", [allowlist.HTML_ELEMENTS, allowlist.SVG_ELEMENTS, allowlist.MATHML_ELEMENTS]
)
def test_the_lists_hold_nothing_that_runs_or_leads_away(table: dict[str, frozenset[str]]) -> None:
    """Whoever adds to them reads this first."""
    assert (
        set(table) & {"script", "style", "iframe", "object", "embed", "base", "meta", "link", "foreignobject"}
        == set()
    )
    attributes = {name for names in table.values() for name in names} | allowlist.GLOBAL_ATTRIBUTES
    assert [name for name in attributes if name.startswith("on")] == []
    assert (
        attributes & {"style", "srcdoc", "action", "formaction", "ping", "background", "is", "slot"} == set()
    )
    loading = {"href", "xlink:href", "src", "srcset", "poster", "cite"}
    assert (
        attributes & (loading | {"data", "longdesc", "manifest", "icon", "codebase"})
        <= allowlist.URL_ATTRIBUTES | loading
    )


@pytest.mark.slow
@settings(derandomize=True, max_examples=600, deadline=None, database=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
def test_whatever_is_published_runs_nothing(text: str) -> None:
    """Either the build stops, or nothing in the page runs, before and after it is minified."""
    try:
        page = published(text)
    except SourceError:
        return
    assert active(page) == []
    assert active(minify_page(page)) == []
    inline = [one.text for one in inspect_page(minify_page(page)).findings if one.text.startswith("inline")]
    assert inline == []


def test_a_tree_is_checked_whatever_its_letters() -> None:
    """SVG has names in mixed case; a parser may keep them."""
    tree = LexborHTMLParser("<svg><linearGradient gradientUnits=x/><FOREIGNOBJECT/></svg>", is_fragment=True)
    assert [one.text.lower() for one in find_violations(tree, frozenset())] == [
        "<foreignobject> is not an html element of content"
    ]
    assert html("<SVG VIEWBOX='0 0 1 1'><CIRCLE R=1 /></SVG>").startswith('<p><svg viewBox="0 0 1 1">')
