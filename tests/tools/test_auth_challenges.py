"""Tests of WWW-Authenticate, by RFC 9110 and as real servers send it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tools.auth_challenges import Challenge, parse_challenges

TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
GAP = st.sampled_from([",", ", ", " ,\t", " , , "])

X = {"realm": "x"}
ROWS = [
    (['Basic realm="x"'], [("basic", X, "")]),
    (["BASIC REALM=x"], [("basic", X, "")]),
    (["Negotiate", 'Basic realm="x"'], [("negotiate", {}, ""), ("basic", X, "")]),
    (['Negotiate, Basic realm="x"'], [("negotiate", {}, ""), ("basic", X, "")]),
    (
        ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
        [
            ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}, ""),
            ("basic", {"realm": "simple"}, ""),
        ],
    ),
    (["NTLM TlRMTVNTUAAC==, Basic realm=x"], [("ntlm", {}, "TlRMTVNTUAAC=="), ("basic", X, "")]),
    (
        ['Bearer realm="a,b", scope="repository:a:pull,push"'],
        [("bearer", {"realm": "a,b", "scope": "repository:a:pull,push"}, "")],
    ),
    (['Bearer\trealm = "x" ,\tservice = y'], [("bearer", {"realm": "x", "service": "y"}, "")]),
    ([",, Basic realm=x ,,"], [("basic", X, "")]),
    (
        ['Basic realm="never closed', 'Bearer realm="x"'],
        [("basic", {"realm": "never closed"}, ""), ("bearer", X, "")],
    ),
    (['Basic realm="x", realm="y"'], [("basic", X, "")]),
    (['realm="x", Basic realm="y"'], [("basic", {"realm": "y"}, "")]),
    (['Basic realm="x", "?", Bearer realm="y"'], [("basic", X, ""), ("bearer", {"realm": "y"}, "")]),
    ([""], []),
    ([], []),
]


@pytest.mark.parametrize(("fields", "expected"), ROWS)
def test_challenges_are_parsed_one_by_one(
    fields: list[str], expected: list[tuple[str, dict[str, str], str]]
) -> None:
    assert parse_challenges(fields) == [Challenge(*row) for row in expected]


@st.composite
def challenges(draw: st.DrawFn) -> tuple[str, Challenge]:
    """Return a challenge as a server may send it, and its parsed value."""
    scheme = draw(TOKEN)
    if draw(st.booleans()):
        token68 = draw(st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True))
        return f"{scheme} {token68}", Challenge(scheme.lower(), {}, token68)
    meant: dict[str, str] = {}
    written = []
    for name in draw(st.lists(TOKEN, max_size=4, unique_by=str.lower)):
        value, space = draw(TEXT), draw(st.sampled_from(["", " ", "\t"]))
        quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        plain = draw(TOKEN)
        if draw(st.booleans()):
            value, quoted = plain, plain
        meant[name.lower()] = value
        written.append(f"{name}{space}={space}{quoted}")
    gap = draw(GAP)
    return (f"{scheme} " if written else scheme) + gap.join(written), Challenge(scheme.lower(), meant)


@given(st.lists(challenges(), max_size=4), GAP, st.booleans())
def test_generated_challenges_are_parsed(rows: list[tuple[str, Challenge]], gap: str, together: bool) -> None:
    """One field or several give the same challenges."""
    fields = [text for text, _ in rows]
    assert parse_challenges([gap.join(fields)] if together else fields) == [one for _, one in rows]


@given(st.lists(st.text(max_size=40), max_size=3))
def test_no_field_raises(fields: list[str]) -> None:
    assert all(one.scheme for one in parse_challenges(fields))


def test_a_long_field_is_parsed_in_linear_time() -> None:
    assert len(parse_challenges([", ".join(["a"] * 20_000)])) == 20_000
    assert parse_challenges(['Basic realm="' + "\\" * 60_001]) != []
