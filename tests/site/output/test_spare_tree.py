"""A build that begins with the tree before the last one gives the tree of a build from nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pipelines.core import digests
from pipelines.core.digests import EPOCH, mtime
from pipelines.core.errors import PipelineError
from pipelines.site.cache import Cache
from pipelines.site.output import spare_tree
from pipelines.site.output.directory_swap import staging_directory, swap_directory
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.tree import FileFacts, write_normalized
from tests.support.project import build_site, small_site

ONE = {
    "public/index.html": b"one",
    "public/a/index.html": b"a",
    "public/a/b/c.png": b"c",
    "aliases.map": b"x",
}
TWO = {**ONE, "public/index.html": b"two", "public/new/index.html": b"new"}


def build(out: Path, files: Mapping[str, bytes], *, spare: bool = True) -> None:
    """Build *files*; those that the last site has are kept or linked, as unchanged pages are."""
    target = out / "site"
    waiting = spare_tree.spare_path(target) if spare else None
    with staging_directory(out, waiting) as stage:
        tree = StagedTree(stage, target)
        tree.prepare(files)
        for path, data in files.items():
            facts = FileFacts(hashlib.sha256(data).digest(), len(data))
            if not tree.keep(path, facts):
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                write_normalized(str(stage / path), data, facts.sha256)
            tree.add(path, facts)
        tree.use_directory("gated/members")
        assert tree.finish().digest == digests.digest_of_files(files)
        swap_directory(stage, target, "{}", waiting)


def listing(tree: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, mtime and bytes of everything in *tree*, which is whole."""
    found = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[path.relative_to(tree).as_posix()] = (status.st_mode, status.st_mtime_ns, data)
    return found


def assert_clean(out: Path, files: Mapping[str, bytes], fresh: Path) -> None:
    """Assert that out/site is what a build of *files* into an empty directory gives."""
    build(fresh, files, spare=False)
    assert listing(out / "site") == listing(fresh / "site")
    assert digests.tree_digest(out / "site") == digests.digest_of_files(files)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a directory with a site of TWO, and a spare tree of ONE."""
    build(tmp_path / "out", ONE)
    build(tmp_path / "out", TWO)
    return tmp_path / "out"


def spare_of(out: Path) -> Path:
    return spare_tree.spare_path(out / "site")


def test_the_replaced_tree_is_the_spare_one(out: Path) -> None:
    assert digests.tree_digest(spare_of(out)) == digests.digest_of_files(ONE)
    build(out, ONE)
    assert digests.tree_digest(spare_of(out)) == digests.digest_of_files(TWO)
    assert sorted(path.name for path in out.iterdir()) == [".lock", ".site.spare", "site", "site.json"]


def test_a_file_of_both_trees_is_one_inode_that_no_build_touches(out: Path) -> None:
    """It neither links nor writes what the spare tree has."""
    path = "public/a/b/c.png"
    before = (out / "site" / path).stat()
    for files in (ONE, TWO, ONE):
        build(out, files)
        after = (out / "site" / path).stat()
        assert (after.st_ino, after.st_nlink, after.st_ctime_ns) == (before.st_ino, 2, before.st_ctime_ns)


@pytest.mark.parametrize(
    "files",
    [
        ONE,
        TWO,
        {"public/a": b"a file where a directory was", "aliases.map": b"x"},
        {**ONE, "public/index.html/x/y": b"a directory where a file was"} | {"public/a/b/c.png": b"C"},
        {"public/deep/er/and/deeper": b"1", "gated/members/x": b"2"},
        {"aliases.map": b"y"},
    ],
)
def test_every_next_site_is_that_of_a_clean_build(out: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    files = {path: data for path, data in files.items() if f"{path}/x/y" not in files}
    for number, one in enumerate((files, ONE, files)):
        build(out, one)
        assert_clean(out, one, tmp_path / f"fresh{number}")


def replace(file: Path, data: bytes) -> None:
    file.unlink()
    file.write_bytes(data)


def other_inode(spare: Path) -> None:
    replace(spare / "public/a/index.html", b"a")


def other_bytes(spare: Path) -> None:
    replace(spare / "public/a/index.html", b"!")


def other_size(spare: Path) -> None:
    file = spare / "public/a/index.html"
    moment = file.stat().st_mtime
    replace(file, b"longer")
    os.utime(file, (moment, moment))


def other_mode(spare: Path) -> None:
    replace(spare / "public/a/index.html", b"a")
    moment = mtime(hashlib.sha256(b"a").digest())
    os.utime(spare / "public/a/index.html", (moment, moment))
    (spare / "public/a/index.html").chmod(0o755)


def lost_file(spare: Path) -> None:
    (spare / "public/a/b/c.png").unlink()


def other_file(spare: Path) -> None:
    (spare / "public/a/stray").write_bytes(b"stray")
    (spare / "top").write_bytes(b"stray")
    (spare / "also").mkdir()


def link_to_a_file(spare: Path) -> None:
    (spare / "public/a/index.html").unlink()
    (spare / "public/a/index.html").symlink_to("b/c.png")


def link_to_a_directory(spare: Path) -> None:
    shutil.rmtree(spare / "public/a")
    (spare / "public/a").symlink_to(spare.parent / "site/public/a")


def link_instead_of_a_part(spare: Path) -> None:
    shutil.rmtree(spare / "public")
    (spare / "public").symlink_to(spare.parent / "site/public")


def directory_instead_of_a_file(spare: Path) -> None:
    (spare / "public/index.html").unlink()
    (spare / "public/index.html/inner").mkdir(parents=True)
    (spare / "public/index.html/inner/x").write_bytes(b"x")


def file_instead_of_a_directory(spare: Path) -> None:
    shutil.rmtree(spare / "public/a")
    (spare / "public/a").write_bytes(b"x")


def empty_directory(spare: Path) -> None:
    (spare / "public/empty/inner").mkdir(parents=True)


def modes_of_directories(spare: Path) -> None:
    (spare / "public/a").chmod(0o777)
    (spare / "public/a/b").chmod(0o000)
    spare.chmod(0o000)


def mtimes_of_directories(spare: Path) -> None:
    os.utime(spare / "public", (EPOCH + 1, EPOCH + 1))


def socket_in_it(spare: Path) -> None:
    os.mkfifo(spare / "public/fifo")
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(spare)  # the name of a socket must be short
        try:
            one.bind("socket")
        finally:
            os.chdir(here)


def half_written(spare: Path) -> None:
    """Leave what a killed build may leave of a tree."""
    shutil.rmtree(spare / "public/a")
    (spare / "raw").mkdir()
    (spare / "raw/page.html").write_bytes(b"raw")
    (spare / "public/half").write_bytes(b"ha")
    (spare / ".lock").write_bytes(b"")


def lock_is_a_directory(spare: Path) -> None:
    (spare / ".lock/x").mkdir(parents=True)


def a_file_in_its_place(spare: Path) -> None:
    shutil.rmtree(spare)
    spare.write_bytes(b"")


def a_link_in_its_place(spare: Path) -> None:
    shutil.rmtree(spare)
    spare.symlink_to("site")


@pytest.mark.parametrize(
    "tamper",
    [
        *(other_inode, other_bytes, other_size, other_mode, lost_file, other_file, link_to_a_file),
        *(link_to_a_directory, link_instead_of_a_part, directory_instead_of_a_file),
        *(file_instead_of_a_directory, empty_directory, modes_of_directories, mtimes_of_directories),
        *(socket_in_it, half_written, lock_is_a_directory, a_file_in_its_place, a_link_in_its_place),
    ],
)
def test_a_changed_spare_tree_is_repaired(out: Path, tamper: Callable[[Path], None], tmp_path: Path) -> None:
    """Whatever it holds: the site is that of a clean build, and the site before stays as it was."""
    before = listing(out / "site")
    tamper(spare_of(out))
    build(out, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")
    assert listing(spare_of(out)) == before
    build(out, TWO)
    assert_clean(out, TWO, tmp_path / "fresh")


@pytest.mark.parametrize("call", ["scandir", "unlink", "rename"])
def test_an_unusable_spare_tree_is_not_used(
    out: Path, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unreadable, or is on another file system."""
    real = getattr(os, call)
    (spare_of(out) / "public/a/stray").symlink_to("x")

    def fail(path: str | Path, *others: str | Path) -> object:
        if call == "rename" or "/public/a" in os.fspath(path):
            monkeypatch.setattr(os, call, real)
            raise PermissionError(13, "Permission denied")
        return real(path, *others)

    monkeypatch.setattr(os, call, fail)
    build(out, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")


def test_files_of_another_file_system_are_discarded(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that is mounted in the tree could neither be renamed nor linked."""
    real = os.lstat

    def lstat(path: str | Path, **options: int) -> os.stat_result:
        found = real(path, **options)
        is_stage = os.path.basename(path).startswith(".site-")
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if is_stage else found

    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", lstat)
        build(out, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")


def test_what_cannot_be_removed_is_an_error_with_a_fix(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not become part of the site. The next build begins with nothing."""
    (spare_of(out) / "top").write_bytes(b"")
    real = spare_tree.remove
    monkeypatch.setattr(
        spare_tree, "remove", lambda path: None if path.name in ("top", "public") else real(path)
    )
    with pytest.raises(PipelineError, match="cannot be removed; remove it and build again"):
        build(out, ONE)
    assert digests.tree_digest(out / "site") == digests.digest_of_files(TWO)
    monkeypatch.undo()
    build(out, ONE)
    assert digests.tree_digest(out / "site") == digests.digest_of_files(ONE)


def test_two_builds_at_once_do_not_share_a_spare_tree(out: Path) -> None:
    spare = spare_of(out)
    with staging_directory(out, spare) as one, staging_directory(out, spare) as two:
        assert not spare.exists()
        assert (one / "public/a/b/c.png").read_bytes() == b"c"
        assert [path.name for path in two.iterdir()] == [".lock"]
    assert digests.tree_digest(out / "site") == digests.digest_of_files(TWO)


def test_of_two_builds_at_once_one_leaves_the_spare_tree(out: Path, tmp_path: Path) -> None:
    with staging_directory(out, spare_of(out)) as stage:
        tree = StagedTree(stage, out / "site")
        for path, data in ONE.items():
            tree.write(path, data)
        tree.use_directory("gated/members")
        build(out, {"aliases.map": b"between"})
        tree.finish()
        swap_directory(stage, out / "site", "{}", spare_of(out))
    assert digests.tree_digest(spare_of(out)) == digests.digest_of_files(TWO)
    assert sorted(path.name for path in out.iterdir()) == [".lock", ".site.spare", "site", "site.json"]
    assert_clean(out, ONE, tmp_path / "fresh")


def test_a_failed_build_takes_the_spare_tree_with_it(out: Path, tmp_path: Path) -> None:
    """What it has changed there is unknown; the next build links from the site."""

    def fail() -> None:
        with staging_directory(out, spare_of(out)) as stage:
            StagedTree(stage, out / "site").write("public/half", b"h")
            raise ValueError("fault")

    with pytest.raises(ValueError, match="fault"):
        fail()
    assert sorted(path.name for path in out.iterdir()) == [".lock", "site", "site.json"]
    build(out, ONE)
    assert_clean(out, ONE, tmp_path / "fresh")


KILLED = """
import os, signal, sys
from pathlib import Path
import tests.site.output.test_spare_tree as this
calls, stop = 0, int(sys.argv[2])
def count(frame, event, arg):
    global calls
    if event == "c_call" and getattr(arg, "__module__", "") == "posix":
        calls += 1
        if calls == stop:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(count)
this.build(Path(sys.argv[1]), this.ONE)
sys.setprofile(None)
print(calls)
"""


def moments(out: Path) -> Iterator[int]:
    """Yield some of the system calls of a build, from the first to the last."""
    copy = out.with_name("copy")
    shutil.copytree(out, copy, symlinks=True)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(copy), "-1"], capture_output=True, check=True, text=True
    )
    calls = int(done.stdout)
    assert calls > 50
    yield from range(1, calls + 1, max(1, calls // 12))


@pytest.mark.slow
def test_a_build_that_is_killed_at_any_call_leaves_a_whole_site(out: Path, tmp_path: Path) -> None:
    """The site before or after it, and a next build that is right."""
    whole = {digests.digest_of_files(ONE), digests.digest_of_files(TWO)}
    for number, moment in enumerate(moments(out)):
        one = tmp_path / f"killed{number}"
        shutil.copytree(out, one, symlinks=True)
        done = subprocess.run([sys.executable, "-c", KILLED, str(one), str(moment)], capture_output=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
        assert digests.tree_digest(one / "site") in whole
        build(one, TWO)
        assert_clean(one, TWO, tmp_path / "fresh")


def test_two_files_with_one_path_are_refused(tmp_path: Path) -> None:
    """A file is never replaced by another one of the same build."""
    (tmp_path / "stage").mkdir()
    tree = StagedTree(tmp_path / "stage", tmp_path / "site")
    tree.write("public/a/b", b"1")
    for path in ("public/a/b", "public/a", "public/a/b/c"):
        with pytest.raises(FileExistsError):
            tree.write(path, b"2")
    assert (tmp_path / "stage/public/a/b").read_bytes() == b"1"


@pytest.mark.slow
def test_builds_of_a_site_equal_clean_ones(tmp_path: Path) -> None:
    """Edits, a new post, a removed one, a damaged spare tree, with the cache that the preview has."""
    site, cache, page = small_site(tmp_path), Cache(), "content/pages/about.md"
    spare = spare_of(site / "out")

    def edit() -> None:
        (site / page).write_text((site / page).read_text() + "\n\nMore.\n")

    def add() -> None:
        (site / "content/posts/new.md").write_text("Title: New\nDate: 2026-01-02\n\nText.\n")

    def remove() -> None:
        (site / "content/posts/new.md").unlink()

    def damage() -> None:
        for file in spare.rglob("*.html"):
            replace(file, b"damaged")

    def lose() -> None:
        shutil.rmtree(spare)

    for step in (edit, edit, add, edit, remove, damage, lose, edit):
        step()
        build_site(site, cache=cache)
        found = listing(site / "out/site")
        shutil.move(site / "out", tmp_path / "kept")
        build_site(site, clean=True)
        clean = listing(site / "out/site")
        assert {name: one for name, one in found.items() if name != "site.json"} == {
            name: one for name, one in clean.items() if name != "site.json"
        }
        shutil.rmtree(site / "out")
        shutil.move(tmp_path / "kept", site / "out")
    assert spare.is_dir()


@pytest.mark.slow
def test_a_build_without_a_cache_neither_uses_nor_leaves_a_spare_tree(tmp_path: Path) -> None:
    """`build --clean` takes nothing from an earlier build."""
    site = small_site(tmp_path, history=False)
    build_site(site, cache=Cache())
    build_site(site, clean=True)
    assert not spare_of(site / "out").exists()
    build_site(site, cache=Cache())
    inode = spare_of(site / "out").stat().st_ino
    build_site(site, clean=True)
    assert spare_of(site / "out").stat().st_ino == inode
