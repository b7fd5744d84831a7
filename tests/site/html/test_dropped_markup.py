"""Dropped markup: every word of a page is published, or the build names the fault."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from tests.site.html.fragments import faults, finish, outcome

steady = settings(derandomize=True, max_examples=150, deadline=None, database=None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("A\n\n[x](nowhere.md)", ["7: links to content/posts/nowhere.md, which does not exist"]),
        ("[x](a.md)\n[y](b.md)", ["5: links to content/posts/a.md, which does not exist",
                                  "6: links to content/posts/b.md, which does not exist"]),
        ("A\n\n$\\nosuch$", ["7: math uses the unknown TeX command \\nosuch"]),
        ("It is $$a$$ long.", ["5: math in $$ is within a line of text"]),
        ("A\n\n!!! note \"T\"\nB", ["7: admonition 'T' has no text"]),
        ("A\n\nList<String>", ["7: <String> is not an HTML element of content: it is shown as text"]),
        ("a <your-name> b", ["5: <your-name> is not an HTML element of content: it is shown as text"]),
        ("</nothing>", ["5: <nothing> is not an HTML element of content: it is shown as text"]),
        (
            "<center>a</center>",
            ['5: <center> is not part of HTML any more: it was replaced by <div class="ta-center">'],
        ),
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
    """Markdown and HTML both drop unknown markup silently."""
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
def test_rendered_markup_is_not_a_fault(body: str) -> None:
    """Authors switch off a check with false positives."""
    assert finish(body).html != ""


@pytest.mark.parametrize(
    ("body", "text", "fix"),
    [
        ("<center>a</center>", "<center>", 'write <div class="ta-center">, or Markdown'),
        ("<strike>a</strike>", "<strike>", "write <del>, or Markdown"),
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
def test_a_fault_names_its_line_and_its_fix(body: str, text: str, fix: str) -> None:
    with pytest.raises(SourceError) as caught:
        finish(f"Words.\n\n{body}")
    [found] = caught.value.faults
    assert (found.line, found.fix) == (7, fix)
    assert text in found.text


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
@example("$w0w$")
@given(st.lists(WORD | SIGNS, max_size=40).map("".join))
def test_every_word_is_published_or_a_fault(body: str) -> None:
    """Random Markdown, unclosed and crossed: each word is published, or the build fails."""
    try:
        found = finish(body)
    except SourceError:
        return
    written = re.findall(r"w\d+w", body)
    # MathML puts each letter of a formula into an element of its own.
    html = re.sub(r"</?m[a-z]*[^>]*>", "", found.html.replace("&shy;", ""))
    published = set(re.findall(r"w\d+w", html))
    assert [word for word in written if word not in published] == []


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
    """Blocks as authors write them, in any order: each word is published without a fault."""
    words = [[f"w{number}{letter}w" for letter in "abcd"] for number in range(len(blocks))]
    body = "\n\n".join(block.format(*one) for block, one in zip(blocks, words, strict=True))
    found = finish(body)
    assert set(re.findall(r"w\d+\ww", body)) - set(re.findall(r"w\d+\ww", found.html)) == set()


def test_a_formula_has_no_character_that_xml_forbids() -> None:
    """It reaches feeds; what ends their writing would end the build with a traceback."""
    made, findings = outcome(r"a $\text{&#1;}$", dialect="commonmark")
    assert [(one.line, one.check) for one in findings] == [(5, "encoding")]
    assert made.html.strip() == r"<p>a <code>\text{&amp;#1;}</code></p>"
