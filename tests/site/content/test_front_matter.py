"""Front matter is split and read as its author wrote it, or refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.site.content import front_matter
from pipelines.site.content.front_matter import MetadataEntry, SourceText

steady = settings(derandomize=True, max_examples=200, deadline=None, database=None)

# What a text file can hold and a feed may say: no controls, no halves of a pair, no non-characters.
LETTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff")
TEXTS = st.text(LETTERS, max_size=40)
LINES = st.text(LETTERS.filter(lambda sign: not sign.isspace() or sign == " "), max_size=40).map(str.strip)
KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True)
# Words that YAML 1.1 makes something else of.
TRAPS = st.sampled_from(["NO", "yes", "on", "007", "1e3", "0x10", "~", "null", "1:20", "2026-01-01", "="])
PIECES = st.sampled_from(["---", "a: b", "- c", "  d", "", "e: [", "f: #g", "\u2028", "\x85"])
TABLES = (("b", 3), ("f", 6), ("h", 7))
VALUES = TEXTS | TRAPS | st.lists(TEXTS | TRAPS, min_size=1, max_size=3).map(tuple)


def split(text: str) -> SourceText:
    return front_matter.split_front_matter(text, "a.md")


def faults(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        split(text)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "entries", "body", "line"),
    [
        ("---\na: b\n---\nc\n", [MetadataEntry("a", "b", 2)], "c\n", 4),
        ("---\na: b\n...\nc", [MetadataEntry("a", "b", 2)], "c", 4),
        ("--- \n\n# note\nA:  b\n--- \n", [MetadataEntry("a", "b", 4)], "", 6),
        ("---\n---\nc", [], "c", 3),
        ("---\na: b\n---", [MetadataEntry("a", "b", 2)], "", 4),
        (
            "---\na:\n- b\n- c\nd: e\n---\n",
            [MetadataEntry("a", ("b", "c"), 2), MetadataEntry("d", "e", 5)],
            "",
            7,
        ),
        ("---\na: [b, c]   # two\n---\n", [MetadataEntry("a", ("b", "c"), 2)], "", 4),
        ("---\na:  # nothing yet\n---\n", [MetadataEntry("a", "", 2)], "", 4),
        ("---\na: draft   # later\n---\n", [MetadataEntry("a", "draft", 2)], "", 4),
        (
            "---\na: 2026-05-01 # soon\nb: true # c\n---\n",
            [MetadataEntry("a", "2026-05-01", 2), MetadataEntry("b", "true", 3)],
            "",
            5,
        ),
        ('---\na: "b #c"\n---\n', [MetadataEntry("a", "b #c", 2)], "", 4),
        ("---\na: b#c\n---\n", [MetadataEntry("a", "b#c", 2)], "", 4),
        ("---\na: &x NO\nb: *x\n---\n", [MetadataEntry("a", "NO", 2), MetadataEntry("b", "NO", 3)], "", 5),
        (
            "---\na: >\n  b\n  c\nd: |\n  e\n---\n",
            [MetadataEntry("a", "b c\n", 2), MetadataEntry("d", "e\n", 5)],
            "",
            8,
        ),
        ("---\na: b\n---\nc\n---\nd\n", [MetadataEntry("a", "b", 2)], "c\n---\nd\n", 4),
        ("A: b\nC: d: e\n\nf\n", [MetadataEntry("a", "b", 1), MetadataEntry("c", "d: e", 2)], "f\n", 4),
        ("A: b\n    c\n  d\nE:\n", [MetadataEntry("a", "b c d", 1), MetadataEntry("e", "", 4)], "", 6),
        ("A: b", [MetadataEntry("a", "b", 1)], "", 2),
        (
            "---\na:\n  b: c\nd: [[e]]\nf: {{ g }}\n---\n",
            [MetadataEntry("a", None, 2), MetadataEntry("d", None, 4), MetadataEntry("f", None, 5)],
            "",
            7,
        ),
        (
            "+++\na = [[1]]\n[b]\nc = 1\n+++\n",
            [MetadataEntry("a", None, 2), MetadataEntry("b", None, 3)],
            "",
            6,
        ),
        (
            "+++\na = 1\n[b.c]\nd = 1\n[b.e]\n[[f.g]]\n[h]\ni.j = 1\n+++\n",
            [MetadataEntry("a", "1", 2)] + [MetadataEntry(key, None, line) for key, line in TABLES],
            "",
            10,
        ),
        ("+++\na.b = 1\n+++\n", [MetadataEntry("a", None, 2)], "", 4),
        ("A: b #c\n", [MetadataEntry("a", "b #c", 1)], "", 3),
        ("A: b\n\n\nc", [MetadataEntry("a", "b", 1)], "\nc", 3),
        ("", [], "", 1),
        ("\n \n---\na: b\n---\nc", [MetadataEntry("a", "b", 4)], "c", 6),
        ("\n+++\na = 1\n+++\nc", [MetadataEntry("a", "1", 3)], "c", 5),
        ("A:b\n", [], "A:b\n", 1),
        ("# A\n\nb", [], "# A\n\nb", 1),
        ("# A\n\n---\n\nNote: b\n\n---\n", [], "# A\n\n---\n\nNote: b\n\n---\n", 1),
        ("```toml\npublish = false\n```\n", [], "```toml\npublish = false\n```\n", 1),
        ("# A\n\n    publish = false\n", [], "# A\n\n    publish = false\n", 1),
        ("# A\n\n---\nNote: b\n---\n", [], "# A\n\n---\nNote: b\n---\n", 1),
        ("---\na: !!str 7\nb: ! c\n---\n", [MetadataEntry("a", "7", 2), MetadataEntry("b", "c", 3)], "", 5),
        (
            '+++\na = "NO"\n\n# b\nB = ["c", "d"]\n+++\ne',
            [MetadataEntry("a", "NO", 2), MetadataEntry("b", ("c", "d"), 5)],
            "e",
            7,
        ),
        (
            "+++\na = 2026-05-01\nb = 2026-05-01T08:30:00Z\nc = true\nd = 7\n+++ \n",
            [
                MetadataEntry("a", "2026-05-01", 2),
                MetadataEntry("b", "2026-05-01T08:30:00+00:00", 3),
                MetadataEntry("c", "true", 4),
                MetadataEntry("d", "7", 5),
            ],
            "",
            7,
        ),
    ],
)
def test_a_file_is_split_into_entries_and_body(
    text: str, entries: list[MetadataEntry], body: str, line: int
) -> None:
    """Both forms give the same entries, with the lines that faults will name."""
    expected = (tuple(entries), body)
    found = split(text)
    assert (found.entries, found.body) == expected
    if body:
        assert found.body_line == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nA: b\n", "a.md:2: front matter does not start on line 1; "),
        ("\n---\na: b: c\n---\n", "a.md:3: is not YAML: "),
        ("\n\n---\na: b\n", "a.md:3: front matter is not closed; "),
        ("\n\n+++\na = \n+++\n", "a.md:4: is not TOML: "),
        ("# A\n\nText.\n\naccess: members\n", "a.md:5: 'access: members' is not in front matter; "),
        ("# A\n\nstatus:: draft\n", "a.md:3: 'status:: draft' is not in front matter; "),
        ("title:: A\npublic:: false\n", "a.md:2: 'public:: false' is not in front matter; "),
        ("<!--\n.. title: A\n.. status: draft\n-->\n", "a.md:3: '.. status: draft' is not in front matter; "),
        (
            "<!-- lint -->\n\n---\nauthor: A\n---\n",
            "a.md:3: front matter is not at the top of the file; move or ",
        ),
        (
            "%YAML 1.2\n---\ntags:\n- A\n---\n",
            "a.md:2: front matter is not at the top of the file; move or remove",
        ),
        (
            "# A\n---\ntitle: A\n...\nText\n",
            "a.md:2: front matter is not at the top of the file; move or remove",
        ),
        ("---\na: !b c\n---\n", "a.md:2: YAML reads '!b' as a type; put the value in double quotes"),
        ("---\na:\n- !b c\n---\n", "a.md:3: YAML reads '!b' as a type; put the value in double quotes"),
        (
            "---\na: b\nc:d\n---\n",
            "a.md:3: is not YAML: could not find expected ':'; write `key: value`, with a",
        ),
        ("---\na: [b, c\nd: e\nf: g\n---\n", "a.md:2: is not YAML: "),
        (
            '---\na = "b"\n---\n',
            "a.md:2: front matter has no keys; write `title: …` for `title = …`, or +++ for ",
        ),
        (
            "+++\na: b\n+++\n",
            "a.md:2: is not TOML: Expected '=' after a key in a key/value pair; write `key = …`, ",
        ),
        ('{"title": "A"}\n', "a.md:1: front matter is JSON, which is not read; "),
        ("+++\na = 1\n", "a.md:1: front matter is not closed; put a line +++ after the last key"),
        ("+++\na = 1\nb = \n+++\n", "a.md:3: is not TOML: Invalid value; "),
        ("+++\na = 1\na = 2\n+++\n", "a.md:3: is not TOML: Cannot overwrite a value; "),
        ('+++\n\na = "\\u0001"\n+++\n', "a.md:3: has a control character (U+0001); "),
        (f"+++\n{'a.' * 5000}a = 1\n+++\n", "a.md:2: a key has more than 16 parts; "),
        (f"+++\na = {'[' * 5000}\n+++\n", "a.md:1: is not TOML that can be read; "),
        (f"+++\na = {'9' * 5000}\n+++\n", "a.md:1: is not TOML that can be read; "),
        ("---\na: b\n", "a.md:1: front matter is not closed; "),
        ("---\na: b: c\n---\n", "a.md:2: is not YAML: "),
        ("---\nx: y\na: [b\n---\n", "a.md:3: is not YAML: "),
        ("---\nx: y\na: [b, #c]\nd: e\n---\n", "a.md:3: is not YAML: "),
        ('---\na: "b\nc: d\ne: f\n---\n', "a.md:2: is not YAML: "),
        ("---json\n{}\n---\n", "a.md:1: front matter begins with ---json, which is not read; write YAML "),
        ("---toml\na = 1\n---\n", "a.md:1: front matter begins with ---toml, which is not read; write +++ "),
        ("---yaml\na: 1\n---\n", "a.md:1: front matter begins with ---yaml, which is not read; write --- "),
        (";;;\n{}\n;;;\n", "a.md:1: front matter begins with ;;;, which is not read; write YAML between"),
        ("---\na: @b\n---\n", "a.md:2: is not YAML: "),
        (
            "---\na: b\n\tc: d\n---\n",
            "a.md:3: is not YAML: found a tab character that violates indentation; write spaces for the tab",
        ),
        ("---\na: b\n--- # c\n---\n", "a.md:3: is not YAML: "),
        ("---\n- a\n---\n", "a.md:2: front matter has no keys; "),
        ("---\na\n---\n", "a.md:2: front matter has no keys; "),
        ("---\n[a]: b\n---\n", "a.md:2: a key is not a string; "),
        ("---\na: Issue #1\n---\n", "a.md:2: YAML reads '#1' as a comment; "),
        ("---\na: #1\n---\n", "a.md:2: YAML reads '#1' as a comment; "),
        ("---\na: C # and more\n---\n", "a.md:2: YAML reads '# and more' as a comment; "),
        ("---\na:\n- b\n- C #2\n---\n", "a.md:4: YAML reads '#2' as a comment; "),
        ('---\na: "b\\0"\n---\n', "a.md:2: has a control character (U+0000); "),
        ("A: b\n- c\n", "a.md:2: is not a `Key: value` line: '- c'; "),
        ("A: b\nc d\n", "a.md:2: is not a `Key: value` line: 'c d'; "),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, message: str) -> None:
    """A front matter that is read in part would publish a page that its author did not write."""
    assert [fault[: len(message)] for fault in faults(text)] == [message]


def test_all_faults_of_a_front_matter_are_reported_at_once() -> None:
    """An author fixes all faults after one build, not one after each."""
    reported = faults('---\na: "\\0"\nd: e #f\n[g]: h\n---\n')
    assert [fault.split(":")[1] for fault in reported] == ["2", "3", "4"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_too_deeply_does_not_end_the_process(opening: str) -> None:
    """libyaml follows it down by recursion: 100,000 levels are a segmentation fault."""
    assert len(faults(f"---\na:\n {opening * 100_000}\n---\n")) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\rb\r", "a\nb\n"),
        ("ü\n".encode(), "ü\n"),
        (b"a\tb\n", "a\tb\n"),
    ],
)
def test_line_ends_and_byte_order_marks_do_not_matter(data: bytes, text: str, tmp_path: Path) -> None:
    """Editors of Windows write both."""
    file = tmp_path / "a.md"
    file.write_bytes(data)
    assert front_matter.read_text(file, "a.md") == text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\n\xfc", "a.md:3: is not UTF-8 (byte 0xfc); "),
        (b"\xff\xfea\0", "a.md:1: is not UTF-8 (byte 0xff); "),
        (b"a\n\0", "a.md:2: has a control character (U+0000); "),
        (b"a\n\n\x0b", "a.md:3: has a control character (U+000B); "),
        (b"a\xc2\x93b", "a.md:1: has a control character (U+0093); "),
        (b"\xed\xa0\x80", "a.md:1: is not UTF-8 (byte 0xed); "),
        (b"\xef\xbf\xbf", "a.md:1: has a control character (U+FFFF); "),
    ],
)
def test_bytes_that_are_not_text_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    """A feed is XML, which may hold none of them; a reader would see boxes."""
    file = tmp_path / "a.md"
    file.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        front_matter.read_text(file, "a.md")
    assert str(caught.value)[: len(message)] == message


def test_a_form_feed_is_white_space(tmp_path: Path) -> None:
    """As CommonMark has it; old texts of mailing lists and GNU sources hold some."""
    file = tmp_path / "a.md"
    file.write_bytes(b"a\n\x0cb\n")
    assert front_matter.read_text(file, "a.md") == "a\n b\n"


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A folder named like a document is no reason for a traceback."""
    with pytest.raises(SourceError, match=r"^a\.md: cannot be read \(Is a directory\); "):
        front_matter.read_text(tmp_path, "a.md")


@steady
@given(st.text() | st.lists(PIECES).map("\n".join))
def test_splitting_is_total(text: str) -> None:
    """Whatever a file holds, it is read or it is a fault of the file, on one of its lines."""
    lines: list[int] = []
    try:
        assert text.endswith(split(text).body)
    except SourceError as error:
        lines = [fault.line for fault in error.faults]
    assert all(0 < line <= text.count("\n") + 2 for line in lines)


@pytest.mark.slow
@steady
@given(st.dictionaries(KEYS, VALUES), TEXTS)
def test_yaml_values_stay_strings(values: dict[str, str | tuple[str, ...]], body: str) -> None:
    """No word of an author becomes false, 7, 1200 or a date."""
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    block = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False) if plain else ""
    found = split(f"---\n{block}---\n{body}")
    assert {entry.key: entry.value for entry in found.entries} == values
    assert found.body == body


@pytest.mark.slow
@steady
@given(st.lists(st.tuples(KEYS, LINES | TRAPS), min_size=1), TEXTS)
def test_values_of_key_lines_stay_strings(pairs: list[tuple[str, str]], body: str) -> None:
    """The other form: a key, a colon, the rest of the line."""
    block = "".join(f"{key.title()}: {value}\n" for key, value in pairs)
    found = split(f"{block}\n{body}")
    assert [(entry.key, entry.value) for entry in found.entries] == pairs
    assert (found.body, found.body_line) == (body, len(pairs) + 2)
