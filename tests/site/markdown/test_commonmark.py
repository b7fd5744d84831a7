"""What CommonMark pages may hold beyond the specification, and what they may not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pipelines.site.markdown import commonmark
from pipelines.site.markdown.converted import Source
from pipelines.site.markdown.converter import convert_markdown
from pipelines.site.markdown.rules.code_info import parse_info

_LEFT_OUT = re.compile(r' data-at="[^"]*"|<!--\ue002.*?-->|<a class="headerlink".*?</a>')


def box(kind: str, title: str, text: str) -> str:
    return f'<div class="admonition {kind}"><p class="admonition-title">{title}</p>{text}</div>'


def details(kind: str, title: str, attributes: str = "") -> str:
    return f'<details class="{kind}"{attributes}><summary>{title}</summary><p>b</p></details>'


def formula(tex: str, tag: str = "div") -> str:
    brackets = "[]" if tag == "div" else "()"
    return f'<{tag} class="arithmatex">\\{brackets[0]}{tex}\\{brackets[1]}</{tag}>'


def html(body: str) -> str:
    done = _LEFT_OUT.sub("", commonmark.convert(Source(body, "", "a.md", 1)).html).strip()
    return re.sub(r">\n(?=<)", ">", done)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("> [!note] My *T*\n> b", box("note", "My <em>T</em>", "<p>b</p>")),
        ("> [!TIP]\n> b", box("tip", "Tip", "<p>b</p>")),
        ("> [!other]\n> b", "<blockquote><p>[!other]\nb</p></blockquote>"),
        ('!!! note "T"\n    b\n\nc', box("note", "T", "<p>b</p>") + "<p>c</p>"),
        ('??? tip "T"\n    b', details("tip", "T")),
        ("???+ tip\n    b", details("tip", "Tip", ' open=""')),
        ("Term\n: one\n: two", "<dl><dt>Term</dt><dd>one</dd><dd>two</dd></dl>"),
        ("A\nB\n: x\n\nC\nD\n\n: y", "<dl><dt>A</dt><dt>B</dt><dd>x</dd><dt>C</dt><dt>D</dt><dd>y</dd></dl>"),
        ("> A\n> B\n> : x", "<blockquote><dl><dt>A</dt><dt>B</dt><dd>x</dd></dl></blockquote>"),
        ("A\n***\nB\n:x", "<p>A</p><hr><p>B\n:x</p>"),
        ("*[AB]: Long\nAB ABC", '<p><abbr title="Long">AB</abbr> ABC</p>'),
        ("==a== a==b==c x == y", "<p><mark>a</mark> a==b==c x == y</p>"),
        ("x^2^ 2^10 a^b", "<p>x<sup>2</sup> 2^10 a^b</p>"),
        ("~~a~~ H~2~O", "<p><del>a</del> H<del>2</del>O</p>"),
        (":smile:: a:smile:b 8:30:15 :nosuch:", "<p>😄: a:smile:b 8:30:15 :nosuch:</p>"),
        (":smile::rocket::tada: a::b:", "<p>😄🚀🎉 a::b:</p>"),
        ("std::key::Vec ::key: :no::key:", "<p>std::key::Vec ::key: :no::key:</p>"),
        ("$x$ $`y`$ $ 5 $", f"<p>{formula('x', 'span')} {formula('y', 'span')} $ 5 $</p>"),
        ("```math\nx\n```", formula("x")),
        ("$$x$$", formula("x")),
        ("- [x] a", '<ul class="contains-task-list"><li class="task-list-item"><input type="checkbox"'
         " disabled checked> a</li></ul>"),
        ("a\n{: .x}", '<p class="x">a</p>'),
        ("`a`{.x} [b](c){#y} {z}", '<p><code class="x">a</code> <a href="c" id="y">b</a> {z}</p>'),
        ("www.a.org, https://b.c/(d). me@e.org", '<p><a href="http://www.a.org">www.a.org</a>, <a href="https://b.c/(d)">'
         'https://b.c/(d)</a>. <a href="mailto:me@e.org">me@e.org</a></p>'),
        ("it's -- a---b... `--` (c) +-", "<p>it’s – a—b… <code>--</code> (c) +-</p>"),
        ("--option a--b", "<p>--option a–b</p>"),
        ("[a]({filename}b%20c.md)", '<p><a href="{filename}b%20c.md">a</a></p>'),
    ],
)  # fmt: skip
def test_an_addition_is_written_as_gitlab_and_mkdocs_write_it(body: str, expected: str) -> None:
    assert html(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("11.  b\n    # x", '<ol start="11"><li>b\n# x</li></ol>'),
        ("11.  b\n    - x", '<ol start="11"><li>b\n- x</li></ol>'),
        ("- 11.  b\n      # x", '<ul><li><ol start="11"><li>b\n# x</li></ol></li></ul>'),
        ("- 11.  b\n  ***", '<ul><li><ol start="11"><li>b</li></ol><hr></li></ul>'),
        ("> 11.  b\n>     # x", '<blockquote><ol start="11"><li>b\n# x</li></ol></blockquote>'),
        ("11.  b\n   # x", '<ol start="11"><li>b</li></ol><h2 id="x">x</h2>'),
        ("11.  b\n\n    # x", '<ol start="11"><li>b</li></ol><pre><code># x\n</code></pre>'),
    ],
)  # fmt: skip
def test_a_line_indented_like_code_outside_of_its_item_continues_the_paragraph(
    body: str, expected: str
) -> None:
    """By CommonMark, indented code cannot interrupt a paragraph, and nothing begins within code."""
    assert re.sub(r'<div class="highlight">|</div>|<span></span>', "", html(body)) == expected


def test_ids_of_equal_headings_are_numbered_as_on_gitlab() -> None:
    assert re.findall(r'id="([^"]*)"', html("## a\n\n## a\n\n## a-1\n\n## b {#a}\n")) == [
        "a-1",
        "a-2",
        "a-1-1",
        "a",
    ]


def test_the_table_of_contents_has_three_levels_and_shows_where_it_is_asked_for() -> None:
    body = "[[_TOC_]]\n\n## a *b*\n\n### c\n\n##### d\n\n## e\n"
    done = commonmark.convert(Source(body, "", "a.md", 1))
    inner = '<ul><li><a href="#c">c</a></li></ul>'
    nested = f'<ul><li><a href="#a-b">a b</a>{inner}</li><li><a href="#e">e</a></li></ul>'
    assert done.toc.replace("\n", "") == nested
    assert done.sections == 2
    assert nested in done.html.replace("\n", "")


def test_blocks_carry_their_lines_and_findings_those_of_the_file() -> None:
    body = "a\n\n- b\n- c\n\n<div>\nd\n</div>\n\n```nosuch\ne\n```\n\n[f]: g\n"
    done = convert_markdown(body, "", "a.md", 10, dialect="commonmark")
    assert re.findall("\ue002([0-9]+-[0-9]+)", done.html) == ["1-1", "3-5", "3-3", "4-5", "6-8", "10-12"]
    assert (19, "code-language") in [(one.line, one.check) for one in done.findings]


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ("| `b|c` |", "<code>b|c</code>"),
        ("| b | c | d", "b | c | d"),
        (r"| `b \| c` |", "<code>b | c</code>"),
        ("| b | |", "b"),
        ("| b |\\", "b"),
        ("b", "b"),
    ],
)
def test_the_last_cell_shows_what_is_beyond_the_columns(row: str, shown: str) -> None:
    """GFM drops it without a word."""
    body = f"> | a |\n> |---|\n> {row}\n"
    done = convert_markdown(body, "", "a.md", 1, dialect="commonmark")
    assert f"<td>{shown}</td>" in done.html
    surplus = "\\" not in row and shown != "b"
    assert [(one.line, one.check) for one in done.findings] == [(3, "table-cells")] * surplus


def test_a_page_leaves_nothing_behind_for_the_next_one() -> None:
    """One parser serves all pages of a process."""
    first = html("*[AB]: Long\n\n[^a] AB\n\n[^a]: b")
    assert convert_markdown("[a]: b\n\n" + "[" * 60_000, "", "a.md", 1, dialect="commonmark").refused
    assert html("*[AB]: Long\n\n[^a] AB\n\n[^a]: b") == first
    assert html("AB [^a]") == "<p>AB [^a]</p>"


@pytest.mark.parametrize(
    ("info", "language", "title", "marked"),
    [
        ('python title="a.py" hl_lines="2-4" linenums=1', "python", "a.py", (2, 3, 4)),
        ("rust,no_run", "rust", "", ()),
        ("js{1,3}", "js", "", (1, 3)),
        ("js {1-2} showLineNumbers", "js", "", (1, 2)),
        ("{.python .numberLines}", "python", "", ()),
        ("{ .c++ title='b.cpp' }", "c++", "b.cpp", ()),
        ('hl_lines="1"', "", "", (1,)),
        ("c#", "c#", "", ()),
        ("", "", "", ()),
    ],
)
def test_an_info_string_is_read_in_the_spellings_of_other_tools(
    info: str, language: str, title: str, marked: tuple[int, ...]
) -> None:
    found = parse_info(info)
    assert (found.language, found.title, found.marked) == (language, title, marked)


# A text of 200,000 characters, and its finding ("": it is converted). Without a limit some take minutes.
SIZE = 200_000
PATHOLOGICAL: dict[str, tuple[Callable[[int], str], str]] = {
    "brackets": (lambda n: "[" * n, "has too many unclosed ["),
    "images": (lambda n: "![" * (n // 2), "has too many unclosed ["),
    "footnotes": (lambda n: "[^a" * (n // 3), "has too many unclosed ["),
    "emphasis": (lambda n: "*a _a " * (n // 6), ""),
    "backticks": (lambda n: "".join("`" * i + " " for i in range(int((2 * n) ** 0.5))), ""),
    "dollars": (lambda n: "$a " * (n // 3), ""),
    "formulas": (lambda n: "$$ a\n" * (n // 5), "20000 blocks, items or rows"),
    "braces": (lambda n: "`a`{.a " * (n // 7), "28571 blocks, items or rows"),
    "addresses": (lambda n: "a@" * (n // 2), ""),
    "urls": (lambda n: "http://_ " * (n // 9), ""),
    "parentheses": (lambda n: "http://a.b" + ")" * n, ""),
    "open tags": (lambda n: "<a " * (n // 3), ""),
    "comments": (lambda n: "x <!-- " * (n // 7), ""),
    "quotations": (lambda n: ">" * n, "is nested too deeply"),
    "lists": (lambda n: "* " * (n // 2) + "a", "is nested too deeply"),
    "lists of lists": (lambda n: ("- " * 40 + "a\n") * (n // 82), "blocks in other blocks"),
    "boxes": (lambda n: "".join(" " * (4 * i) + "!!! note\n" for i in range(200)), "is nested too deeply"),
    "items": (lambda n: "* a\n" * (n // 4), "blocks in other blocks"),
    "paragraphs": (lambda n: "a\n\n" * (n // 3), "66666 blocks, items or rows"),
    "columns": (lambda n: "|".join("a" * 2_000) + "\n" + "|".join("-" * 2_000), "a table of 2000 columns"),
    "cells": (lambda n: "|".join("a" * 500) + "\n" + "|".join("-" * 500) + "\nb" * 400, "cells a page"),
    "delimiter rows": (lambda n: "-|-\n" * (n // 4), "49999 blocks, items or rows"),
    "references": (lambda n: "[^a] " * (n // 5) + "\n\n[^a]: b", "more than 1000 references"),
    "abbreviations": (lambda n: "".join(f"*[x{i}]: b\n" for i in range(n // 11)), "are too many for a page"),
    "contents": (lambda n: "[TOC]\n\n" * 20, "has [TOC] 20 times; "),
    "elements": (lambda n: "<div>" * (n // 5), "HTML elements are nested more than 100 deep"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_no_text_stops_a_build(name: str) -> None:
    """Limits count and read no clock; each text here took less than 2 s of a processor."""
    write, expected = PATHOLOGICAL[name]
    findings = convert_markdown(write(SIZE), "", "a.md", 1, dialect="commonmark").findings
    limits = [str(one) for one in findings if one.check == "limit"]
    assert len(limits) == bool(expected)
    assert expected in "".join(limits)
