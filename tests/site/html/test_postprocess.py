"""Markdown becomes the HTML of a page, and every word of it is kept or the build says which is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.site.content.documents import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html import postprocess
from pipelines.site.html.link_rewriter import cover_url
from pipelines.site.html.links import ImageFacts, LinkContext
from pipelines.site.html.postprocess import DiagramRenderer, Fragment, Labels, labels_from
from pipelines.site.html.summary import plain_text, summary_html, truncate
from pipelines.site.markdown import python_markdown

steady = settings(derandomize=True, max_examples=150, deadline=None, database=None)

CONTEXT = LinkContext(
    urls={"content/posts/here.md": "/posts/here/", "content/posts/one.md": "/posts/one/"},
    hidden={},
    files=frozenset(
        (
            *("content/images/a.png", "content/images/b.png", "content/files/film.mp4"),
            *("content/files/a.pdf", "content/diagrams/parts.puml"),
        )
    ),
    images={
        "content/images/a.png": ImageFacts("a.11111111.png", 40, 30),
        "content/images/b.png": ImageFacts("b.22222222.png", 80, 60),
    },
)
A = 'src="/assets/a.11111111.png"'


def shown(path: str, source: str, line: int) -> str:
    """A diagram, as a build would draw it."""
    return f"<figure>{path or source.split()[0]}</figure>"


def finish(
    body: str,
    summary: str = "",
    *,
    image: str = "",
    gated: bool = False,
    diagram: DiagramRenderer = shown,
    around: LinkContext = CONTEXT,
) -> Fragment:
    """Convert and finish *body*, which begins on line 5; the summary stands on line 3."""
    meta = Metadata("Here", summary=summary, image=image, lines=(("summary", 3), ("image", 4)))
    path = "content/posts/here.md"
    document = Document(path, "post", gated, meta, body, 5, "", "here", "en", "/posts/here/", None, "")
    converted = python_markdown.convert_markdown(body, summary, path, 5)
    return postprocess.postprocess(document, converted, around, diagram, Labels())


def html(body: str) -> str:
    return finish(body).html.strip()


def faults(body: str, summary: str = "") -> list[str]:
    with pytest.raises(SourceError) as caught:
        finish(body, summary)
    return [f"{fault.line}: {fault.text}" for fault in caught.value.faults]


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
    """Links lead to URLs, pictures have their size, and one that stands alone may have a caption."""
    assert html(body) == expected


def test_pictures_below_the_first_wait_for_the_reader() -> None:
    """The first may be what the reader came for; the others cost nothing until they are near."""
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
    """A box without a name is read as nothing."""
    found = html("- [x] one\n- [ ] two\n- three")
    assert re.findall(r'aria-label="([^"]*)"', found) == ["done", "to do"]
    assert found.count("disabled") == 2


def test_math_becomes_mathml() -> None:
    """Browsers draw it without a script; money is no math."""
    found = html("A $a^2$ line for $5 and $6.\n\n$$\nx_1\n$$")
    assert re.findall(r'<math [^>]*display="(\w+)"', found) == ["inline", "block"]
    assert "$5 and $6" in found


def test_code_is_focusable_and_permalinks_have_labels() -> None:
    """What scrolls must be reachable without a mouse; a lone # says nothing."""
    found = html("## Part\n\n```python\nx = 1\n```")
    assert '<pre tabindex="0">' in found
    assert '<a class="headerlink" href="#part" aria-label="Link to this section">#</a>' in found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("A\n\n[x](nowhere.md)", ["7: links to content/posts/nowhere.md, which does not exist"]),
        ("[x](a.md)\n[y](b.md)", ["5: links to content/posts/a.md, which does not exist",
                                  "6: links to content/posts/b.md, which does not exist"]),
        ("A\n\n$\\nosuch$", ["7: math uses the unknown TeX command \\nosuch"]),
        ("It is $$a$$ long.", ["5: math in $$ is within a line of text"]),
        ("A\n\n!!! note \"T\"\nB", ["7: admonition 'T' has no text"]),
        ("A\n\nList<String>", ["7: <String> is not an HTML element of content"]),
        ("a <your-name> b", ["5: <your-name> is not an HTML element of content"]),
        ("</nothing>", ["5: <nothing> is not an HTML element of content"]),
        ("<center>a</center>", ["5: <center> is not allowed in content"]),
        ("<base href='/'>", ["5: <base> is not an HTML element of content"]),
        ("a <?php b ?> c", ["5: <?php b ?> would be dropped"]),
        ("A\n\n[Note]: important", ["7: link definition [Note] is not used"]),
        ("`a\n[b]: c`", ["6: link definition [b] is not used"]),
        ("[a]\n\n[a]: /b/\n[A]: /c/", ["8: link [A] is defined twice: one is dropped"]),
        ("A\n\n[^1]: b", ["7: footnote [^1] is not used"]),
        ("A[^1]\n\n[^1]: b\n\n[^1]: c", ["9: footnote [^1] is defined twice: one is dropped"]),
        ("HTML\n\n*[HTLM]: x", ["7: abbreviation *[HTLM] is not used"]),
        ("a \ue000 b", ["5: has a character that is not allowed in a page (U+E000)"]),
        ("a &#xE001; b", ["5: has a character that is not allowed in a page (U+E001)"]),
        ("a\n\n&#2; b", ["7: has a character that is not allowed in a page (U+0002)"]),
        ("![a](../files/b.png)", ["5: links to content/files/b.png, which does not exist"]),
    ],
)  # fmt: skip
def test_dropped_markup_is_a_fault_on_its_line(body: str, message: list[str]) -> None:
    """Markdown and HTML both drop in silence what they do not understand."""
    assert faults(body) == message


@pytest.mark.parametrize(
    "body",
    [
        "`List<String>`",
        "```\n[Note]: important\n<String>\n<?php ?>\n```",
        "~~~text\n[^1]: a\n~~~",
        "> ```\n> [a]: b\n> ```",
        "    [Note]: indented",
        "[a]\n\n[a]: /b/\n[a]: /b/",
        "[A   b]\n\n[a b]: /c/",
        "[x][Q]\n\n[q]: /c/",
        "![x][q]\n\n[q]: ../images/a.png",
        "HTML\n\n*[HTML]: x",
        "A[^note]\n\n[^note]: b",
        "<svg viewBox='0 0 1 1'><title>T</title><path d=''/><linearGradient/></svg>",
        "<math><mi>x</mi></math>",
        "1 < 2 > 0 && a <b or c",
        "<!-- <String> [Note]: x -->\n\nA",
        "A &amp; &#228; &#x1F98A; &#128;",
        '!!! note "T"\n    ![a](../images/a.png)',
        "!!! note\n    B",
        "$5 and $6",
        "a \\[Note]: b",
    ],
)
def test_what_is_seen_is_no_fault(body: str) -> None:
    """A check that cries wolf is switched off."""
    assert finish(body).html != ""


@pytest.mark.parametrize(
    ("summary", "expected", "description"),
    [
        ("plain & <b>bold</b>", "plain &amp; <b>bold</b>", "plain & bold"),
        ("a *b* `c`", "a <em>b</em> <code>c</code>", "a b c"),
        ('a [link](one.md "x > y") b', "a link b", "a link b"),
        ("costs $a^2$", "costs <math", "costs a2"),
        ("a <!-- b --> c", "a  c", "a c"),
        ("a *b*{: #x }", "a <em>b</em>", "a b"),
    ],
)
def test_a_summary_is_text_without_links_or_ids(summary: str, expected: str, description: str) -> None:
    """It stands inside of links, beside the summaries of other pages."""
    found = finish("Words.", summary)
    assert found.summary.startswith(expected)
    assert (found.description, re.findall(r"<a\b|id=", found.summary)) == (description, [])


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ("[a](nowhere.md)", ["3: links to content/posts/nowhere.md, which does not exist"]),
        ("a\n\nb", ["3: the summary is not one paragraph of text"]),
        ("- a\n- b", ["3: the summary is not one paragraph of text"]),
        ("## a", ["3: the summary is not one paragraph of text"]),
        ("![a](../images/a.png) b", ["3: the summary has an image"]),
        ("List<String>", ["3: <String> is not an HTML element of content"]),
        ("$\\nosuch$", ["3: math uses the unknown TeX command \\nosuch"]),
        ("a &#1; b", ["3: has a character that is not allowed in a page (U+0001)"]),
    ],
)
def test_a_summary_that_no_list_can_show_is_a_fault(summary: str, message: list[str]) -> None:
    """The fault stands on the line of the key."""
    assert faults("Words.", summary) == message


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ("One *two*.\n\nThree.", "One <em>two</em>."),
        ("## Part\n\nOne.", "One."),
        ("**One.**\n\nTwo.", "<strong>One.</strong>"),
        ("![a](../images/a.png)\n\nOne.", "One."),
        ('![a](../images/a.png "Cap")\n\nOne.', "One."),
        ("One ![a](../images/a.png) two.", "One  two."),
        ("> Quoted.\n\nOne.", "One."),
        ("- item\n\nOne.", "One."),
        ("- only\n- a list", ""),
        ("!!! note\n    Boxed.\n\nOne.", "One."),
        ("One[^1].\n\n[^1]: Foot.", "One."),
        ("- a list[^1]\n\n[^1]: Foot.", ""),
        ("[One](one.md) two.", "One two."),
    ],
)
def test_without_a_summary_the_first_paragraph_is_taken(body: str, summary: str) -> None:
    """What stands in a list, a box or a quotation does not say what a page is about."""
    assert finish(body).summary == summary


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one two", 10, "one two"),
        ("one  two\nthree", 20, "one two three"),
        ("one two three", 10, "one two…"),
        ("one, two", 6, "one…"),
        ("沙漠" * 10, 10, "沙漠沙漠沙漠沙漠沙…"),
        ("", 5, ""),
    ],
)
def test_a_description_is_cut_between_words(text: str, limit: int, expected: str) -> None:
    """Search engines show so much; some languages have no spaces to cut at."""
    assert truncate(text, limit) == expected
    assert len(expected) <= limit or limit > len(text)


def test_a_page_has_its_files_and_lines() -> None:
    """Files are published because a page needs them; faults of the whole site want lines."""
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
def test_a_page_may_have_a_picture_for_others_to_show(image: str, gated: bool, url: str) -> None:
    """It is written as a link of the page would be."""
    meta = Metadata("T", image=image)
    document = Document("content/posts/here.md", "post", gated, meta, "", 5, "", "h", "en", "/h/", None, "")
    assert cover_url(document, CONTEXT)[0] == url


@pytest.mark.parametrize("image", ["nowhere.png", "../files/a.pdf", "https://example.org/a.png", "one.md"])
def test_a_picture_that_is_none_is_a_fault(image: str) -> None:
    """A missing preview image shows only where a page is shared."""
    meta = Metadata("T", image=image, lines=(("image", 4),))
    document = Document("content/posts/here.md", "post", False, meta, "", 5, "", "h", "en", "/h/", None, "")
    with pytest.raises(SourceError, match=r"^content/posts/here\.md:4: "):
        cover_url(document, CONTEXT)


def test_labels_come_from_the_theme_with_defaults() -> None:
    """They are read aloud in the language of the page."""
    assert labels_from({"table": "Tabelle", "task_done": "erledigt", "other": 1}) == Labels(
        table="Tabelle", done="erledigt"
    )


WORD = st.integers(0, 999).map("w{}w".format)
SIGNS = st.sampled_from(
    (
        *(" ", "\n", "\n\n", "\n    ", "*", "**", "_", "`", "```", "~~~", "[", "]", "](", ")", "](/x/", "!["),
        *("<", ">", "</", "/>", "<p>", "</p>", "<div>", "</div>", "<b", '"', "'", "=", "&", ";", "#", "\n# "),
        *("\n## ", "\n- ", "\n1. ", "\n> ", "\n: ", "|", "\n|---|---|\n", "$", "$$", "\\", "{", "}", "{: "),
        *("[^", "]:", "]: ", "*[", "!!! note\n", "!!!", "[TOC]", "\t", "~", "^", "(", ":", ".", "-", "--"),
        *("\n---\n", "<!--", "-->", "<?", "?>", "\n***\n", "\r"),
    )
)


@steady
@given(st.lists(WORD | SIGNS, max_size=40).map("".join))
def test_every_word_is_published_or_a_fault(body: str) -> None:
    """Random Markdown, unclosed and crossed: words in are words out, or the build stops."""
    try:
        found = finish(body)
    except SourceError:
        return
    written = re.findall(r"w\d+w", body)
    kept = set(re.findall(r"w\d+w", found.html.replace("&shy;", "")))
    assert [word for word in written if word not in kept] == []


BLOCKS = st.sampled_from(
    (
        *("{}", "*{}* {}", "**{}**", "`{}`", "[{}](one.md)", "## {}", "- {}\n- {}", "1. {}\n2. {}", "> {}"),
        *("```\n{}\n```", "```python\n{} = 1\n```", "| {} | b |\n|---|---|\n| {} | d |", "{}\n:   {}"),
        *('!!! note "{}"\n    {}', "- [x] {}", "![{}](../images/a.png)", "{0}[^{1}]\n\n[^{1}]: {2}"),
        *('![a](../images/a.png "{}")', "<div>{}</div>", "<details><summary>{}</summary>\n{}\n</details>"),
        *("$x$ {}", "{}\n```\n{}\n```\n{}", "{}  \n{}", "    {}", "*[{0}]: {1}\n\n{0}", "[{}](/{}/)"),
    )
)


@steady
@given(st.lists(BLOCKS, max_size=8))
def test_ordinary_documents_are_never_refused(blocks: list[str]) -> None:
    """Blocks as authors write them, in any order: all words come out, and none is a fault."""
    words = [[f"w{number}{letter}w" for letter in "abcd"] for number in range(len(blocks))]
    body = "\n\n".join(block.format(*one) for block, one in zip(blocks, words, strict=True))
    found = finish(body)
    assert set(re.findall(r"w\d+\ww", body)) - set(re.findall(r"w\d+\ww", found.html)) == set()


@steady
@given(st.text(max_size=60))
def test_briefs_are_total(html: str) -> None:
    """Whatever stands in a summary, a list can show it."""
    found = summary_html(html)
    assert not re.search(r"<a[\s>]", found)
    assert len(truncate(plain_text(found), 50)) <= 50


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


@pytest.mark.parametrize(
    ("body", "text", "fix"),
    [
        ("<center>a</center>", "<center>", "write a <span> or <div> with a class"),
        ("<strike>a</strike>", "<strike>", "write <del>"),
        ('a <br clear="all"> b', "<br> has the attribute clear", "give it a class"),
        ('<ul type="square"><li>a</li></ul>', "<ul> has the attribute type", "give it a class"),
        (
            "![x](https://a.example/x.puml)",
            "shows a diagram of another host",
            "copy its source into content/",
        ),
        ("$\\left$", "math is not TeX: an argument is missing", "fix \\left"),
        ("x $\\big$ y", "math is not TeX: an argument is missing", "fix \\big"),
        ("$\\sideset{a}$", "math is not TeX: an argument is missing", "fix \\sideset{a}"),
    ],
)
def test_what_is_refused_names_its_line_and_what_to_write(body: str, text: str, fix: str) -> None:
    with pytest.raises(SourceError) as caught:
        finish(f"Words.\n\n{body}")
    [found] = caught.value.faults
    assert (found.line, found.fix) == (7, fix)
    assert text in found.text


def test_braces_of_two_paragraphs_are_no_attribute_list() -> None:
    """A smiley at the end of a text has nothing to do with what stands behind it."""
    assert html("A smiley {:\n\nx") == "<p>A smiley {:</p>\n<p>x</p>"
