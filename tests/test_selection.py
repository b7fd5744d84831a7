"""Which tests are quick, and what a run prints about programs that are not installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests import conftest
from tests.support import tools
from tests.support.project import ROOT


class Case:
    """A case of a test, with its markers."""

    path = Path("test_x.py")

    def __init__(self, name: str, *markers: Any) -> None:
        self.name, self.markers = name, {mark.name: mark for mark in markers}

    def get_closest_marker(self, name: str) -> Any:
        return self.markers.get(name)

    def add_marker(self, marker: Any) -> None:
        self.markers[marker.name] = marker


def test_the_cases_after_the_quick_ones_are_slow() -> None:
    """Cases that are slow by themselves take no place of a quick one."""
    quick = pytest.mark.quick_cases(2).mark
    cases = [
        Case("test_a[1]", quick, pytest.mark.slow.mark),
        *(Case(f"test_a[{n}]", quick) for n in range(2, 6)),
    ]
    cases.append(Case("test_b"))
    conftest.pytest_collection_modifyitems(cases)  # type: ignore[arg-type]
    assert [case.name for case in cases if "slow" in case.markers] == ["test_a[1]", "test_a[4]", "test_a[5]"]


def test_missing_programs_are_listed_by_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tools, "find_tool", lambda name: None if name in ("nginx", "java", "sops") else name)
    monkeypatch.setattr(tools, "FILES", {})
    packages = "default-jre-headless nginx-light libnginx-mod-http-brotli-static"
    assert tools.missing_tools() == {
        "make sops": ["sops"],
        f"make tools, or sudo apt-get install {packages}": ["java", "nginx"],
    }
    assert len(conftest.pytest_report_header()) == 2


def test_every_command_that_installs_is_a_target_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = {*tools.INSTALL.values(), *tools.FILES, tools.TOOLS}
    made = [command for command in commands if not command.startswith(tools.APT)]
    assert [command for command in made if command.removeprefix("make ") not in targets] == []
