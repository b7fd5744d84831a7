"""Diagrams are found in content/, and invalid sources are rejected."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.diagrams.source import Diagram, find_diagrams, find_fences, parse_diagram, source_digest
from tests.site.diagrams.samples import (
    NOTES,
    SOURCE,
    fault_lines,
    write,
)


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("```plantuml\nA\n```\n", [(2, "A")]),
        ("text\n\n~~~plantuml\nA\n\nB\n~~~\n", [(4, "A\n\nB")]),
        ("``` plantuml\nA\n```\n```{.plantuml}\nB\n```\n", [(2, "A"), (5, "B")]),
        ('```plantuml title="x"\nA\n```\n', [(2, "A")]),
        ("- item\n\n    ```plantuml\n    A\n      B\n    ```\n", [(4, "A\n  B")]),
        ("1. one\n\n   ```plantuml\n   A\n   ```\n", [(4, "A")]),
        ('!!! note "T"\n\n    ```plantuml\n    A\n    ```\n', [(4, "A")]),
        ("> q\n>\n> ```plantuml\n> A\n> ```\n", [(4, "A")]),
        ("````markdown\n```plantuml\nA\n```\n````\n", []),
        ("text\n\n    ```plantuml\n    A\n    ```\n", []),
        ("```plantuml\nnever closed\n", []),
        ("```plantumlx\nA\n```\n", []),
        ("```python\nA\n```\n", []),
    ],
)
def test_fences_are_found_as_in_markdown(markdown: str, found: list[tuple[int, str]]) -> None:
    """A fence in a list is a diagram, one inside another fence is not."""
    assert list(find_fences(markdown)) == found


def test_files_and_fences_are_found_in_order_with_their_lines(tmp_path: Path) -> None:
    """Faults name the author's file and line, not a line of the extracted block."""
    write(tmp_path, "content/posts/b.md", "---\ntitle: T\n---\n\n```plantuml\nX -> Y\n```\n")
    write(tmp_path, "content/diagrams/a b ü.puml", SOURCE)
    write(tmp_path, "theme/no.md", "```plantuml\nX\n```\n")
    found = find_diagrams(tmp_path)
    assert [(one.path, one.line) for one in found] == [
        ("content/diagrams/a b ü.puml", 1),
        ("content/posts/b.md", 6),
    ]
    assert found[0].svg == tmp_path / "content/diagrams/a b ü.svg"
    assert found[1].svg == tmp_path / f"content/diagrams/blocks/{source_digest('X -> Y')[:16]}.svg"


@pytest.mark.parametrize(
    "same",
    ["A\n  B", "A\n  B\n", "\n\nA\n  B\n\n", "A  \r\n  B\t\r\n", "    A\n      B", "\tA\n\t  B"],
)
def test_the_digest_ignores_indentation_and_blank_lines(same: str) -> None:
    """Otherwise a move into a list would make the SVG stale."""
    assert source_digest("A\n  B") == source_digest(same)
    assert source_digest("A\n B") != source_digest(same)


def test_a_file_that_is_not_utf8_is_a_fault(tmp_path: Path) -> None:
    """A fault with the path, not a traceback."""
    file = write(tmp_path, "content/x.puml", "")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError) as caught:
        find_diagrams(tmp_path)
    assert fault_lines(caught) == [("content/x.puml", 0)]


def test_name_and_description_continue_on_indented_comment_lines() -> None:
    """A good description rarely fits one line."""
    text = "' name: N\n' description: one\n'   two\n'   three\n' aside\nA -> B\n"
    script = parse_diagram(Diagram(text, "x.md", 7, Path("x.svg")))
    assert (script.name, script.description) == ("N", "one two three")
    assert script.text.startswith("@startuml\n\n\n\n\n' aside\nA -> B\n")
    assert script.text.endswith("@enduml\n")


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("A -> B", 10, "no name"),
        ("A -> B", 10, "no description"),
        ("' name:\n' description: D\nA -> B", 10, "no name"),
        ("' name: N\n' name: M\n' description: D\nA -> B", 11, "two lines ' name:"),
        (NOTES + "@startuml\nA -> B", 12, "without @end"),
        (NOTES + "@startuml\nA -> B\n@endjson", 12, "without @end"),
        (NOTES + "@startuml\nA -> B\n@enduml\n@startuml\nA\n@enduml", 15, "second @start"),
        (NOTES + "@startditaa\n@endditaa", 12, "@startditaa is not supported"),
        (NOTES + "!include /etc/passwd\nA -> B", 12, "include"),
        (NOTES + "A -> B\n!includeurl https://example.org/x", 13, "include"),
        (NOTES + "!include_many x.puml\nA -> B", 12, "include"),
        (NOTES + "!import x.zip\nA -> B", 12, "import"),
        (NOTES + "!theme x from /etc\nA -> B", 12, "theme"),
        (NOTES + 'A -> B : %getenv("HOME")', 12, "read from the machine"),
        (NOTES + '!$x = %load_json("/etc/x")\nA -> B', 12, "read from the machine"),
        (NOTES + "A -> B : %date()", 12, "changes by itself"),
        (NOTES + "A -> B : <img:x.png>", 12, "image"),
        (NOTES + "A -> B\nnewpage\nB -> A", 13, "one page"),
        (NOTES + "!pragma svginteractive true\nA -> B", 12, "script"),
    ],
)
def test_an_invalid_source_is_a_fault_at_its_line(source: str, line: int, message: str) -> None:
    """Each fault is found without Java, also by the build."""
    with pytest.raises(SourceError) as caught:
        parse_diagram(Diagram(source, "content/a.md", 10, Path("x.svg")))
    found = [fault for fault in caught.value.faults if message in fault.text]
    assert [("content/a.md", line)] == [(fault.path, fault.line) for fault in found]
    assert all(fault.fix for fault in found)


@pytest.mark.parametrize("line", ["!include <C4/C4_Container>", "' %getenv(x) and !include y"])
def test_plantumls_own_library_and_comments_are_allowed(line: str) -> None:
    """The library is in the jar, and a comment has no effect."""
    parse_diagram(Diagram(f"{NOTES}{line}\nA -> B", "a.md", 1, Path("x.svg")))
