"""What `build` does with findings: warnings, --strict and --json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.core import results
from pipelines.core.errors import Fault
from pipelines.site import build
from pipelines.site.cache import Cache
from tests.support import project

PAGE = "---\ntitle: About\n---\n```nolang\ncode\n```\n"
BROKEN = "---\ntitle: Broken\n---\n[A link](nowhere.md)\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site with one warning; all its builds share one cache."""
    cache = Cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Cache", lambda: cache)
        made = project.tiny_site(tmp_path_factory.mktemp("findings"), {"content/pages/about.md": PAGE})
        config = (made / "site.toml").read_text("utf-8")
        project.write(made / "site.toml", config.replace('"/posts/"', '"/about/"'))
        assert run(made) == 0
        yield made


def run(site: Path, *words: str) -> int:
    return cli.main(["--project", str(site), "build", "--as-of", "2026-05-28", "--workers", "1", *words])


def test_warnings_are_part_of_the_result(site: Path) -> None:
    """The next step, and whoever reads out/site.json, gets them as data."""
    (found,) = results.read_site(site / "out" / "site.json").findings
    assert isinstance(found, Fault)
    assert (found.check, found.severity) == ("code-language", "warning")
    assert (found.path, found.line) == ("content/pages/about.md", 4)


def test_strict_treats_warnings_as_errors(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = project.files_of(site / "out")
    assert run(site, "--strict") == 1
    printed = capsys.readouterr()
    assert "about.md:4: error: " in printed.err
    assert printed.err.endswith("\n1 error in 1 check; nothing was written\n")
    assert project.files_of(site / "out") == before


@pytest.mark.parametrize("report", [".", "site.toml/report.json"])
def test_findings_are_printed_where_their_report_cannot_be_written(
    site: Path, capsys: pytest.CaptureFixture[str], report: str
) -> None:
    """The report is the copy of what is printed."""
    assert run(site, "--strict", "--code-quality", report) == 1
    printed = capsys.readouterr().err
    assert "about.md:4: error: " in printed
    assert "\nerror: " in printed


def test_json_has_the_findings_of_a_failed_build(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read stdout; a person still learns how it ended."""
    project.write(site / "content/pages/broken.md", BROKEN)
    report = site / "out" / "code-quality.json"
    assert run(site, "--json", "--code-quality", str(report)) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)["findings"]
    assert [(one["severity"], one["check"], one["path"], one["line"]) for one in found] == [
        ("warning", "code-language", "content/pages/about.md", 4),
        ("error", "broken-link", "content/pages/broken.md", 4),
    ]
    assert printed.err == "1 error, 1 warning in 2 checks; nothing was written\n"
    assert [row["check_name"] for row in json.loads(report.read_text("utf-8"))] == [
        "code-language",
        "broken-link",
    ]
