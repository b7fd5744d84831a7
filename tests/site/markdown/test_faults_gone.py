"""What authors write and older versions refused, flattened or lost, in both dialects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

import pytest

from pipelines.core.errors import Fault
from pipelines.site.markdown.converter import convert_markdown
from tests.site.html.fragments import outcome

BOTH = ("commonmark", "python-markdown")
TABLE = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>"
CODE = '<div class="highlight"><pre><code>x</code></pre></div>'
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
_LEFT_OUT = (
    r' data-at="[^"]*"|<!--\ue002.*?-->|<a class="headerlink".*?</a>|<span class="[a-z]{1,2}">|(?<!\))</span>'
)
# Markdown, its HTML without attributes of lines, permalinks and white space between elements.
NESTING = {
    "- a\n  - b\n    - c\n- d": "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ul>",
    "1. a\n\n   ```\n   x\n   ```\n2. b": f"<ol><li><p>a</p>{CODE}</li><li><p>b</p></li></ol>",
    "- a\n\n  para\n- b": "<ul><li><p>a</p><p>para</p></li><li><p>b</p></li></ul>",
    "a\n\n| a |\n|---|\n| b |": f"<p>a</p>{TABLE}",
    "a\n| a |\n|---|\n| b |": f"<p>a</p>{TABLE}",
    "a\n- b": "<p>a</p><ul><li>b</li></ul>",
    "a\n$$\nx\n$$\nb": r'<p>a</p><div class="arithmatex">\[x\]</div><p>b</p>',
    "<details>\n\n**b**\n\n</details>": "<details><p><strong>b</strong></p></details>",
    '<div markdown="1">\n**b**\n</div>': "<div><p><strong>b</strong></p></div>",
    r"\* no list": "<p>* no list</p>",
    "```rust,no_run\n1\n```": '<div class="highlight"><pre><code>1</code></pre></div>',
}
IN_BOTH = {
    "1. a\n\n    para\n2. b": "<ol><li><p>a</p><p>para</p></li><li><p>b</p></li></ol>",
    "a\n## b\nc": '<p>a</p><h2 id="b">b</h2><p>c</p>',
    "## Getting started with C#": '<h2 id="getting-started-with-c-sharp">Getting started with C#</h2>',
    "## Closed ##": '<h2 id="closed">Closed</h2>',
    "## The set {a, b}": '<h2 id="the-set-a-b">The set {a, b}</h2>',
    "## Named {#id .x}": '<h2 class="x" id="id">Named</h2>',
    "Prices of $5-$10 and $20": "<p>Prices of $5-$10 and $20</p>",
    "Half: $x_1$": r'<p>Half: <span class="arithmatex">\(x_1\)</span></p>',
    "![x](a.jpg){width=300 loading=eager}": '<p><img alt="x" loading="eager" src="a.jpg" width="300"></p>',
    "[C#]({tag}C#)": '<p><a href="{tag}C#">C#</a></p>',
    "```\n\ta\n```": '<div class="highlight"><pre><code>\ta</code></pre></div>',
    "`a[i][j]` and `{{ x }}`": "<p><code>a[i][j]</code> and <code>{{ x }}</code></p>",
    "a[i][j]": "<p>a[i][j]</p>",
}


def html(body: str, dialect: str, lang: str = "en") -> str:
    """Return the HTML of *body*, attributes in order of their names."""
    done = convert_markdown(body, "", "a.md", 1, dialect=dialect, lang=lang).html
    done = re.sub(_LEFT_OUT, "", done)
    done = re.sub(r"<(\w+)((?: [\w-]+=\"[^\"]*\")+)>", _sorted_attributes, done)
    return re.sub(r">\s+<", "><", re.sub(r"\n(?=<[/uo])", "", done)).strip().replace("<br />", "<br>")


def _sorted_attributes(tag: re.Match[str]) -> str:
    found = sorted(_ATTRIBUTE.findall(tag[2]))
    return f"<{tag[1]} {' '.join(found)}>"


def checks(findings: Iterable[Fault]) -> list[tuple[int, str]]:
    return [(one.line, one.check) for one in findings]


@pytest.mark.parametrize("body", NESTING)
def test_commonmark_shows_what_gitlab_shows(body: str) -> None:
    assert html(body, "commonmark").replace("\n</code>", "</code>") == NESTING[body]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("body", IN_BOTH)
def test_both_dialects_read_what_its_author_means(body: str, dialect: str) -> None:
    assert html(body, dialect).replace("\n</code>", "</code>") == IN_BOTH[body]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "language", ["plaintext", "console", "log", "conf", "mermaid", "svelte", "jsonc", "tsx"]
)
def test_a_language_that_github_knows_gives_no_finding(language: str, dialect: str) -> None:
    assert convert_markdown(f"```{language}\na\n```", "", "a.md", 1, dialect=dialect).findings == ()


@pytest.mark.parametrize("dialect", BOTH)
def test_code_in_an_unknown_language_is_shown_as_text(dialect: str) -> None:
    done = convert_markdown("a\n\n```nosuch\n<b>\n```\n\n## c", "", "a.md", 5, dialect=dialect)
    assert checks(done.findings) == [(7, "code-language")]
    assert "&lt;b&gt;" in done.html
    assert "<h2" in done.html


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("lang", "quoted"),
    [
        *(("en", "“a” ‘b’"), ("de", "„a“ ‚b‘"), ("fr", "«\u00a0a\u00a0» “b”"), ("es", "«a» “b”")),
        *(("it", "«a» “b”"), ("nl", "“a” ‘b’"), ("pl", "„a” «b»"), ("pt", "“a” ‘b’"), ("sv", "”a” ’b’")),
        *(("da", "“a” ‘b’"), ("nb", "«a» ‘b’"), ("fi", "”a” ’b’"), ("cs", "„a“ ‚b‘"), ("ru", "«a» „b“")),
        *(("hu", "„a” »b«"), ("el", "«a» “b”"), ("nn", "«a» ‘b’"), ("lt", "„a“ „b“"), ("ja", "“a” ‘b’")),
        *(("fr-CH", "«a» ‹b›"), ("hu-HU", "„a” »b«")),
        ("de-CH", "«a» ‹b›"),
    ],
)
def test_quotation_marks_are_those_of_the_language(lang: str, quoted: str, dialect: str) -> None:
    """Source: Unicode CLDR."""
    assert unescape(html("\"a\" 'b'", dialect, lang)) == f"<p>{quoted}</p>"


@pytest.mark.parametrize("dialect", BOTH)
def test_footnotes_are_numbered_in_the_order_of_use(dialect: str) -> None:
    done = html("b[^b] a[^a]\n\n[^a]: one\n\n[^b]: two", dialect)
    assert done.index('id="fn:b"') < done.index('id="fn:a"')


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ("c | d | e", ["c", "d | e"]),
        ("| c | d || e |", ["c", "d || e"]),
        ("| c | d | |", ["c", "d"]),
        ("c", ["c", ""]),
    ],
)
def test_no_cell_of_a_table_is_dropped(row: str, shown: list[str], dialect: str) -> None:
    """GFM drops those beyond the header's."""
    done = convert_markdown(f"a|b\n-|-\n{row}\n", "", "a.md", 1, dialect=dialect)
    assert re.findall(r"<td>(.*?)</td>", done.html) == shown
    assert checks(done.findings) == [(3, "table-cells")] * ("e" in row)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "body", ["```html\n<h1>a</h1>\n# b\n```\n\n## c", "    <h1>a</h1>\n\n## c", "`<h1>`\n\n## c"]
)
def test_a_heading_in_code_moves_no_heading(body: str, dialect: str) -> None:
    """It is an example, not the title of the page."""
    done = convert_markdown(body, "", "a.md", 1, dialect=dialect)
    assert re.findall(r"<h\d", done.html) == ["<h2"]
    assert done.findings == ()


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "language",
    ["openstep", "selinux", "SELinux", "Roff", "x" * 5_000, "a/b", "../c", "%s", "é", "1", "-", "C#"],
)
def test_a_language_of_any_name_is_shown(language: str, dialect: str) -> None:
    """As text with a warning, if nobody knows it."""
    done = convert_markdown(f"```{language}\na\n```", "", "a.md", 1, dialect=dialect)
    assert ">a" in re.sub("<span[^>]*>", "", done.html)
    assert {one.check for one in done.findings} <= {"code-language"}


@pytest.mark.parametrize("dialect", BOTH)
def test_a_term_keeps_its_elements(dialect: str) -> None:
    body = '*T* `x` <span class="a">y</span>\n: d\n\n<dl>\n<dt><span>e</span> f</dt>\n<dd>g</dd>\n</dl>\n'
    done = outcome(body, dialect=dialect)[0].html
    assert '<dt><em>T</em> <code>x</code> <span class="a">y</span></dt>' in done
    assert "<dt><span>e</span> f</dt>" in done


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "image", ["![a](data:image/png;base64,iVBO)", '<img src="data:image/png;base64,iVBO" alt="a">']
)
def test_an_image_of_data_is_its_text_and_an_error(image: str, dialect: str) -> None:
    """The Content-Security-Policy would block it."""
    fragment, found = outcome(f"b {image} c", dialect=dialect)
    assert "b a c" in fragment.html
    assert [(one.check, one.fix) for one in found] == [("unsafe-html", "use https: or a path")]


def test_a_formula_of_two_dollars_within_a_line_stays_in_it() -> None:
    """GitLab shows it as display math there, which breaks the line; docs/markdown.md lists it."""
    fragment, found = outcome("a $$x$$ b", dialect="commonmark")
    assert re.fullmatch(r'<p>a <math[^>]*display="inline"[^>]*>.*</math> b</p>', fragment.html.strip())
    assert found == ()
    (one,) = outcome("a $$x$$ b", dialect="python-markdown")[1]
    assert (one.check, one.text) == ("math", "math in $$ is within a line of text")
