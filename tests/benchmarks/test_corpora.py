"""Mounting a corpus keeps its bodies, and only stated rules excuse a broken link."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.corpora.mount import mount
from benchmarks.corpora.repositories import Corpus
from benchmarks.corpora.survey import foreign
from pipelines.core.errors import Fault


def _corpus(files: dict[str, str], form: str = "none") -> Corpus:
    return Corpus(
        name="a",
        origin="",
        front_matter=form,
        files={path: text.encode() for path, text in files.items()},
        titles={},
        folder="docs",
        paths=frozenset({"README.md", "src", "src/a.py", "docs/a.md", "docs/b/README.md"}),
        generated=frozenset({"docs/cli.md"}),
    )


@pytest.mark.parametrize(
    ("form", "text", "mounted"),
    [
        ("none", "# A\n\nText.\n",                            "# A\n\nText.\n"),
        ("yaml", "---\ntitle: A\nspoiler: B\n---\nText.\n",   '---\ntitle: "A"\nsummary: "B"\n---\nText.\n'),
        ("toml", '+++\npath = "2019/a"\n+++\nText.\n',        '---\nurl: "/2019/a/"\n---\nText.\n'),
    ],
)  # fmt: skip
def test_a_body_is_mounted_unchanged(tmp_path: Path, form: str, text: str, mounted: str) -> None:
    (one,) = mount(_corpus({"x.md": text}, form), tmp_path / "project")
    assert mounted == (tmp_path / "project" / one.path).read_text()
    assert mounted.endswith(one.body)


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("content/pages/gone.md",         ""),
        ("content/pages/b/README.md",     "in the repository"),
        ("content/src/a.py",              "in the repository"),
        ("content/pages/cli.md",          "generated"),
        ("content/pages/a.html",          "of the old site"),
        ("content/pages/gone.html",       ""),
        ("content/std/a.html",            "of the old site"),
        ("/2019/a/",                      "of the old site"),
    ],
)  # fmt: skip
def test_a_broken_link_is_a_fault_but_for_the_rules(target: str, rule: str) -> None:
    fault = Fault(
        "content/pages/x.md", 1, f"links to {target}, which does not exist", "fix it", "broken-link"
    )
    assert rule == foreign(fault, _corpus({}))
