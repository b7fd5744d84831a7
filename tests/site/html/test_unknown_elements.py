"""A tag that HTML does not have is text: no reader loses it."""

from __future__ import annotations

import pytest

from pipelines.site.html.unknown_elements import close_frames, replace_unknown_elements


@pytest.mark.parametrize(
    ("html", "expected", "findings"),
    [
        ("List<String>", "List&lt;String&gt;", ["it is shown as text"]),
        ("a <your-name> b </other>", "a &lt;your-name&gt; b &lt;/other&gt;", ["it is shown as text"] * 2),
        ("<link to the page>", "&lt;link to the page&gt;", ["it is shown as text"]),
        ('<p><Listing number="1">a <b>c</b></Listing></p>', "<p>a <b>c</b></p>",
         ["its tags were removed, what is in it stays"]),
        ("<T><T>a</T>", "&lt;T&gt;a", ["it is shown as text", "its tags were removed, what is in it stays"]),
        ("<Foo a='>' />", "&lt;Foo a='>' /&gt;", ["it is shown as text"]),
        ("<!-- <T> --><p title='<T>'>x</p>", "<!-- <T> --><p title='<T>'>x</p>", []),
        ("<x onclick=a>", "<x onclick=a>", []),
        ("<link rel=stylesheet href=x>", "<link rel=stylesheet href=x>", []),
        ("<script>1<T></script>", "<script>1<T></script>", []),
        ("<svg><foreignObject></svg>", "<svg><foreignObject></svg>", []),
        ("<P>a <DEL>b</DEL>", "<P>a <DEL>b</DEL>", []),
    ],
)  # fmt: skip
def test_an_unknown_tag_is_shown_as_text(html: str, expected: str, findings: list[str]) -> None:
    """A pair of tags is removed: what is in it stays. The sanitizer refuses what could run code."""
    found, unknown = replace_unknown_elements(html)
    assert (found, [one.text.partition(": ")[2] for one in unknown]) == (expected, findings)


def test_a_frame_closed_as_in_xml_ends_there() -> None:
    """HTML has no such end: the text behind would be in the frame."""
    assert close_frames('<iframe src="a/>b" /> x <br/>') == '<iframe src="a/>b" ></iframe> x <br/>'
