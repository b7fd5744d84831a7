"""``build --why`` and ``build --timings``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines import cli
from tests.support import project
from tests.support.project import AS_OF, tiny_site, write

FILES = {
    "content/posts/first.md": (
        "---\ntitle: First\ndate: 2026-01-01\n---\n\nThe first.\n\nSee [there](../pages/note.md).\n"
    ),
    "content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n",
    "content/pages/note.md": "---\ntitle: Note\n---\n\nA note.\n",
}


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tiny_site(tmp_path, FILES)
    assert build(folder) == 0
    capsys.readouterr()
    return folder


def build(folder: Path, *words: str) -> int:
    return cli.main(["--project", str(folder), "build", "--as-of", str(AS_OF), "--workers", "1", *words])


@pytest.mark.slow
def test_a_page_is_explained(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(site, "--why", "/posts/first/") == 0
    printed = capsys.readouterr().out
    assert "/posts/first/  from content/posts/first.md\n" in printed
    assert "text    reused; when it was last converted: it is new\n" in printed
    assert "page    reused; when it was last rendered: it is new\n" in printed
    assert re.search(r"^reads   theme/templates/article\.html$", printed, re.MULTILINE)


@pytest.mark.quick_cases(3)
@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("changed", "old", "new", "reason"),
    [
        ("content/posts/first.md", "See", "Look at", "text    converted in this build, .*: its text changed"),
        ("content/posts/first.md", "See", "Look at", "page    rendered .*: content/posts/first.md changed"),
        ("content/pages/note.md", "title", "slug: x\ntitle", "text .*: content/pages/note.md has another"),
        ("theme/templates/macros.html", "{# A badge", "{# B", "page .*: theme/templates/macros.html changed"),
        ("site.toml", "Small Site", "New Site", "page .*: name of site.toml changed"),
    ],
)  # fmt: skip
def test_the_first_change_that_concerns_a_page_is_named(
    site: Path, changed: str, old: str, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (site / changed).read_text()
    assert old in text
    write(site / changed, text.replace(old, new, 1))
    assert build(site, "--why", "https://small.example/posts/first/#top") == 0
    assert re.search(f"^{reason}", capsys.readouterr().out, re.MULTILINE)


def test_a_page_that_is_not_there_is_named_with_the_nearest(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(site, "--why", "/post/first/") == 1
    assert capsys.readouterr().err == "error: no page /post/first/; did you mean /posts/first/?\n"


@pytest.mark.slow
def test_the_slowest_parts_are_listed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(site, "--timings", "--clean") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    kinds = [row[0] for row in rows if row[0] in ("phase", "plugin", "template", "convert", "render")]
    assert kinds == sorted(kinds, key=["phase", "plugin", "template", "convert", "render"].index)
    assert {"phase", "plugin", "template", "convert", "render"} <= set(kinds)
    pages = [row for row in rows if row[0] == "convert"]
    assert [row[3] for row in sorted(pages, key=lambda row: -float(row[1]))] == [row[3] for row in pages]


@pytest.mark.slow
def test_the_summary_says_how_much_was_built_again(site: Path) -> None:
    again = project.run_cli(site, "build", "--as-of", str(AS_OF)).stdout
    assert re.search(r"^again   0 of 3 texts, 0 of \d+ pages and feeds$", again, re.MULTILINE)
