"""A staging directory is swapped with the published site, or removed."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

import pipelines.tools.atomic_exchange as exchange_module
from pipelines.core.errors import PipelineError
from pipelines.site.output.directory_swap import staging_directory, swap_directory
from tests.site.output.generated_site import (
    build,
    generation,
    site,
    unsupported,
    visible,
)


def test_publishing_leaves_only_the_site_the_record_and_the_lock(tmp_path: Path) -> None:
    """Staging directories and journals are removed."""
    out = tmp_path / "new/out"
    for name in ("1", "2", "3"):
        build(out, name)
        assert generation(out / "site") == name
        assert json.loads((out / "site.json").read_text()) == {"generation": name}
        assert visible(out) == [".lock", "site", "site.json"]
    assert os.readlink(out / "site.json") == "site/site.json"
    assert oct(stat.S_IMODE((out / "site").stat().st_mode)) == "0o755"
    assert visible(out / "site") == ["aliases.map", "gated", "public", "site.json"]


def test_site_and_preview_have_records_of_their_own(tmp_path: Path) -> None:
    """The preview has drafts: its record must not replace that of the site."""
    build(tmp_path, "plain")
    build(tmp_path, "drafts", "preview")
    assert (generation(tmp_path / "site"), generation(tmp_path / "preview")) == ("plain", "drafts")
    assert os.readlink(tmp_path / "preview.json") == "preview/site.json"


def test_a_plain_record_file_is_replaced_by_a_link(tmp_path: Path) -> None:
    """A plain file would describe an older site."""
    (tmp_path / "site.json").write_text("{}")
    build(tmp_path, "1")
    assert json.loads((tmp_path / "site.json").read_text()) == {"generation": "1"}


def failing_build(out: Path, error: BaseException) -> None:
    with staging_directory(out) as stage:
        site(stage, "2")
        raise error


def test_a_file_in_place_of_the_site_is_replaced_and_removed(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("in the way")
    build(tmp_path, "1")
    assert (generation(tmp_path / "site"), visible(tmp_path)) == ("1", [".lock", "site", "site.json"])


@pytest.mark.parametrize("error", [ValueError("fault"), KeyboardInterrupt()])
def test_a_failed_build_leaves_the_published_site(tmp_path: Path, error: BaseException) -> None:
    """A build is published whole or not at all."""
    build(tmp_path, "1")
    with pytest.raises(type(error)):
        failing_build(tmp_path, error)
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_a_full_disk_is_an_error_with_a_fix(tmp_path: Path) -> None:
    """The author can fix it: no traceback."""
    build(tmp_path, "1")
    with pytest.raises(PipelineError, match=r"disk is full.*free some space"):
        failing_build(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_an_exchange_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an unsupported system call falls back to an exchange in steps."""

    def refuse(one: Path, two: Path) -> None:
        raise PermissionError(errno.EACCES, "no", str(one))

    build(tmp_path, "1")
    monkeypatch.setattr(exchange_module, "_at_once", refuse)
    with pytest.raises(PermissionError):
        build(tmp_path, "2")
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_only_staging_directories_of_killed_builds_are_removed(tmp_path: Path) -> None:
    """Concurrent builds must not remove each other's directories."""
    (tmp_path / ".site-dead/public").mkdir(parents=True)
    (tmp_path / ".site-dead/.lock").touch()
    (tmp_path / ".site-older").mkdir()
    with staging_directory(tmp_path) as one:
        assert visible(tmp_path) == [".lock", one.name]
        site(one, "one")
        with staging_directory(tmp_path) as two:
            assert visible(tmp_path) == sorted([".lock", one.name, two.name])
            site(two, "two")
            swap_directory(two, tmp_path / "site", '{"generation": "two"}')
        swap_directory(one, tmp_path / "site", '{"generation": "one"}')
    assert generation(tmp_path / "site") == "one"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def leave_interrupted_exchange(out: Path, *, placed: bool) -> None:
    """Leave in *out* the state of a build that was killed during an exchange in steps."""
    build(out, "1")
    site(out / ".site-b", "2")
    (out / ".site-b/site.json").write_text('{"generation": "2"}')
    (out / ".site.swap").write_text(".site-b\n")
    (out / "site").rename(out / ".site-b.old")
    if placed:
        (out / ".site-b").rename(out / "site")


@pytest.mark.parametrize("placed", [False, True])
def test_the_next_build_completes_a_killed_exchange_even_if_it_fails(tmp_path: Path, placed: bool) -> None:
    """Without an atomic exchange, the site must not be missing until a build succeeds."""
    leave_interrupted_exchange(tmp_path, placed=placed)
    with pytest.raises(ValueError, match="fault"):
        failing_build(tmp_path, ValueError("fault"))
    assert generation(tmp_path / "site") == "2"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("how", ["atomic", "in steps"])
def test_a_build_replaces_a_later_one_that_was_killed(
    tmp_path: Path, placed: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other build started later and was killed while it published."""
    if how == "in steps":
        monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    with staging_directory(tmp_path) as stage:
        site(stage, "3")
        leave_interrupted_exchange(tmp_path, placed=placed)
        swap_directory(stage, tmp_path / "site", '{"generation": "3"}')
    assert generation(tmp_path / "site") == "3"
    with staging_directory(tmp_path):
        assert generation(tmp_path / "site") == "3"
    assert visible(tmp_path) == [".lock", "site", "site.json"]
