"""The first line of a fence, in the spellings of other tools."""

from __future__ import annotations

import re

import pytest

from pipelines.site.markdown.highlight import CodeInfo, code_block
from pipelines.site.markdown.rules.code_info import parse_info
from tests.site.html.fragments import finish, outcome


@pytest.mark.parametrize(
    ("written", "language", "title", "marked"),
    [
        ("python",                                "python", "",     ()),
        ('python title="a.py" hl_lines="2-4"',    "python", "a.py", (2, 3, 4)),
        ("js{1,3}",                               "js",     "",     (1, 3)),
        ("{1,3}",                                 "",       "",     (1, 3)),
        ("rust,no_run",                           "rust",   "",     ()),
        ("",                                      "",       "",     ()),
    ],
)  # fmt: skip
def test_a_fence_takes_the_options_of_other_tools(
    written: str, language: str, title: str, marked: tuple[int, ...]
) -> None:
    """A text from elsewhere shows its code as it did there."""
    assert parse_info(written) == CodeInfo(language, title, marked)


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("python linenums=1",                     1),
        ('python linenums="5" hl_lines="1"',      5),
        ("{.python .numberLines}",                1),
        ('{.python .numberLines startFrom="5"}',  5),
        ("js {1} showLineNumbers",                1),
        ("go {linenos=table,linenostart=9}",      9),
        ("go {linenos=false,linenostart=9}",      0),
        ('python title="on linenums"',            0),
        ('python startFrom="5"',                  0),
    ],
)  # fmt: skip
def test_lines_are_numbered_in_the_spellings_of_other_tools(written: str, first: int) -> None:
    """MkDocs, pandoc, Docusaurus and Hugo."""
    assert parse_info(written).first == first


@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
def test_the_number_of_a_line_is_not_text(dialect: str) -> None:
    """Whoever copies the code or hears it gets the code alone."""
    body = '```python linenums="9" hl_lines="2"\na = """x\nb"""\n```'
    html = finish(body, dialect=dialect).html
    assert re.findall(r'data-line="([^"]*)"', html) == [" 9", "10"]
    assert '<span class="hll"><span class="lineno" data-line="10" aria-hidden="true"></span>' in html
    assert re.sub("<[^>]*>", "", html).strip() == 'a = """x\nb"""'


@pytest.mark.parametrize("language", ["circom", "go.sum", "asn.1", "njk", "roff", "java-properties", "Dafny"])
def test_the_names_of_languages_that_github_knows_are_no_finding(language: str) -> None:
    """A text from there keeps its fences."""
    assert code_block("x\n", CodeInfo(language))[1] == []


@pytest.mark.parametrize(
    "info",
    [
        *(
            "rust,no_run",
            "js{1,3}",
            "js {1,3}",
            "{1,3}",
            "{.python .numberLines}",
            "{r echo=FALSE}",
            "c++ :x",
        ),
        *('python title="a.py" hl_lines="2-4" linenums=1', 'python title="a', "go {linenos=table}", "a=b c"),
        *("python startFrom=3 linenums", "{#id .js}", "text a b  c", "{}", "language-js", "sh $ | & <b>"),
    ],
)
@pytest.mark.parametrize("sign", ["```", "~~~~"])
def test_python_markdown_takes_every_first_line_that_commonmark_takes(sign: str, info: str) -> None:
    """A fence that a dialect does not know would be a paragraph with backticks."""
    body = f"a\n\n{sign}{info}\n\tx\ny\n{sign}\n\nb\n\n- c\n\n    {sign}{info}\n    x\n    {sign}\n"
    done = [outcome(body, dialect=dialect) for dialect in ("commonmark", "python-markdown")]
    code = [re.findall(r'<div class="highlight">.*?</div>', one.html, re.DOTALL) for one, _ in done]
    assert code[0] == code[1]
    assert len(code[0]) == 2
    assert [one.check for _, found in done for one in found] in ([], ["code-language"] * 4)


@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
def test_a_fence_ends_at_a_longer_one_and_begins_without_backticks(dialect: str) -> None:
    """https://spec.commonmark.org/0.31.2/#fenced-code-blocks."""
    body = "```x``` is code\n\n```\n\tb\n`````\n\nc\n\n```\nd\n```\n"
    html = re.sub(" tabindex=.0.", "", finish(body, dialect=dialect).html)
    assert "<p><code>x</code> is code</p>" in html
    assert re.findall("<pre><code>([^<]*)", html) == ["\tb\n", "d\n"]
