"""The examples of CommonMark 0.31.2 and of GFM's extensions, with our additions off and on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from pipelines.site.markdown import commonmark
from pipelines.site.markdown.converted import Source
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE, SPAN_PREFIX
from tests.site.markdown.spec_examples import Example, normalize, read_examples
from tests.support.tools import need_spec

TYPOGRAPHY = "quotation marks, apostrophes and ellipses are typographic"
FILTERED_TAGS = 652  # GFM shows <script> and the like as text; the check unsafe-html refuses them
# Example -> why a page shows something else.
COMMONMARK_DEVIATIONS = {
    TYPOGRAPHY: (14, 46, 55, 87, 106, 197, 209, 210, 395, 508, 590, 619, 620, 622, 624, 632, 650),
    "addresses stay as written; html/links.py resolves and escapes them": (
        *(20, 32, 33, 195, 202, 206, 346, 489, 502, 503, 504, 507, 526, 538, 603),
    ),
    "a plain address is a link, as in GFM": (602, 606, 608, 611, 612),
    "headings move down from the first of level 1 on: that is the title of the page": (
        *(10, 62, 66, 67, 68, 72, 75, 76, 78, 79, 80, 81, 82, 83, 84, 115, 141, 214, 215),
        *(227, 228, 229, 230, 232, 300),
    ),
    "an empty code block keeps its empty line": (126, 130, 144, 237),
}
GFM_DEVIATIONS = {
    TYPOGRAPHY: (203, 630),
    "the last cell shows what GFM drops, with a warning": (204,),
    "unsafe-html refuses these tags": (FILTERED_TAGS,),
}
_SPAN = rf"{SPAN_PREFIX}\d+-\d+"


def _page_html(text: str) -> str:
    """Return *text* as a page has it, without what is no matter of the dialect.

    Those are source lines, ids and permalinks of headings, the colours and the
    language of code, and the classes of task lists.
    """
    html = commonmark.convert(Source(text, "", "a.md", 1)).html
    html = re.sub(rf'<!--{_SPAN}-->| {SPAN_ATTRIBUTE}="{_SPAN}"', "", html)
    html = re.sub(r'<a class="headerlink"[^>]*>#</a>|(?<=<h[1-6]) id="[^"]*"', "", html)
    html = re.sub(r' class="(contains-task-list|task-list-item)"', "", html)
    return re.sub(
        r'<div class="highlight">(<pre><code>.*?</code></pre>)</div>',
        lambda block: re.sub("</?span[^>]*>", "", block[1]),
        html,
        flags=re.DOTALL,
    )


def _commonmark() -> list[Example]:
    return read_examples(need_spec("commonmark"))


def _gfm_extensions() -> list[Example]:
    """Return the examples that GFM adds; the others are those of an older CommonMark."""
    return [one for one in read_examples(need_spec("gfm")) if one.section.endswith("(extension)")]


def _deviations(
    examples: Iterable[Example], convert: Callable[[str], str]
) -> dict[int, tuple[str, str, str]]:
    """Return (Markdown, expected, actual) of each example that *convert* renders differently, by number."""
    found = {}
    for one in examples:
        expected, actual = normalize(one.html), normalize(convert(one.markdown))
        if convert is _page_html:  # which says in colours what the language is
            expected = re.sub(r'<code class="language-[^"]*">', "<code>", expected)
        if expected != actual:
            found[one.number] = (one.markdown, expected, actual)
    return found


def test_each_specification_has_all_its_examples() -> None:
    """A reader of examples that finds none would pass every test below."""
    assert len(_commonmark()) == 652
    assert len(_gfm_extensions()) == 24


def test_without_additions_every_commonmark_example_gives_the_html_of_the_specification() -> None:
    assert _deviations(_commonmark(), partial(commonmark.plain_html, gfm=False)) == {}


def test_without_additions_every_gfm_example_gives_the_html_of_the_specification() -> None:
    """markdown-it-py writes three elements in forms of its own; pages have GFM's, see below."""

    def html(text: str) -> str:
        found = re.sub(r'style="text-align:(\w+)"', r'align="\1"', commonmark.plain_html(text))
        found = re.sub(r"(?<=<)(/?)s(?=>)", r"\1del", found)
        return re.sub(r' class="(contains-task-list|task-list-item(-checkbox)?)"', "", found)

    assert _deviations(_gfm_extensions(), html).keys() == {FILTERED_TAGS}


def test_with_all_additions_only_the_listed_commonmark_examples_deviate() -> None:
    """Fails for a new deviation, and for a listed one that is gone."""
    listed = {number for numbers in COMMONMARK_DEVIATIONS.values() for number in numbers}
    found = _deviations(_commonmark(), _page_html)
    assert listed == found.keys(), {number: found.get(number) for number in listed ^ found.keys()}


def test_with_all_additions_only_the_listed_gfm_examples_deviate() -> None:
    listed = {number for numbers in GFM_DEVIATIONS.values() for number in numbers}
    found = _deviations(_gfm_extensions(), _page_html)
    assert listed == found.keys(), {number: found.get(number) for number in listed ^ found.keys()}


@pytest.mark.parametrize("spec", ["commonmark", "gfm"])
def test_no_example_has_a_second_reason(spec: str) -> None:
    """Where typography is listed, it must be all that differs."""
    table = COMMONMARK_DEVIATIONS if spec == "commonmark" else GFM_DEVIATIONS
    examples = {one.number: one for one in read_examples(need_spec(spec))}
    straight = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "—": "---", "–": "--"})
    for number in table[TYPOGRAPHY]:
        found = normalize(_page_html(examples[number].markdown)).translate(straight)
        assert normalize(examples[number].html) == found
