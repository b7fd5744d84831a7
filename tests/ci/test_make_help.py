"""`make help`: every documented target, grouped by who uses it."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.project import ROOT
from tests.support.tools import need

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
LINE = re.compile(r"  (?P<target>[a-z][a-z0-9-]*) +(?P<what>\S.*)")


@pytest.fixture(scope="module")
def groups() -> dict[str, dict[str, str]]:
    """What `make help` prints into a pipe: group -> target -> description."""
    argv = [need("make"), "--no-print-directory", "help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.isprintable() or set(re.sub(r"[ -~…]", "", done.stdout)) == {"\n"}  # no escape codes
    found: dict[str, dict[str, str]] = {}
    for block in done.stdout.strip("\n").split("\n\n"):
        title, *lines = block.splitlines()
        rows = [LINE.fullmatch(line) for line in lines]
        assert None not in rows, block
        found[title] = {row["target"]: row["what"] for row in rows if row}
    return found


def test_every_documented_target_is_in_one_group(groups: dict[str, dict[str, str]]) -> None:
    documented = re.findall(r"^([^\s:#]+):.*## ", MAKEFILE, re.M)
    assert sorted(target for rows in groups.values() for target in rows) == sorted(documented)
    assert list(groups) == ["Author", "Operator", "Developer"]
    assert all(groups.values())


def test_every_phony_target_is_documented() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.M)
    assert sorted(re.findall(r"^([a-z][a-z0-9-]*):.*## ", MAKEFILE, re.M)) == sorted(phony.split())


def test_descriptions_are_aligned_and_fit_a_terminal(groups: dict[str, dict[str, str]]) -> None:
    rows = [(target, what) for group in groups.values() for target, what in group.items()]
    done = subprocess.run([need("make"), "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    columns = {line.index(what) for line, (_, what) in zip(lines, rows, strict=True)}
    assert len(columns) == 1
    assert max(map(len, lines)) <= 100
