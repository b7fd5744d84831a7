"""The table of block rules by first characters: the tokens of markdown-it-py's own table."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipelines.site.markdown import commonmark, limits
from tests.site.markdown.spec_examples import read_examples
from tests.support.tools import need_spec

PARTS = (
    *("- ", "* ", "+ ", "1. ", "2) ", "10. ", "> ", ">", "    ", "  ", "\t", ": ", ":   ", "~ ", ":::"),
    *("[^a]: ", "[a]: /b", "[a]:", "*[HTML]: x", "# ", "#", "=====", "-----", "---", "***", "_ _ _"),
    *("```", "~~~", "``` py", "| a | b |", "|---|---|", ":-- | --", "a | b", "!!! note", '??? tip "x"'),
    *("$$", "$$ x $$", "<div>", "</div>", "<!--", "-->", "<div markdown=1>", "<b>", "<script>"),
    *("[ ] ", "[x] ", "text", "a\\", "é", "\u00a0", "[!NOTE]"),
)
LINES = st.lists(st.sampled_from(PARTS), max_size=4).map("".join)
TEXTS = st.lists(LINES, max_size=14).map("\n".join) | st.text(alphabet="-*>#`~=|:1. \t\na[]^<!$", max_size=40)


@lru_cache
def plain_parser(*, additions: bool, gfm: bool) -> MarkdownIt:
    """Return the parser whose rules are all asked at each line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commonmark, "FastRuler", lambda ruler: ruler)
        return commonmark.parser.__wrapped__(additions=additions, gfm=gfm)


def tokens(md: MarkdownIt, text: str) -> object:
    """Return the tokens of *text* and what it defines, or the limit that it exceeds."""
    env: dict[str, Any] = {}
    try:
        return [token.as_dict() for token in md.parse(text, env)], env
    except (limits.LimitExceeded, RecursionError) as error:
        return type(error), error.args


def assert_same(text: str) -> None:
    """Compare the tokens with each set of rules."""
    for additions, gfm in ((True, True), (False, True), (False, False)):
        fast = tokens(commonmark.parser(additions=additions, gfm=gfm), text)
        assert fast == tokens(plain_parser(additions=additions, gfm=gfm), text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["commonmark", "gfm"])
def test_examples_have_the_same_tokens(name: str) -> None:
    """Each example of the specifications, in a list and in a quotation, too."""
    for example in read_examples(need_spec(name)):
        lines = example.markdown.split("\n")
        assert_same(example.markdown)
        assert_same("\n".join([f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]))
        assert_same("\n".join(f"> {line}" for line in lines))


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
def test_any_text_has_the_same_tokens(text: str) -> None:
    """Markers in any order and depth."""
    assert_same(text)
