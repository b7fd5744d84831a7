"""A definition that nothing uses is a finding: a footnote is lost, a link or an abbreviation untidy."""

from __future__ import annotations

import pytest

from pipelines.site.markdown.converter import convert_markdown


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A\n\n[Note]: important", [(7, "unused-definition", "link definition [Note] is not used")]),
        ("> - A\n>\n>   [n o]: b", [(7, "unused-definition", "link definition [n o] is not used")]),
        ("[a]\n\n[a]: /b/\n[A]: /c/",
         [(8, "unused-definition", "link [A] is defined twice: the first one counts")]),
        ("A\n\n[^1]: b", [(7, "dropped-markup", "footnote [^1] is not used: it is not on the page")]),
        ("HTML\n\n*[HTLM]: x", [(7, "unused-definition", "abbreviation *[HTLM] is not used")]),
        ("[x][Q] ![y][r]\n\n[q]: /c/\n[R]: /d/", []),
        ("[A   b]\n\n[a b]: /c/\n[a b]: /c/", []),
        ("A[^note] HTML\n\n[^note]: b [c]\n\n*[HTML]: x\n\n[c]: /d/", []),
        ("```\n[Note]: important\n[^1]: x\n```\n\n\\[Note]: text", []),
        ("[![x][i]](/a)\n\n[i]: /i.png", []),
    ],
)  # fmt: skip
def test_the_parser_knows_which_definitions_it_used(body: str, expected: list[tuple[int, str, str]]) -> None:
    found = convert_markdown(body, "", "a.md", 5, dialect="commonmark").findings
    assert [(one.line, one.check, one.text) for one in found] == expected
