"""A folder of bad inputs, one fault each, laid over a good project: what is said, and what is kept.

``tests/bad/good`` is the project. ``tests/bad/<fault>/`` holds the files that
replace or join its own, ``remove.txt`` the paths to take away, and
``expected.txt`` all of stderr. ``fine-*`` look bad and are not: their
``fine.txt`` says what the tree holds (``+ path: text``) and what it must not
(``- path: text``). ``less-*`` belong to the tests of LESS.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.site import build
from pipelines.site.memo import Memo
from tests import project

BAD = project.ROOT / "tests" / "bad"
AS_OF = "2026-05-28T00:00:00Z"  # the posts of the good project are due
NOTES = ("expected.txt", "remove.txt", "fine.txt")
FOLDERS = sorted(folder for folder in BAD.iterdir() if not folder.name.startswith("less-"))
FAULTS = [folder for folder in FOLDERS if (folder / "expected.txt").exists()]
FINE = [folder for folder in FOLDERS if (folder / "fine.txt").exists()]


def named(folder: Path) -> str:
    return folder.name


def laid(folder: Path, site: Path) -> Path:
    """Lay *folder* over the project *site*; return *site*."""
    ignored = shutil.ignore_patterns(*NOTES)
    shutil.copytree(folder, site, dirs_exist_ok=True, ignore=ignored)
    gone = folder / "remove.txt"
    for name in gone.read_text("utf-8").split() if gone.exists() else ():
        lost = site / name
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    return site


def run(site: Path, *words: str) -> int:
    return cli.main(["--project", str(site), "build", "--as-of", AS_OF, "--workers", "1", *words])


@pytest.fixture(scope="module", autouse=True)
def one_memo() -> Iterator[None]:
    """All builds of this module share what they compile, as those of a preview do."""
    memo = Memo()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Memo", lambda: memo)
        yield


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good project, built: it has an out/site."""
    site = project.tiny_site(tmp_path_factory.mktemp("good"), {})
    laid(BAD / "good", site)
    assert run(site) == 0
    return site


@pytest.fixture
def site(good: Path, tmp_path: Path) -> Path:
    """A copy of the good project and its tree."""
    return Path(shutil.copytree(good, tmp_path / "site", symlinks=True))


def test_every_folder_says_what_is_expected_of_it() -> None:
    """A folder without a note would be skipped without a word."""
    assert [f.name for f in FOLDERS if f not in FAULTS and f not in FINE] == ["good"]
    assert len(FAULTS) > 100


@pytest.mark.parametrize("folder", FAULTS, ids=named)
def test_a_fault_is_told_and_the_last_tree_kept(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is all that an author has; the tree that is served must not suffer."""
    before = project.files_of(site / "out")
    laid(folder, site)
    status = run(site)
    said = capsys.readouterr()
    assert said.err == (folder / "expected.txt").read_text("utf-8")
    assert (status, said.out) == (1, "")
    assert project.files_of(site / "out") == before


@pytest.mark.parametrize("folder", FAULTS[::8], ids=named)
def test_a_fault_in_the_first_build_leaves_no_tree(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree that exists is a tree that may be published."""
    shutil.rmtree(site / "out")
    laid(folder, site)
    assert run(site) == 1
    assert capsys.readouterr().err == (folder / "expected.txt").read_text("utf-8")
    assert project.files_of(site / "out") == {}


@pytest.mark.parametrize("name", ["many-at-once", "template-type-error", "config-not-toml"])
def test_the_command_says_the_same(name: str, site: Path) -> None:
    """What is tested in this process holds for the one that people start."""
    laid(BAD / name, site)
    done = project.command(site, "build", "--as-of", AS_OF)
    expected = (BAD / name / "expected.txt").read_text("utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


@pytest.mark.parametrize("folder", FINE, ids=named)
def test_what_looks_bad_and_is_fine_is_published(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build that refuses good pages is as bad as one that loses them."""
    laid(folder, site)
    status = run(site)
    assert (status, [x for x in capsys.readouterr().err.splitlines() if not x.startswith("warning")]) == (0, [])
    for line in (folder / "fine.txt").read_text("utf-8").splitlines():
        sign, _, rest = line.partition(" ")
        name, _, text = rest.partition(": ")
        file = site / "out" / "site" / name
        held = file.exists() and text in file.read_text("utf-8")
        assert (line, held) == (line, sign == "+")
