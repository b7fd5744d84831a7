"""What HTML no longer has keeps its meaning where that is simple, and is removed with a warning."""

from __future__ import annotations

import pytest

from pipelines.site.html.obsolete_markup import clean_attributes, replace_elements
from tests.site.html.trees import run_pass


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('<p align="center">x</p>', '<p class="ta-center">x</p>'),
        ("<div class=a align=RIGHT>x</div>", '<div class="a ta-right">x</div>'),
        ("<h2 align=middle>x</h2>", '<h2 class="ta-center">x</h2>'),
        ("<img align=right alt='' src=a width=200>", '<img alt="" src="a" width="200" class="float-right">'),
        ('<p style="text-align: center;">x</p>', '<p class="ta-center">x</p>'),
        ('<img style="width:20px; float:left" alt="">', '<img alt="" width="20" class="float-left">'),
        ("<a name=top></a>", '<a id="top"></a>'),
        ("<a id=a name=b></a>", '<a id="a"></a>'),
        ('<svg><rect style="fill: red; stroke:blue"/></svg>',
         '<svg><rect fill="red" stroke="blue"></rect></svg>'),
    ],
)  # fmt: skip
def test_presentation_with_an_equivalent_keeps_its_effect(written: str, expected: str) -> None:
    """No finding: the reader sees what the author meant."""
    assert run_pass(written, clean_attributes) == (expected, [])


@pytest.mark.parametrize(
    ("written", "expected", "finding"),
    [
        (
            '<p style="color: red; text-align:right">x</p>',
            '<p class="ta-right">x</p>',
            ("inline-style", "inline style 'color: red' was removed"),
        ),
        (
            "<svg><rect style='fill:url(//x.example/y)'/></svg>",
            "<svg><rect></rect></svg>",
            ("inline-style", "inline style 'fill: url(//x.example/y)' was removed"),
        ),
        (
            "<hr size=1>",
            "<hr>",
            ("html-attribute", "<hr> has the attribute size, which was removed"),
        ),
        (
            "<img alt='' align=top>",
            '<img alt="">',
            ("html-attribute", "<img> has the attribute align, which was removed"),
        ),
        (
            "<a href=/ ping=https://x.example>x</a>",
            '<a href="/">x</a>',
            ("html-attribute", "<a> has the attribute ping, which was removed"),
        ),
        (
            "<svg><rect inkscape:label=x /></svg>",
            "<svg><rect></rect></svg>",
            ("html-attribute", "<rect> has the attribute inkscape:label, which was removed"),
        ),
    ],
)
def test_the_rest_is_removed_with_a_finding(written: str, expected: str, finding: tuple[str, str]) -> None:
    assert run_pass(written, clean_attributes) == (expected, [finding])


@pytest.mark.parametrize(
    "written",
    [
        '<b onclick="x">a</b>',
        '<form action="/x">a</form>',
        '<td headers="a" colspan="2">x</td>',
        '<p class="a" data-x="1" aria-label="y">a</p>',
    ],
)
def test_code_and_valid_attributes_are_left_to_the_sanitizer(written: str) -> None:
    """A handler that vanished would hide that somebody tried to run code."""
    assert run_pass(written, clean_attributes)[1] == []


@pytest.mark.parametrize(
    ("written", "expected", "names"),
    [
        ("<center>a</center>", '<div class="ta-center">a</div>', ["center"]),
        ('<FONT color="red" title="a > b">a</FONT>', "<span>a</span>", ["font"]),
        ("<tt>a</tt> <tt>b</tt> <big>c</big>", "<code>a</code> <code>b</code> <span>c</span>", ["tt", "big"]),
        ("<strike>a</strike>", "<del>a</del>", ["strike"]),
        ("<ttx>a</ttx> &lt;tt&gt;", "<ttx>a</ttx> &lt;tt&gt;", []),
    ],
)
def test_obsolete_elements_become_those_of_today(written: str, expected: str, names: list[str]) -> None:
    """Each name is reported once."""
    html, found = replace_elements(written)
    assert (html, [one.name for one in found]) == (expected, names)
