"""Markdown becomes the HTML of a page."""

from __future__ import annotations

import re

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.content.document import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html.labels import Labels, labels_from
from pipelines.site.html.link_rewriter import cover_url
from tests.site.html.fragments import CONTEXT, A, finish, html


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A [link](one.md#x) here.", '<p>A <a href="/posts/one/#x">link</a> here.</p>'),
        ('<a href="one.md">A</a>', '<p><a href="/posts/one/">A</a></p>'),
        ("![alt](../images/a.png)", f'<p><img alt="alt" {A} width="40" height="30" decoding="async"></p>'),
        (
            '![alt](../images/a.png "A <b> & c")',
            f'<figure><img alt="alt" {A} width="40" height="30" decoding="async">'
            "<figcaption>A &lt;b&gt; &amp; c</figcaption></figure>",
        ),
        (
            '[![alt](../images/a.png "Cap")](one.md)',
            f'<figure><a href="/posts/one/"><img alt="alt" {A} width="40" height="30" decoding="async"></a>'
            "<figcaption>Cap</figcaption></figure>",
        ),
        (
            'See ![alt](../images/a.png "Cap") there.',
            f'<p>See <img alt="alt" {A} title="Cap" width="40" height="30" decoding="async"> there.</p>',
        ),
        (
            '<video src="../files/film.mp4" poster="../images/a.png"></video>',
            '<video src="/files/film.mp4" poster="/assets/a.11111111.png"></video>',
        ),
        (
            '<img alt="" src="../images/a.png" srcset="../images/a.png 1x, ../images/b.png 2x">',
            f'<p><img alt="" {A} srcset="/assets/a.11111111.png 1x, /assets/b.22222222.png 2x"'
            ' width="40" height="30" decoding="async"></p>',
        ),
        ("![Parts](../diagrams/parts.puml)", "<figure>content/diagrams/parts.puml</figure>"),
        ("```plantuml\n@startuml\n@enduml\n```", "<figure>@startuml</figure>"),
        ("A <!-- note --> B", "<p>A  B</p>"),
        ("a\n```\nb\n```\nc *d*", '<p>a\n</p><div class="highlight"><pre tabindex="0"><code>b\n</code></pre>'
         "</div>\n<p>c <em>d</em></p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown_becomes_html(body: str, expected: str) -> None:
    """Links lead to URLs, images have their size, and an image alone may have a caption."""
    assert html(body) == expected


def test_images_after_the_first_load_lazily() -> None:
    """The first image loads at once; the others are lazy."""
    pictures = [f"![{name}](../images/{name}.png)" for name in "aba"]
    found = re.findall(r"<img [^>]*>", html("\n\n".join(pictures)))
    assert ["loading" in one for one in found] == [False, True, True]


def test_a_table_may_scroll_and_has_no_inline_style() -> None:
    """The Content-Security-Policy refuses style attributes; a phone is narrower than most tables."""
    found = html("| a | b |\n|:--|--:|\n| 1 | $x$ |")
    assert found.startswith('<div class="table-scroll" tabindex="0" role="group" aria-label="Table"><table>')
    assert re.findall(r"<t[hd]\b[^>]*>", found) == [
        '<th class="ta-left">',
        '<th class="ta-right">',
        '<td class="ta-left">',
        '<td class="ta-right">',
    ]
    assert "<math" in found
    assert "\ue000" not in found


def test_task_checkboxes_have_labels() -> None:
    """A screen reader needs the name of a checkbox."""
    found = html("- [x] one\n- [ ] two\n- three")
    assert re.findall(r'aria-label="([^"]*)"', found) == ["done", "to do"]
    assert found.count("disabled") == 2


def test_math_becomes_mathml() -> None:
    """Browsers render MathML without a script; amounts of money are not math."""
    found = html("A $a^2$ line for $5 and $6.\n\n$$\nx_1\n$$")
    assert re.findall(r'<math [^>]*display="(\w+)"', found) == ["inline", "block"]
    assert "$5 and $6" in found


def test_code_is_focusable_and_permalinks_have_labels() -> None:
    """A scrollable element must be reachable by keyboard; a bare # is not a label."""
    found = html("## Part\n\n```python\nx = 1\n```")
    assert '<pre tabindex="0">' in found
    assert '<a class="headerlink" href="#part" aria-label="Link to this section">#</a>' in found


def test_a_page_has_its_files_and_lines() -> None:
    """Only files that a page uses are published; faults of the whole site need line numbers."""
    found = finish("A [pdf](../files/a.pdf).\n\n![x](../images/a.png)\n\n[one](one.md#y)")
    assert found.files == ("content/files/a.pdf", "content/images/a.png")
    assert dict(found.lines) == {"/files/a.pdf": 5, "/assets/a.11111111.png": 7, "/posts/one/#y": 9}


@pytest.mark.parametrize(
    ("image", "gated", "url"),
    [
        ("", False, ""),
        ("../images/a.png", False, "/assets/a.11111111.png"),
        ("/images/b.png", False, "/assets/b.22222222.png"),
        ("{static}../images/a.png", True, "/members/assets/a.11111111.png"),
    ],
)
def test_a_page_may_have_a_cover_image(image: str, gated: bool, url: str) -> None:
    """Its path is relative to the page, as in a link."""
    meta = Metadata("T", image=image)
    document = Document("content/posts/here.md", "post", gated, meta, "", 5, "", "h", "en", "/h/", None, "")
    assert cover_url(document, CONTEXT)[0] == url


@pytest.mark.parametrize("image", ["nowhere.png", "../files/a.pdf", "https://example.org/a.png", "one.md"])
def test_an_invalid_cover_image_is_a_fault(image: str) -> None:
    """A missing preview image shows only where a page is shared."""
    meta = Metadata("T", image=image, lines=(("image", 4),))
    document = Document("content/posts/here.md", "post", False, meta, "", 5, "", "h", "en", "/h/", None, "")
    with pytest.raises(SourceError, match=r"^content/posts/here\.md:4: "):
        cover_url(document, CONTEXT)


def test_labels_come_from_the_theme_with_defaults() -> None:
    """Screen readers read them in the language of the page."""
    strings = {"table": "Tabelle", "task_done": "erledigt", "box_note": "Hinweis", "other": 1}
    assert labels_from(strings) == Labels(table="Tabelle", done="erledigt", boxes={"note": "Hinweis"})


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("!!! note\n    x",             "Hinweis"),
        ("!!! note large\n    x",       "Hinweis"),
        ('!!! note "Mine"\n    x',      "Mine"),
        ('!!! note "Tip"\n    x',       "Tip"),
        ("!!! unheard-of\n    x",       "Unheard-of"),
        ("> [!NOTE]\n> x",              "Hinweis"),
        ("> [!NOTE] Mine\n> x",         "Mine"),
        ("??? note\n    x",             "Hinweis"),
    ],
)  # fmt: skip
def test_a_box_without_a_title_has_its_kind_in_the_language_of_the_page(body: str, title: str) -> None:
    """A kind that the theme has no text for keeps its name."""
    labels = Labels(boxes={"note": "Hinweis", "tip": "Tipp"})
    for dialect in ("commonmark",) if body[0] in ">?" else ("commonmark", "python-markdown"):
        html = finish(body, dialect=dialect, labels=labels).html
        assert re.findall(r'(?:admonition-title">|<summary>)([^<]*)', html) == [title]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<a name="place"></a>', '<a id="place"></a>'),
        ('<a href="https://a.example/" referrerpolicy="no-referrer">A</a>', 'referrerpolicy="no-referrer"'),
        (
            '<video controls controlslist="nodownload" crossorigin src="../files/film.mp4"></video>',
            "crossorigin",
        ),
        ('<svg focusable="false" enable-background="new" viewBox="0 0 1 1"></svg>', 'focusable="false"'),
        ('<p itemscope itemprop="a" spellcheck="false" inert>a</p>', 'itemprop="a"'),
    ],
)
def test_semantic_markup_is_unchanged(body: str, expected: str) -> None:
    assert expected in html(body)


def test_braces_of_two_paragraphs_are_not_an_attribute_list() -> None:
    """A smiley at the end of a paragraph is text."""
    assert html("A smiley {:\n\nx") == "<p>A smiley {:</p>\n<p>x</p>"


@pytest.mark.parametrize(
    ("body", "href"),
    [
        ("[a](#eth_call)\n\n## `eth_call`", "#eth-call"),
        ("[a](#a--b)\n\n## A & B", "#a-b"),
        ("[a](#A-B)\n\n## A B", "#a-b"),
        ("[a](#a_b)\n\n<p id=a_b>x</p>\n\n## A b", "#a_b"),
        ("[a](#nowhere)\n\n## A", "#nowhere"),
        ("[a](#)\n\n## A", "#"),
    ],
)
def test_a_fragment_of_github_leads_to_the_heading(body: str, href: str) -> None:
    """GitHub keeps _ and two hyphens in ids; an id that exists counts first."""
    [found] = re.findall(r'<a href="([^"]*)">a</a>', finish(body, dialect="commonmark").html)
    assert found == href
