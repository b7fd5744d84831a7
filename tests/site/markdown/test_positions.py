"""Each kind of fault has its source line, in every kind of block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.site.markdown.converter import convert_markdown
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, SPAN_PREFIX, Positions
from tests.site.html.fragments import faults, finish
from tests.support import project

# What is wrong, and how the message begins. Each may stand anywhere in a line of text.
FAULTS = {
    "link": ("[x](nowhere.md)", "links to content/posts/nowhere.md"),
    "image": ("![x](../images/no.png)", "links to content/images/no.png"),
    "alt": ('<img src="../images/a.png">', "image without an alt text"),
    "scheme": ("[x](javascript:go)", "links to a javascript: URL"),
    "element": ("List<String>", "<String> is not an HTML element"),
    "handler": ('<b onclick="go()">x</b>', "inline handler onclick"),
    "attribute": ('<b align="left">x</b>', "<b> has the attribute align"),
    "math": ("$\\nosuch$", "math uses the unknown TeX command"),
    "reference": ("a &#1; b", "has a character that is not allowed in a page"),
    "jinja": ("{{ name }}", "unparsed Jinja"),
    "emphasis": ("**bold **", "unparsed emphasis"),
    "code": ("`code` and {{ name }}", "unparsed Jinja"),
}
# Where it stands: @ is the fault, and the words around it say nothing of it.
CONTEXTS = {
    "paragraph": "Words.\n\nSome\nwords @ here\nand there.",
    "item": "- one\n- two @\n- three",
    "nested item": "- one\n    - two\n        - three\n        - four @\n- five",
    "second paragraph of an item": "1. one\n\n    Words @ here.\n\n2. two",
    "quotation": "> one\n> two @\n>\n> three",
    "nested quotation": "> one\n>\n> > two\n> > three @",
    "item of a quotation": "> - one\n> - two @",
    "cell": "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | @ |\n| 5 | 6 |",
    "head of a table": "Words.\n\n| a | @ |\n|---|---|\n| 1 | 2 |",
    "heading": "## One\n\nWords.\n\n## Two @\n\nWords.",
    "underlined heading": "Words.\n\nTwo @\n-----\n\nWords.",
    "after a fence": "```text\n## a\n\nwords @\n\n```\n\nWords @ here.",
    "after a fence in a paragraph": "words\n```text\n@\n```\nwords @",
    "between fences": "```text\n@\n```\n```text\n@\n```\n@\n\n```text\n@\n```",
    "after HTML": "<div>\nwords\n\n<p>words</p>\n</div>\n\nWords @ here.",
    "after a comment": "<!-- @\n\n@ -->\n\nWords @ here.",
    "after a definition": "[one]\n\n[one]: /\n\n\n[one]: /\nWords @ here.",
    "between definitions": "[one] [two]\n\nwords\n[one]: /\nwords @\n[two]: /\nwords",
    "after an abbreviation": "HTML\n\n*[HTML]: Words\n\nWords @",
    "footnote": "One[^1] two[^2].\n\n[^1]: Words.\n[^2]: Words\n    and @\n\nWords.",
    "paragraph of a footnote": "One[^1].\n\n[^1]: Words.\n\n    Words @ here.\n\nWords.",
    "admonition": '!!! note "T"\n    Words.\n\n    Words @ here.\n\nWords.',
    "definition": "Term\n:   One.\n\nTerm\n:   Two\n    and @\n\nWords.",
    "term": "One\n:   Words.\n\nTwo @\n:   Words.",
    "Markdown in HTML": '<div markdown="1">\n\nWords.\n\n- one\n- two @\n\n</div>\n\nWords.',
    "after Markdown in HTML": '<div markdown="1">\n\nWords.\n\n```text\n@\n```\n\n</div>\n\nWords @',
    "after a rule": "Words.\n* * *\nWords.\n\n---\n\nWords @",
    "after blank lines": "Words.\n\n\n\n\nWords.\n \n\t\n\nWords @",
    "after a task": "- [x] one\n- [ ] two @",
    "after a formula": "$$\nx\n$$\n\nWords @",
}


def lines_of(body: str, sign: str) -> list[int]:
    """The lines of the file (bodies begin on line 5) on which *sign* stands outside of code and comments."""
    found, code = [], False
    for number, line in enumerate(body.split("\n"), 5):
        code = not code if line.startswith("```") else code
        comment = line.startswith("<!--") or line.endswith("-->")
        found += [number] if sign in line and not code and not comment else []
    return found


# A reference to a character is a fault in a comment, too.
EVERYWHERE = [(f, c) for f in FAULTS for c in CONTEXTS if (f, c) != ("reference", "after a comment")]


@pytest.mark.parametrize(("fault", "context"), EVERYWHERE)
def test_a_fault_has_its_source_line(fault: str, context: str) -> None:
    """The same words stand in code and in comments around it, where they are no fault."""
    written, message = FAULTS[fault]
    body = CONTEXTS[context]
    [line] = lines_of(body, "@")
    reported = faults(body.replace("@", written))
    assert [one for one in reported if not one.startswith(f"{line}: {message}")] == []
    assert reported


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "reference"])
@pytest.mark.parametrize("context", ["paragraph", "nested item", "quotation", "footnote", "definition"])
def test_a_repeated_fault_is_reported_twice(fault: str, context: str) -> None:
    """Once for each line; a search for its words would find the first alone."""
    written, message = FAULTS[fault]
    body = CONTEXTS[context].replace("@", written)
    both = f"{body}\n\nBetween.\n\nWords {written}\nand {written}"
    reported = faults(both)
    wanted = [*lines_of(both, written)]
    assert reported == [f"{line}: {reported[0].partition(': ')[2]}" for line in wanted]
    assert len(wanted) == 3
    assert message in reported[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("## One\n\n```text\n##\n```\n\n##\n\nWords.", ["11: empty heading <h2>"]),
        ("## One {#x}\n\n`{#x}`\n\n## Two {#x}", ["9: id 'x' is used twice"]),
        ("<p>\n</p>\n\n<p>\none\n<b onclick=x>\n</b></p>", ["10: inline handler onclick"]),
        ("```text\n```nosuch\n```\n\n```nosuch\n```", ["9: code block in an unknown language 'nosuch'"]),
        ("`py hl_line=1`\n\n```py hl_line='1'\nx\n```", ["7: code block with an unknown option 'hl_line'"]),
        ("[x][a] [y][b]\n\n[a]: no.md\n[b]: nor.md", 
         ["7: links to content/posts/no.md, which does not exist",
          "8: links to content/posts/nor.md, which does not exist"]),
        ("`[^1]: a`\n\nx[^1]\n\n[^1]: a\n\n[^1]: a", ["11: footnote [^1] is defined twice: one is dropped"]),
        ("`\ue002`", ["5: has a character that is not allowed in a page (U+E002)"]),
        ("Words.\n\na <?x?> `<?x?>`\nb <?x?>", ["7: <?x?> would be dropped", "8: <?x?> would be dropped"]),
        ("a\n\nb </no> c", ["7: <no> is not an HTML element of content: it is shown as text"]),
        ("!!! note\n    B\n\n!!! note \"T\"\n\nC", ["8: admonition 'T' has no text"]),
    ],
)  # fmt: skip
def test_blocks_have_their_own_lines(body: str, message: list[str]) -> None:
    """Headings, fences, definitions: the same words stand before them, where they mean nothing."""
    assert faults(body) == message


def test_a_diagram_has_the_first_line_of_its_source() -> None:
    """PlantUML counts the lines of the block; the same block may stand in a page twice."""
    seen: list[int] = []
    text = "```plantuml\n@startuml\n@enduml\n```"
    body = f"{text}\n\nWords.\n\n- one\n\n    " + text.replace("\n", "\n    ")

    def inline(_path: str, _source: str, line: int) -> str:
        seen.append(line)
        return "<p>x</p>"

    finish(body, diagram=inline)
    assert seen == [6, 15]


FILES = {
    "content/posts/aaa.md": "---\ntitle: A\ndate: 2026-03-01\n---\n`{{ name }} {{ no }}`\n\n    {{ name }}\n",
    "content/posts/bbb.md": "---\ntitle: B\ndate: 2026-03-01\n---\n~~~text\n[x](/no/) {#nav} ### Deep\n~~~\n",
}


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    ("front", "body", "message"),
    [
        ("summary: See {{ name }}", "Words.", "4: unparsed Jinja: '{{ name }}'"),
        ("summary: See [x](no.md)", "[x](/)", "4: links to content/posts/no.md, which does not exist"),
        ("image: no.png", "no.png", "4: links to content/posts/no.png, which does not exist"),
        ("summary: One", "{{ name }}", "6: unparsed Jinja: '{{ name }}'"),
        ("summary: '[x](/no/)'", "`[x](/no/)`\n\nSee [x](/no/).", "8: links to /no/, which does not exist"),
        ("summary: One", "`### Deep`\n\n### Deep", "8: heading 'Deep' has level 3 after level 1"),
        (
            "summary: One",
            "`# Top`\n\n# Top",
            "8: a heading of level 1, which is the title of the page: it and all below moved one level down",
        ),
        ("summary: One", "`main-content`\n\n## x {#main-content}", "8: id 'main-content' is used twice"),
        ("summary: One", "[x](/aaa.png)\n\n![x](/aaa.png)", "8: shows /aaa.png, which does not exist"),
        (
            "summary: One",
            "`//a.example/b`\n\n![x](//a.example/b)",
            "8: shows an image of a.example, which was replaced by a link",
        ),
    ],
)
def test_a_fault_of_a_document_names_the_document(
    front: str, body: str, message: str, tmp_path: Path
) -> None:
    """Other documents, earlier in the alphabet, hold the same words, and so do templates."""
    text = f"---\ntitle: New\ndate: 2026-03-01\n{front}\n---\n{body}\n"
    pages = {
        f"content/pages/{name}.md": "---\ntitle: P\n---\nP.\n" for name in ("about", "imprint", "privacy")
    }
    site = project.tiny_site(tmp_path, {**FILES, **pages, "content/posts/new.md": text})
    try:
        found = project.build_site(site).findings  # warnings
    except SourceError as error:
        found = error.faults
    reported = [str(fault).partition("; ")[0] for fault in found]
    assert f"content/posts/new.md:{message}" in reported
    assert [one for one in reported if not one.startswith("content/posts/new.md:")] == []


def test_a_fault_of_a_template_names_the_template(tmp_path: Path) -> None:
    """Though a document holds the same words in code."""
    pages = {
        f"content/pages/{name}.md": "---\ntitle: P\n---\nP.\n" for name in ("about", "imprint", "privacy")
    }
    site = project.tiny_site(tmp_path, {**FILES, **pages})
    file = site / "theme" / "templates" / "page.html"
    lines = file.read_text("utf-8").split("\n")
    at = next(index for index, line in enumerate(lines) if "content | safe" in line)
    lines.insert(at, '<p><a href="/no/">x</a></p>')
    file.write_text("\n".join(lines), "utf-8")
    with pytest.raises(SourceError) as caught:
        project.build_site(site)
    assert [f"{fault.path}:{fault.line}" for fault in caught.value.faults] == [
        f"theme/templates/page.html:{at + 1}"
    ]


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "word",
                "- a",
                "    - b",
                "> c",
                "## d",
                "e\n===",
                "| a | b |\n|---|---|\n| c | d |",
                "Term\n: f",
            ),
            *(
                "```text\ng\n\nh\n```",
                "<div>\n\ni\n</div>",
                '<div markdown="1">\nj\n\nk\n</div>',
                "<!-- l -->",
            ),
            *(
                "[m]: /n",
                "*[O]: p",
                "[^q]: r\n    s",
                "!!! note\n    t\n\n    u",
                "    v",
                "$$\nw\n$$",
                "* * *",
            ),
            *(
                "1. x\n2. y",
                "\n",
                "![z](a.png)",
                "> ```text\n> b\n> ```",
                "- c\n\n        d",
                "- e\n## f\n- g",
            ),
        ]
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(PIECES, st.sampled_from(["\n", "\n\n"]))
def test_lines_change_nothing_and_are_in_order(pieces: list[str], between: str) -> None:
    """Without its lines, a page is what Python-Markdown makes by itself; no line is outside of the text."""
    body = between.join(pieces)
    with_lines = convert_markdown(body, "", "x.md", 1, dialect="python-markdown").html
    plain = convert_markdown(" ", body, "x.md", 1, dialect="python-markdown").summary
    mark = rf' {SPAN_ATTRIBUTE}="{SPAN_PREFIX}\d+-\d+"|<!--{SPAN_PREFIX}\d+-\d+-->'
    stripped = re.sub(mark, "", with_lines).strip()
    assert re.sub(r"\A<p>(.*)</p>\Z", r"\1", stripped, flags=re.DOTALL) == re.sub(mark, "", plain)
    count = body.count("\n") + 1
    spans = [(int(a), int(b)) for a, b in re.findall(rf"{SPAN_PREFIX}(\d+)-(\d+)", with_lines)]
    assert all(1 <= first <= last <= count + 2 for first, last in spans)


def test_without_a_line_span_a_fault_has_the_first_line() -> None:
    """Whatever a converter does not tell, the fault has a place in the file."""
    assert Positions("a\nb", 5, {}).line_of(None, "b") == 5
    assert finish("a").lines == ()


def test_a_line_span_of_an_author_is_not_a_number_of_any_size() -> None:
    """A character reference may write what line_span() does; Python refuses to read 5,000 digits."""
    written = f'<p data-at="&#xE002;1-{"1" * 5_000}"><a href="missing.md">x</a></p>'
    assert faults(written) == ["5: links to content/posts/missing.md, which does not exist"]
