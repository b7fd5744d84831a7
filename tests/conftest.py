"""Fixtures that more than one module of tests uses, and the environment of a run."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support import project, tools
from tests.support.signals import restore_default_signals

if TYPE_CHECKING:
    from tests.support.delivery.targets import Services

restore_default_signals()

# The same cases on every machine, and no limit of time: a loaded machine is not a fault.
settings.register_profile("project", derandomize=True, deadline=None, database=None)
settings.load_profile("project")


def _prepend_to_path(directory: str) -> None:
    """Put *directory* first on PATH, of this process and of its children."""
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != directory]
    os.environ["PATH"] = os.pathsep.join([directory, *rest])


# helm, kubectl, sops and node lie beside Python: `make` puts them on PATH, an editor does not.
_prepend_to_path(os.path.dirname(sys.executable))


def pytest_sessionstart() -> None:
    """Run in the root of the checkout, wherever pytest was started."""
    os.chdir(project.ROOT)


def pytest_report_header() -> list[str]:
    """Name the programs that are not installed, and the commands that install them, once."""
    return [
        f"not installed: {', '.join(names)}; tests that need them are skipped; install: {command}"
        for command, names in tools.missing_tools().items()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each reason of a skip, with the number of tests."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark the cases of a test as slow that come after the number of its marker ``quick_cases``."""
    quick: Counter[tuple[Path, str]] = Counter()
    for item in items:
        marker = item.get_closest_marker("quick_cases")
        if marker and not item.get_closest_marker("slow"):
            test = (item.path, item.name.partition("[")[0])
            quick[test] += 1
            if quick[test] > marker.args[0]:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small site, built once; tests read its out/site and change nothing."""
    site = project.small_site(tmp_path_factory.mktemp("built"))
    project.build_site(site)
    return site


@pytest.fixture(scope="session")
def start_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Services]]:
    """Start the servers that `publish` sends to, with an object storage; a second call returns the same."""
    from tests.support.delivery.targets import services  # imports boto3

    with ExitStack() as stack:
        yield cache(lambda store: stack.enter_context(services(tmp_path_factory.mktemp("services"), store)))
