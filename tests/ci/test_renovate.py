"""renovate.json: its patterns match the files and lines that pin a version."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.support.project import ROOT
from tests.support.tools import need

CONFIG: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text("utf-8"))


def tracked() -> list[str]:
    """Return the paths that Git tracks."""
    done = subprocess.run([need("git"), "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def matched(patterns: list[str]) -> list[str]:
    """Return the tracked paths that *patterns* (regular expressions between slashes) match."""
    return [path for path in tracked() if any(re.search(one[1:-1], path) for one in patterns)]


def custom_matches(file: str) -> list[dict[str, str | None]]:
    """Return the named groups of every custom match in *file*; Renovate writes them as JavaScript does."""
    text = (ROOT / file).read_text("utf-8")
    rules = [one for one in CONFIG["customManagers"] if matched(one["managerFilePatterns"]) == [file]]
    return [
        match.groupdict()
        for rule in rules
        for pattern in rule["matchStrings"]
        for match in re.finditer(pattern.replace("(?<", "(?P<"), text)
    ]


@pytest.mark.parametrize(("manager", "folder"), [("pip_requirements", "requirements/"), ("flux", "flux/")])
def test_every_file_of_a_manager_is_matched(manager: str, folder: str) -> None:
    expected = [path for path in tracked() if path.startswith(folder) and not path.endswith((".md", ".pub"))]
    assert matched(CONFIG[manager]["managerFilePatterns"]) == expected


def test_every_program_that_the_makefile_builds_is_matched() -> None:
    lines = re.findall(r"go install (\S+)@(\S+)", (ROOT / "Makefile").read_text("utf-8"))
    found = [(str(row["packageName"]), row["currentValue"]) for row in custom_matches("Makefile")]
    assert [version for _, version in lines] == [version for _, version in found]
    assert all(line.startswith(name) for (line, _), (name, _) in zip(lines, found, strict=True))


def test_the_image_of_the_ci_jobs_is_matched() -> None:
    (row,) = custom_matches(".gitlab-ci.yml")
    (value,) = re.findall(r"^ +SITE_CI_IMAGE: *(\S+)", (ROOT / ".gitlab-ci.yml").read_text("utf-8"), re.M)
    digest = f"@{row['currentDigest']}" if row["currentDigest"] else ""
    assert value == f"{row['depName']}:{row['currentValue']}{digest}"


def test_the_bases_are_excluded_for_make_base() -> None:
    """Renovate has no data source for Debian's packages in base.lock."""
    assert "dockerfile" not in CONFIG["enabledManagers"]
    assert "make base" in " ".join(CONFIG["description"])
