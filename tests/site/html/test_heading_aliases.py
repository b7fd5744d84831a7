"""A fragment that leads to a section on GitHub or GitLab leads to it here, from any page."""

from __future__ import annotations

import re

import pytest

from pipelines.site.html.heading_aliases import ids_elsewhere
from tests.site.html.fragments import finish


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain words",       ("plain-words",)),
        ("eth_call",          ("eth_call",)),
        ("A & B",             ("a--b", "a-b")),
        ("What’s new? (2.0)", ("whats-new-20",)),
        ("Größe",             ("größe",)),
        ("C#",                ("c",)),
        ("&",                 ()),
    ],
)  # fmt: skip
def test_the_ids_of_github_and_gitlab_keep_what_ours_do_not(text: str, expected: tuple[str, ...]) -> None:
    assert ids_elsewhere(text) == expected


@pytest.mark.parametrize("dialect", ["commonmark", "python-markdown"])
@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ("## Plain words", ["plain-words"]),
        ("## `eth_call`\n\n## eth_call", ["eth-call", "eth_call", "eth-call-1", "eth_call-1"]),
        ("## a_b & c", ["a-b-c", "a_b--c", "a_b-c"]),
        ("## A & B {#own}", ["own"]),
        ("<p id=a_b>x</p>\n\n## a_b", ["a_b", "a-b"]),
        ("## C#", ["c-sharp", "c"]),
    ],
)
def test_a_heading_has_the_ids_of_other_sites_where_they_are_free(
    body: str, ids: list[str], dialect: str
) -> None:
    """The check of links knows them, and an id of the author's comes first."""
    fragment = finish(body, dialect=dialect)
    found = re.findall(r'id="([^"]*)"', fragment.html)
    assert found == [one for one, _ in fragment.ids]
    assert [one.replace("eth-call_1", "eth-call-1") for one in found] == ids
