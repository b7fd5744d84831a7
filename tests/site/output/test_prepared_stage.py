"""Another process lists the files of the spare tree, or links those of the last site."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.core import digests
from pipelines.site.output import prepared_stage, spare_tree
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.target import Target, open_target
from tests.site.output.test_spare_tree import ONE, TWO, assert_clean


def finish(target: Target, tree: StagedTree, files: Mapping[str, bytes]) -> None:
    """Write *files* into *tree*, and publish it."""
    for path, data in files.items():
        tree.write(path, data)
    tree.use_directory("gated/members")
    tree.finish()
    target.publish("{}")


def build(out: Path, files: Mapping[str, bytes]) -> None:
    """Build *files* as the program does."""
    site = out / "site"
    with open_target(site, spare_tree.spare_path(site)) as target:
        tree = target.begin_tree()
        finish(target, tree, files)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a directory with a site of ONE, and no spare tree."""
    build(tmp_path / "out", ONE)
    assert not spare_tree.spare_path(tmp_path / "out/site").exists()
    return tmp_path / "out"


def open_site(out: Path) -> Target:
    """Return the target of a build into *out* that goes no further, when all is linked."""
    with open_target(out / "site", spare_tree.spare_path(out / "site")) as target:
        target.begin_tree()
        shutil.copytree(target.stage, out / "seen", symlinks=True, copy_function=os.link)
        return target


def test_the_staging_directory_has_the_files_and_directories_of_the_last_site(out: Path) -> None:
    open_site(out)
    for path in ONE:
        assert (out / "seen" / path).samefile(out / "site" / path)
    for folder in ("public", "public/a", "public/a/b", "gated", "gated/members"):
        of_site, seen = (out / "site" / folder).stat(), (out / "seen" / folder).stat()
        assert (seen.st_mode, seen.st_mtime) == (of_site.st_mode, of_site.st_mtime)


def test_a_build_touches_no_file_that_stays_the_same(out: Path) -> None:
    before = (out / "site/public/a/b/c.png").stat()
    build(out, TWO)
    after = (out / "site/public/a/b/c.png").stat()
    assert (after.st_ino, after.st_nlink) == (before.st_ino, 2)
    assert digests.tree_digest(spare_tree.spare_path(out / "site")) == digests.digest_of_files(ONE)


def test_nothing_is_linked_beside_a_spare_tree(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(out, TWO)
    monkeypatch.setattr(prepared_stage, "_link_parts", lambda *_: (out / "linked").touch())
    build(out, ONE)
    assert digests.tree_digest(out / "site") == digests.digest_of_files(ONE)
    assert not (out / "linked").exists()


def test_what_is_in_the_staging_directory_is_known_without_reading_it_again(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for spare in (False, True):
        assert spare_tree.spare_path(out / "site").exists() is spare
        with open_target(out / "site", spare_tree.spare_path(out / "site")) as target:
            with monkeypatch.context() as patch:
                patch.setattr(spare_tree, "read", lambda _: pytest.fail("read here"))
                tree = target.begin_tree()
            finish(target, tree, ONE)
        assert digests.tree_digest(out / "site") == digests.digest_of_files(ONE)


def test_a_second_tree_of_a_build_begins_with_what_the_first_one_left(out: Path, tmp_path: Path) -> None:
    site = out / "site"
    with open_target(site, spare_tree.spare_path(site)) as target:
        target.begin_tree().write("public/half", b"h")
        tree = target.begin_tree()
        finish(target, tree, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")


def test_a_process_that_was_killed_changes_nothing(out: Path, tmp_path: Path) -> None:
    site = out / "site"
    with open_target(site, spare_tree.spare_path(site)) as target:
        assert target._prepared
        os.kill(target._prepared._process, signal.SIGKILL)
        tree = target.begin_tree()
        finish(target, tree, TWO)
    assert_clean(out, TWO, tmp_path / "fresh")


def test_nothing_is_linked_where_the_caller_wants_no_spare_tree(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_target(out / "site", None) as target:
        target.begin_tree()
        assert os.listdir(target.stage) == [".lock"]


@pytest.mark.parametrize(
    "files",
    [
        TWO,
        {"public/a": b"a file where a directory was", "aliases.map": b"x"},
        {"public/index.html/x": b"a directory where a file was", "public/a/b/c.png": b"C"},
        {"aliases.map": b"y"},
    ],
)
def test_the_next_site_is_that_of_a_clean_build(out: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    build(out, files)
    assert_clean(out, files, tmp_path / "fresh")


def link_to_another_file(site: Path) -> None:
    (site / "public/index.html").unlink()
    (site / "public/index.html").symlink_to(site / "aliases.map")


def link_to_another_directory(site: Path) -> None:
    shutil.rmtree(site / "public/a")
    (site / "public/a").symlink_to("/")


def named_pipe(site: Path) -> None:
    os.mkfifo(site / "public/a/pipe")


def changed_bytes(site: Path) -> None:
    (site / "public/index.html").write_bytes(b"eno")


def no_parts(site: Path) -> None:
    shutil.rmtree(site / "public")
    (site / "aliases.map").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        link_to_another_file,
        link_to_another_directory,
        named_pipe,
        changed_bytes,
        no_parts,
    ],
)
def test_a_damaged_site_is_not_taken_over(out: Path, damage: Callable[[Path], None], tmp_path: Path) -> None:
    damage(out / "site")
    build(out, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")


def test_a_build_goes_on_where_nothing_can_be_linked(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system without hard links, or at its limit of links to a file."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    build(out, TWO)
    monkeypatch.undo()
    assert_clean(out, TWO, tmp_path / "fresh")


def test_a_failed_build_ends_the_process_before_it_removes_the_staging_directory(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_stage, "_link", lambda *_: time.sleep(600))
    with (
        pytest.raises(ValueError, match="fault"),
        open_target(out / "site", spare_tree.spare_path(out / "site")),
    ):
        raise ValueError("fault")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert sorted(path.name for path in out.iterdir()) == [".lock", "site", "site.json"]
    assert digests.tree_digest(out / "site") == digests.digest_of_files(ONE)


def ends(process: int) -> bool:
    """Return whether *process*, which has no parent here, ends within a time."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # nobody reaps it in a container
            return True
        time.sleep(0.01)
    return False


def test_the_process_of_a_killed_build_ends(out: Path, tmp_path: Path) -> None:
    """It would hold the lock of the staging directory for ever, which no build could remove."""
    site, note = out / "site", tmp_path / "process"
    build(out, TWO)
    for number in range(1000):  # more than a pipe takes
        (spare_tree.spare_path(site) / f"public/{'x' * 100}-{number}").touch(mode=0o644)
    parent = os.fork()
    if not parent:
        with open_target(site, spare_tree.spare_path(site)) as target:
            assert target._prepared
            note.write_text(str(target._prepared._process))
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    process = int(note.read_text())
    try:
        assert ends(process)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    build(out, ONE)
    assert not list(out.glob(".site-*"))


def test_the_process_hears_no_interrupt(
    out: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C reaches it too, and the program ends it."""
    real = prepared_stage._link_parts

    def interrupt(last: str, stage: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(last, stage)

    monkeypatch.setattr(prepared_stage, "_link_parts", interrupt)
    open_site(out)
    assert (out / "seen/public/index.html").samefile(out / "site/public/index.html")
    assert capfd.readouterr().err == ""
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("call", ["pipe", "fork"])
def test_a_build_goes_on_where_no_process_can_be_started(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse() -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, call, refuse)
    before = len(os.listdir("/proc/self/fd"))
    build(out, TWO)
    assert len(os.listdir("/proc/self/fd")) == before
    monkeypatch.undo()
    assert_clean(out, TWO, tmp_path / "fresh")


@pytest.mark.parametrize("spare", [False, True])
def test_a_name_that_is_not_utf8_is_removed_without_a_word(
    out: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], spare: bool
) -> None:
    site = out / "site"
    if spare:
        build(out, TWO)
    file = (spare_tree.spare_path(site) if spare else site) / os.fsdecode(b"public/\xff.html")
    file.touch(mode=0o644)
    build(out, ONE)
    assert capfd.readouterr().err == ""
    assert_clean(out, ONE, tmp_path / "fresh")


def test_the_process_leaves_alone_what_the_build_writes_beside_the_site(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build of changed texts lets Pelican write there before it waits."""
    real = prepared_stage._link_parts

    def link_later(last: str, stage: str) -> None:
        time.sleep(0.2)
        real(last, stage)

    monkeypatch.setattr(prepared_stage, "_link_parts", link_later)
    with open_target(out / "site", spare_tree.spare_path(out / "site")) as target:
        time.sleep(0.1)
        (target.stage / "raw").mkdir()
        (target.stage / "raw/file").touch()
        assert (target.stage / "public/index.html").exists() is False
        target.begin_tree()
        assert (target.stage / "public/index.html").exists()
        assert (target.stage / "raw/file").exists()


def test_an_error_of_the_program_in_the_process_is_shown(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(prepared_stage, "_link", fail)
    build(out, TWO)
    assert "RuntimeError: a fault of the program" in capfd.readouterr().err
    assert_clean(out, TWO, tmp_path / "fresh")
