"""Documents: named commands exist, examples work, links resolve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.site.content import front_matter, metadata
from pipelines.site.content.metadata import KEYS
from tests.support import project
from tests.support.project import ROOT, write

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDES = ROOT / "docs" / "author.md", ROOT / "docs" / "operator.md", ROOT / "README.md"


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def blocks(file: Path, language: str) -> list[str]:
    """Return the fenced blocks of *language* in *file*, by three backticks or four."""
    pattern = rf"^(`{{3,4}}){language}\n(.*?)^\1$"
    return [body for _, body in re.findall(pattern, text_of(file), re.M | re.S)]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.M))


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_every_named_make_target_exists(file: Path) -> None:
    named = set(re.findall(r"`make ([a-z0-9-]+)", text_of(file)))
    for block in blocks(file, "sh"):
        named |= set(re.findall(r"^make ([a-z0-9-]+)", block, re.M))
    assert sorted(named - targets()) == []


@pytest.mark.parametrize("file", GUIDES, ids=lambda file: file.name)
def test_every_named_command_exists(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The real parser accepts each `python -m pipelines …` of a block."""
    for block in blocks(file, "sh"):
        for line in re.findall(r"^python -m pipelines ([^#<\n]+)", block, re.M):
            assert cli.parser().parse_args(line.split()).run


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_links_between_documents_resolve(file: Path) -> None:
    prose = re.sub(r"^(`{3,4}).*?^\1$", "", text_of(file), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)#\s]+)\)", re.sub(r"`[^`\n]*`", "", prose))
    paths = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in paths if not (file.parent / link).exists()] == []


def test_the_makefile_lists_every_target() -> None:
    """`make help` prints the comments: it hides a target without one."""
    listed = set(re.findall(r"^([a-z0-9-]+):.*## ", text_of(ROOT / "Makefile"), re.M))
    assert targets() - listed == set()


def test_the_front_matter_example_has_every_key_and_is_valid() -> None:
    example = blocks(ROOT / "docs" / "author.md", "yaml")[0]
    source = front_matter.split_front_matter(example, "example.md")
    parsed = metadata.parse_metadata(source.entries, "example.md", timezone="Europe/Berlin")
    assert {entry.key for entry in source.entries} == KEYS
    assert parsed.title == "What the page is called"


def test_the_markdown_example_builds(tmp_path: Path) -> None:
    """The build accepts the example of the guide unchanged."""
    examples = blocks(ROOT / "docs" / "author.md", "markdown")
    text = next(block for block in examples if "hl_lines" in block)
    head = "---\ntitle: Examples\ndate: 2026-01-01\ndialect: commonmark\n---\n"
    about = "---\ntitle: About\n---\nText.\n"
    site = project.tiny_site(
        tmp_path, {"content/posts/examples.md": head + text, "content/pages/about.md": about}
    )
    project.build_site(site)
    page = (site / "out/site/public/posts/examples/index.html").read_text("utf-8")
    for sign in (
        "<math",
        "admonition warning",
        "task-list-item",
        "<abbr",
        "footnote-ref",
        "class=toc",
        "hll",
    ):
        assert sign in page


def test_the_faults_in_the_guide_are_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    post = "---\ntitle: Equal bytes\ntag: Python\ndate: 2026-01-01\n---\n"
    link = "---\ntitle: Links\ndate: 2026-01-01\n---\n" + "\n" * 36 + "[x](equal-byte.md)\n"
    about = "---\ntitle: About\n---\nText.\n"
    site = project.tiny_site(tmp_path, {"content/pages/about.md": about})
    write(site / "content/posts/equal-bytes.md", post)
    write(site / "content/posts/hashed-names.md", link)
    assert cli.main(["--project", str(site), "build", "--as-of", "2026-11-23"]) == 1
    real = (
        capsys.readouterr()
        .err.replace("posts/a.md", "posts/equal-bytes.md")
        .replace("posts/b.md", "posts/equal-bytes.md")
    )
    assert real.splitlines() == blocks(ROOT / "docs" / "author.md", "text")[0].splitlines()


def test_decision_records_state_cost_and_end() -> None:
    """Each record has its decision, its cost, and when to revisit it; numbers have no gap."""
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    lacking = [
        (record.name, part)
        for record in records
        for part in ("**Decision.**", "**Cost.**", "**Revisit when**")
        if part not in text_of(record)
    ]
    assert lacking == []
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
