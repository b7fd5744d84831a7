"""A page is rendered again when something changes that its template reads, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.site.cache import Cache
from tests.support.project import build_site, tiny_site, write

POST = "---\ntitle: {title}\ndate: 2026-01-0{day}\ntags: [One]\n---\n\n{text}\n"
FILES = {
    "content/posts/first.md": POST.format(title="First", day=1, text="The first text."),
    "content/posts/second.md": POST.format(title="Second", day=2, text="The second text."),
    "content/posts/third.md": POST.format(title="Third", day=3, text="The third text."),
    "content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n",
}
PAGE = "theme/templates/page.html"
# What a template of somebody else may do: (its additional source, files beside it, the change).
TEXT = ("content/posts/first.md", "The first text.", "Another text.")
TITLE = ("content/posts/first.md", "title: First", "title: Other")
TAGLINE = ("site.toml", "Every feature once", "Nearly every feature once")
TEMPLATES = {
    "the text of a listed post": ("{{ articles[-1].content | length }}", {}, TEXT),
    "a post beside a listed post": ("{{ articles[0].prev_article.prev_article.title }}", {}, TITLE),
    "the words of a listed post": ("{{ articles[-1].content.split() | first }}", {}, TEXT),
    "all pages and posts": ("{% for p in articles + pages %}{{ p.title }}{% endfor %}", {}, TITLE),
    "posts by tag": ("{% for t, ps in tags %}{{ t }}{{ ps | map(attribute='title') | join }}{% endfor %}", {},
                     TITLE),
    "a variable of Pelican": ("{{ SITESUBTITLE }}", {}, TAGLINE),
    "a macro without context": (
        '{% import "own.html" as own %}{{ own.line() }}',
        {"theme/templates/own.html": "{% macro line() %}{{ site.tagline }}{% endmacro %}"},
        TAGLINE,
    ),
    "a value that an imported template keeps": (
        '{% import "own.html" as own %}{{ own.kept }}',
        {"theme/templates/own.html": "{% set kept = site.tagline %}"},
        TAGLINE,
    ),
    "a template named by a variable": (
        '{% set name = "own" %}{% include name ~ ".html" %}',
        {"theme/templates/own.html": "Before."},
        ("theme/templates/own.html", "Before", "After"),
    ),
    "a template that is not there yet": (
        '{% include "later.html" ignore missing %}',
        {},
        ("theme/templates/later.html", "", "Here it is."),
    ),
    "a variable that is not there yet": (
        "{{ BYLINE | default('none') }}",
        {},
        ("pelicanconf.py", 'AUTHOR = SITE.author', 'AUTHOR = SITE.author\nBYLINE = "by all"'),
    ),
    "a list that a template makes": (
        "{% set newest = articles[:1] %}{% set path = 'x' %}{{ newest[0].title }}{{ path }}",
        {},
        ("content/posts/third.md", "title: Third", "title: Newest"),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_may_read_anything(name: str, tmp_path: Path) -> None:
    addition, files, (changed, old, new) = TEMPLATES[name]
    site = tiny_site(tmp_path, {**FILES, **files})
    template = (site / PAGE).read_text().replace("{{ m.barrier(page) }}", "{{ m.barrier(page) }}" + addition)
    write(site / PAGE, template)
    cache = Cache()
    build_site(site, cache=cache)
    page = site / "out/site/public/about/index.html"
    before = page.read_bytes()
    text = (site / changed).read_text() if (site / changed).exists() else ""
    assert old in text
    write(site / changed, text.replace(old, new, 1) if old else new)
    again = build_site(site, cache=cache)
    assert page.read_bytes() != before
    assert again.digest == build_site(site, clean=True).digest


def test_only_what_shows_a_change_is_rendered(tmp_path: Path) -> None:
    """The text of a post is on its page and in feeds, its title also in lists and beside its neighbours."""
    site = tiny_site(tmp_path, FILES)
    cache = Cache()
    build_site(site, cache=cache)
    first = site / "content/posts/first.md"
    write(first, first.read_text() + "\nA second paragraph.\n")
    build_site(site, cache=cache)
    # The post, the feed of the site and that of the tag.
    assert cache.misses == {"document": 1, "convert": 1, "render": 3}
    write(first, first.read_text().replace("title: First", "title: Other"))
    build_site(site, cache=cache)
    rendered = cache.misses["render"]
    page = site / "content/pages/about.md"
    write(page, page.read_text() + "\nMore.\n")
    build_site(site, cache=cache)
    # The post, two that relate to it, two feeds, the front page, and the lists of posts, tags and years.
    assert (rendered, cache.misses) == (13, {"document": 1, "convert": 1, "render": 1})


def test_nothing_is_done_where_nothing_changed(tmp_path: Path) -> None:
    site = tiny_site(tmp_path, FILES)
    cache = Cache()
    first = build_site(site, cache=cache)
    inodes = {file: file.stat().st_ino for file in (site / "out/site/public").rglob("*.html")}
    again = build_site(site, cache=cache)
    assert (again.digest, cache.misses) == (first.digest, {"convert": 0, "render": 0})
    assert {file: file.stat().st_ino for file in (site / "out/site/public").rglob("*.html")} == inodes


def test_a_page_that_was_changed_in_the_tree_is_written_anew(tmp_path: Path) -> None:
    """A hand that edits out/site must not reach the next one."""
    site = tiny_site(tmp_path, FILES)
    cache = Cache()
    first = build_site(site, cache=cache)
    page = site / "out/site/public/about/index.html"
    page.write_bytes(page.read_bytes().replace(b"Who we are", b"Who we ARE"))
    assert build_site(site, cache=cache).digest == first.digest
    assert b"Who we are" in page.read_bytes()
