"""How findings are printed, and reported to GitLab."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec.structs import replace

from pipelines.commands.code_quality import code_quality_report
from pipelines.commands.findings import finding_line, finding_lines, summary
from pipelines.core.errors import Fault

LINK = Fault("content/a.md", 3, "links to b", "fix it", "broken-link")
STYLE = Fault("content/a.md", 0, "is odd", "change it", "admonition", "warning")
MANY = [*(replace(LINK, line=line) for line in range(1, 31)), *(replace(STYLE, line=n) for n in range(1, 5))]


def test_few_findings_are_printed_as_compilers_print_them() -> None:
    assert list(finding_lines([LINK, STYLE], verbose=False)) == [
        "content/a.md:3: error: links to b; fix it [broken-link]",
        "content/a.md: warning: is odd; change it [admonition]",
    ]


def test_control_characters_of_files_do_not_reach_the_terminal() -> None:
    """A name or a text could clear the screen, or hide and invent lines."""
    written = finding_line(Fault("content/a\x1b[2J.md", 3, "has \x07 and \u202e", "fix\nit", "encoding"))
    assert written == r"content/a\x1b[2J.md:3: error: has \x07 and \u202e; fix\nit [encoding]"


def test_of_many_findings_the_first_of_each_check_are_printed() -> None:
    lines = list(finding_lines(MANY, verbose=False))
    assert lines[2:6] == [
        "content/a.md:3: error: links to b; fix it [broken-link]",
        "… 27 more errors [broken-link]",
        "",
        "content/a.md:1: warning: is odd; change it [admonition]",
    ]
    assert len(list(finding_lines(MANY, verbose=True))) == len(MANY)


def test_the_summary_counts_and_names_what_follows() -> None:
    many = "30 errors, 4 warnings in 2 checks; --verbose shows all; nothing was written"
    assert summary(MANY, verbose=False, written=False) == many
    assert summary([STYLE], verbose=False, written=True) == "1 warning in 1 check"


def test_colour_tells_errors_from_warnings() -> None:
    red, yellow = finding_lines([LINK, STYLE], verbose=False, colour=True)
    assert "\x1b[1;31merror\x1b[0m" in red
    assert "\x1b[1;33mwarning\x1b[0m" in yellow


def report(project: Path, findings: list[Fault], text: str) -> list[dict[str, object]]:
    file = project / "content" / "a.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    rows: list[dict[str, object]] = json.loads(code_quality_report(findings, project))
    return rows


def test_the_report_has_the_form_that_gitlab_reads(tmp_path: Path) -> None:
    """GitLab documentation, "Code Quality report format": members, relative path, severity."""
    row, whole = report(tmp_path, [LINK, STYLE], "1\n2\n[x](b)\n")
    assert {**row, "fingerprint": ""} == {
        "description": "links to b; fix it",
        "check_name": "broken-link",
        "fingerprint": "",
        "severity": "major",
        "location": {"path": "content/a.md", "lines": {"begin": 3}},
    }
    assert (whole["severity"], whole["location"]) == (
        "minor",
        {"path": "content/a.md", "lines": {"begin": 1}},
    )


def test_fingerprints_are_unique_and_stay_when_lines_move(tmp_path: Path) -> None:
    """Else a merge request shows old findings as new ones."""
    before = report(tmp_path, [LINK, replace(LINK, line=4)], "1\n2\n[x](b)\n[x](b)\n")
    moved = [replace(LINK, line=5), replace(LINK, line=6)]
    after = report(tmp_path, moved, "0\n0\n1\n2\n[x](b)\n[x](b)\n")
    prints = [row["fingerprint"] for row in before]
    assert prints == [row["fingerprint"] for row in after]
    assert len(set(prints)) == 2
