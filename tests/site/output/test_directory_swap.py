"""Staging, sealing and publishing of a tree, and the exchange underneath."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pipelines.tools.atomic_exchange as exchange_module
from pipelines.core.digests import TreeDigest, mtime, normalize_tree, tree_digest
from pipelines.core.errors import PipelineError, SourceError
from pipelines.site.output.directory_swap import staging_directory, swap_directory
from pipelines.tools.atomic_exchange import exchange, recover_exchange, supports_exchange

PROJECT = Path(__file__).resolve().parents[3]
FILES = 40  # of a generated site: enough that a mix would show


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def site(stage: Path, generation: str) -> None:
    """Fill *stage* with a site of which every file says its generation."""
    write(stage, {f"public/{n}/index.html": generation.encode() for n in range(FILES)})
    write(stage, {"aliases.map": generation.encode(), "gated/members/a": generation.encode()})


def build(out: Path, generation: str, name: str = "site") -> None:
    with staging_directory(out) as stage:
        site(stage, generation)
        normalize_tree(stage)
        swap_directory(stage, out / name, json.dumps({"generation": generation}))


def generation(place: Path) -> str | None:
    """Return the one generation that the site at *place* says; None if it was retired meanwhile.

    Holds the folder open, so that all files are read from the tree that was
    there at the start.
    """
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = [f"public/{n}/index.html" for n in range(FILES)]
        said = set()
        for name in [*names, "aliases.map", "gated/members/a"]:
            with open(name, "rb", opener=lambda p, f: os.open(p, f, dir_fd=folder)) as file:
                said.add(file.read().decode())
        with open("site.json", "rb", opener=lambda p, f: os.open(p, f, dir_fd=folder)) as file:
            said.add(json.load(file)["generation"])
    except FileNotFoundError:
        return None  # the next build deletes it
    finally:
        os.close(folder)
    assert len(said) == 1, f"a mix of generations: {sorted(said)}"
    return said.pop()


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


# --- The seal ---


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        # sha256("") = e3b0c442…: 0xe3b0c442 = 3820012610; 3820012610 mod 5·10⁸ = 320012610
        (b"", 1_320_012_610),
        # sha256("abc") = ba7816bf…: 0xba7816bf = 3128432319; 3128432319 mod 5·10⁸ = 128432319
        (b"abc", 1_128_432_319),
    ],
)
def test_time_of_change_is_derived_from_content(data: bytes, seconds: int) -> None:
    """10⁹ plus the first 32 bits of SHA-256 modulo 5·10⁸, worked out by hand."""
    assert seconds == mtime(hashlib.sha256(data).digest())


def test_stamp_sets_modes_and_times_whatever_the_umask(tmp_path: Path) -> None:
    """Layers of images hold modes and times: two machines must give the same ones."""
    seals = []
    for umask in (0o002, 0o022, 0o077):
        before = os.umask(umask)
        try:
            root = tmp_path / f"{umask:o}"
            write(root, {"public/a/x.html": b"abc", "public/run.sh": b"", "aliases.map": b"abc"})
            (root / "public/run.sh").chmod(0o755)
            seals.append(normalize_tree(root))
        finally:
            os.umask(before)
        found = {
            path.relative_to(root).as_posix(): (
                oct(stat.S_IMODE(path.stat().st_mode)),
                path.stat().st_mtime_ns,
            )
            for path in root.rglob("*")
        }
        assert found == {
            "aliases.map": ("0o644", 1_128_432_319 * 10**9),
            "public": ("0o755", 10**18),
            "public/a": ("0o755", 10**18),
            "public/a/x.html": ("0o644", 1_128_432_319 * 10**9),
            "public/run.sh": ("0o644", 1_320_012_610 * 10**9),
        }
    assert len(set(seals)) == 1
    assert (seals[0].files, seals[0].bytes) == (3, 6)


def test_an_edit_of_equal_length_changes_the_time(tmp_path: Path) -> None:
    """NGINX compares time and size alone: a constant time would answer 304 for the old page."""
    write(tmp_path, {"public/a": b"one way", "public/b": b"another"})
    normalize_tree(tmp_path)
    a, b = (tmp_path / "public/a").stat(), (tmp_path / "public/b").stat()
    assert a.st_size == b.st_size
    assert a.st_mtime != b.st_mtime


def test_digest_is_the_hash_of_sorted_paths_and_hashes(tmp_path: Path) -> None:
    """Anyone can compute it: it names the site in images and on /version.json."""
    write(tmp_path, {"public/b": b"abc", "public/a/é.html": b"", "aliases.map": b"abc"})
    write(tmp_path, {"site.json": b"not of the site", ".lock": b""})
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lines = f"aliases.map\0{abc}\npublic/a/é.html\0{nothing}\npublic/b\0{abc}\n"
    assert hashlib.sha256(lines.encode()).hexdigest() == tree_digest(tmp_path)
    assert normalize_tree(tmp_path) == TreeDigest(tree_digest(tmp_path), files=3, bytes=6)


def test_the_shell_line_of_the_module_gives_the_digest(tmp_path: Path) -> None:
    """What the documentation tells an operator to type must be true."""
    import pipelines.core.digests as module

    write(tmp_path, {"public/b-c": b"1", "public/b/c": b"2", "gated/ü x": b"3", "aliases.map": b""})
    line = (module.__doc__ or "").split("out/site:\n")[1]
    said = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert said.stdout.split()[0].decode() == tree_digest(tmp_path)


@pytest.mark.parametrize("moved", ["public/b", "gated/a"])
def test_digest_tells_trees_apart(tmp_path: Path, moved: str) -> None:
    """A page that moves, above all into the public tree, is another site."""
    write(tmp_path / "one", {"public/a": b"abc"})
    write(tmp_path / "two", {moved: b"abc"})
    assert tree_digest(tmp_path / "one") != tree_digest(tmp_path / "two")


def test_links_and_pipes_are_refused_all_at_once(tmp_path: Path) -> None:
    """A link could publish a file from outside of the tree."""
    write(tmp_path, {"public/a": b"abc"})
    (tmp_path / "public/link").symlink_to("/etc/hostname")
    (tmp_path / "public/dir").symlink_to("/etc")
    os.mkfifo(tmp_path / "public/pipe")
    for read in (tree_digest, normalize_tree):
        with pytest.raises(SourceError) as caught:
            read(tmp_path)
        assert [fault.path for fault in caught.value.faults] == [
            "public/dir",
            "public/link",
            "public/pipe",
        ]


# --- Staging and publishing ---


def test_first_and_later_publications_leave_nothing_else_behind(tmp_path: Path) -> None:
    """What lies in out/ is the site, its record and the lock."""
    out = tmp_path / "new/out"
    for name in ("1", "2", "3"):
        build(out, name)
        assert generation(out / "site") == name
        assert json.loads((out / "site.json").read_text()) == {"generation": name}
        assert visible(out) == [".lock", "site", "site.json"]
    assert os.readlink(out / "site.json") == "site/site.json"
    assert oct(stat.S_IMODE((out / "site").stat().st_mode)) == "0o755"
    assert visible(out / "site") == ["aliases.map", "gated", "public", "site.json"]


def test_site_and_preview_live_side_by_side(tmp_path: Path) -> None:
    """The preview has drafts: its record must never be taken for that of the site."""
    build(tmp_path, "plain")
    build(tmp_path, "drafts", "preview")
    assert (generation(tmp_path / "site"), generation(tmp_path / "preview")) == ("plain", "drafts")
    assert os.readlink(tmp_path / "preview.json") == "preview/site.json"


def test_a_record_of_old_becomes_a_link(tmp_path: Path) -> None:
    """A plain file there would go on telling about a site that is gone."""
    (tmp_path / "site.json").write_text("{}")
    build(tmp_path, "1")
    assert json.loads((tmp_path / "site.json").read_text()) == {"generation": "1"}


def fail(out: Path, error: BaseException) -> None:
    with staging_directory(out) as stage:
        site(stage, "2")
        raise error


@pytest.mark.parametrize("error", [ValueError("fault"), KeyboardInterrupt()])
def test_a_failed_build_leaves_the_last_site(tmp_path: Path, error: BaseException) -> None:
    """Whole or not at all."""
    build(tmp_path, "1")
    with pytest.raises(type(error)):
        fail(tmp_path, error)
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_a_full_disk_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    """The author can mend it, so it is no traceback."""
    build(tmp_path, "1")
    with pytest.raises(PipelineError, match=r"disk is full.*make room"):
        fail(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_an_exchange_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors other than a missing system call are not tried in another way."""

    def refuse(one: Path, two: Path) -> None:
        raise PermissionError(errno.EACCES, "no", str(one))

    build(tmp_path, "1")
    monkeypatch.setattr(exchange_module, "_at_once", refuse)
    with pytest.raises(PermissionError):
        build(tmp_path, "2")
    assert generation(tmp_path / "site") == "1"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_stages_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    """Two builds at once do not touch each other; a killed one leaves no heap."""
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


def leave_half_an_exchange(out: Path, *, placed: bool) -> None:
    """Leave in *out* what a build leaves that is killed within an exchange in steps."""
    build(out, "1")
    site(out / ".site-b", "2")
    (out / ".site-b/site.json").write_text('{"generation": "2"}')
    (out / ".site.swap").write_text(".site-b\n")
    (out / "site").rename(out / ".site-b.old")
    if placed:
        (out / ".site-b").rename(out / "site")


@pytest.mark.parametrize("placed", [False, True])
def test_the_next_build_mends_a_killed_exchange_even_if_it_fails(tmp_path: Path, placed: bool) -> None:
    """Where the system has no exchange, the site must not stay away until a build succeeds."""
    leave_half_an_exchange(tmp_path, placed=placed)
    with pytest.raises(ValueError, match="fault"):
        fail(tmp_path, ValueError("fault"))
    assert generation(tmp_path / "site") == "2"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("how", ["at once", "in steps"])
def test_a_build_wins_over_one_that_was_killed_meanwhile(
    tmp_path: Path, placed: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one began later and died while it published."""
    if how == "in steps":
        monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    with staging_directory(tmp_path) as stage:
        site(stage, "3")
        leave_half_an_exchange(tmp_path, placed=placed)
        swap_directory(stage, tmp_path / "site", '{"generation": "3"}')
    assert generation(tmp_path / "site") == "3"
    with staging_directory(tmp_path):
        assert generation(tmp_path / "site") == "3"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


# --- Killed, and several at once, for real ---

PUBLISHER = """
import json, sys
from pathlib import Path
import pipelines.tools.atomic_exchange as module
from pipelines.core.digests import normalize_tree
from pipelines.site.output.directory_swap import staging_directory, swap_directory
out, name, rounds, files = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[5])
def refuse(one, two):
    raise OSError(22, "no such exchange here")
if sys.argv[4] == "steps":
    module._at_once = refuse
for number in range(rounds):
    says = f"{name}.{number}"
    with staging_directory(out) as stage:
        pages = [f"public/{number}/index.html" for number in range(files)]
        for path in ("aliases.map", "gated/members/a", *pages):
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).write_text(says)
        normalize_tree(stage)
        swap_directory(stage, out / "site", json.dumps({"generation": says}))
    print(number, flush=True)
"""


def publisher(out: Path, name: str, rounds: int = 10**9, how: str = "at once") -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", PUBLISHER, str(out), name, str(rounds), how, str(FILES)]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE)


class Reader(threading.Thread):
    """Reads the site over and over, and keeps what it saw and what was wrong."""

    def __init__(self, out: Path, *, gaps: bool = False) -> None:
        super().__init__()
        self.out, self.gaps = out, gaps
        self.seen: set[str] = set()
        self.wrong: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.002):
            try:
                found = generation(self.out / "site")
                json.loads((self.out / "site.json").read_text())
            except (AssertionError, OSError, ValueError) as error:
                if not (self.gaps and isinstance(error, FileNotFoundError)):
                    self.wrong.append(repr(error))
            else:
                self.seen.add(str(found))

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


@pytest.mark.parametrize("how", ["at once", "steps"])
def test_a_kill_at_any_moment_leaves_a_whole_site(tmp_path: Path, how: str) -> None:
    """kill -9 at random moments; the reader sees old or new, never a mix or nothing.

    Where the file system exchanges in steps, a killed exchange may leave the
    place empty until the next build starts; then it is whole again.
    """
    if how == "at once" and not supports_exchange(tmp_path):
        pytest.skip("this file system has no exchange of two paths at once")
    moments = random.Random(2)
    build(tmp_path, "first")
    with Reader(tmp_path, gaps=how == "steps") as reader:
        for number in range(15):
            process = publisher(tmp_path, str(number), how=how)
            assert process.stdout
            process.stdout.readline()  # it runs: from here on, anything may be under way
            time.sleep(moments.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            if how == "steps":
                recover_exchange(tmp_path / "site")
            generation(tmp_path / "site")
    assert reader.wrong == []
    assert len(reader.seen) > 10
    build(tmp_path, "last")
    assert generation(tmp_path / "site") == "last"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


def test_two_builds_at_once_do_not_mix(tmp_path: Path) -> None:
    """Both succeed, the site is always one of theirs, and at the end the last one's."""
    if not supports_exchange(tmp_path):
        pytest.skip("this file system has no exchange of two paths at once")
    build(tmp_path, "first")
    with Reader(tmp_path) as reader:
        running = [publisher(tmp_path, name, rounds=25) for name in "abc"]
        said = [process.communicate()[0] for process in running]
    assert reader.wrong == []
    assert [process.returncode for process in running] == [0, 0, 0]
    assert [len(lines.split()) for lines in said] == [25, 25, 25]
    assert generation(tmp_path / "site") in {"a.24", "b.24", "c.24"}
    assert visible(tmp_path) == [".lock", "site", "site.json"]


# --- The exchange ---


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return two folders: a fresh one, and the one at the place."""
    write(tmp_path, {"fresh/name": b"new", "place/name": b"old"})
    return tmp_path / "fresh", tmp_path / "place"


@pytest.fixture(params=["at once", "in steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Run a test on a file system that exchanges at once, and on one that does not."""
    if request.param == "in steps":
        monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    elif not supports_exchange(tmp_path):
        pytest.skip("this file system has no exchange of two paths at once")
    return str(request.param)


def unsupported(code: int) -> Callable[[Path, Path], None]:
    def refuse(one: Path, two: Path) -> None:
        raise OSError(code, os.strerror(code), str(one), None, str(two))

    return refuse


@pytest.mark.usefixtures("way")
def test_exchange_lets_two_folders_change_places(pair: tuple[Path, Path]) -> None:
    """The old one must stay at hand: it is deleted by whoever asked."""
    exchange(*pair)
    assert [(path / "name").read_bytes() for path in pair] == [b"old", b"new"]
    assert visible(pair[0].parent) == ["fresh", "place"]
    assert not recover_exchange(pair[1])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("missing", [0, 1])
def test_exchange_needs_both(pair: tuple[Path, Path], missing: int) -> None:
    """A missing one is an error of the caller, and the other stays."""
    pair[missing].rename(pair[missing].with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        exchange(*pair)
    assert pair[1 - missing].exists()
    assert len(visible(pair[0].parent)) == 2


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_systems_without_exchange_are_recognised(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """renameat2(2): EINVAL where the file system, ENOSYS where the kernel has no such flag."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(code))
    assert not supports_exchange(pair[0].parent)
    exchange(*pair)
    assert (pair[1] / "name").read_bytes() == b"new"


def test_a_c_library_without_the_call_is_no_crash(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some C libraries do not have renameat2."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert not supports_exchange(pair[0].parent)
    exchange(*pair)
    assert (pair[1] / "name").read_bytes() == b"new"


def test_an_exchange_in_steps_needs_one_folder(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal lies beside the place and knows the fresh one by its name."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    (pair[0].parent / "sub").mkdir()
    with pytest.raises(OSError, match="one folder"):
        exchange(pair[0].rename(pair[0].parent / "sub/fresh"), pair[1])
    assert (pair[1] / "name").read_bytes() == b"old"


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), KeyboardInterrupt()])
def test_a_failing_step_is_undone(
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
    error: BaseException,
) -> None:
    """Raises, and nothing has changed."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    rename, calls = os.rename, iter(range(1, 9))

    def step(source: Path, target: Path) -> None:
        if next(calls) == failing:
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", step)
    with pytest.raises(type(error)):
        exchange(*pair)
    assert [(path / "name").read_bytes() for path in pair] == [b"new", b"old"]
    assert visible(pair[0].parent) == ["fresh", "place"]


KILLED = """
import os, sys
from pathlib import Path
import pipelines.tools.atomic_exchange as module
left = int(sys.argv[1])
def refuse(one, two):
    raise OSError(22, "no such exchange here")
module._at_once = refuse
def deadly(act):
    def before(*words, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), 9)
        left -= 1
        return act(*words, **more)
    return before
os.rename = deadly(os.rename)
Path.unlink = deadly(Path.unlink)
write = Path.write_text
def half(path, text, **more):
    write(path, text[:3], **more)
    deadly(write)(path, text, **more)
Path.write_text = half
module.exchange(Path("fresh"), Path("place"))
"""


@pytest.mark.parametrize("steps", range(6))
def test_recovery_makes_whole_after_a_kill_before_any_step(pair: tuple[Path, Path], steps: int) -> None:
    """Steps: journal, three renames, journal away; killed before each, and not at all."""
    argv = [sys.executable, "-c", KILLED, str(steps)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(argv, cwd=pair[0].parent, env=environment, check=False)
    assert done.returncode == (0 if steps == 5 else -signal.SIGKILL)
    assert recover_exchange(pair[1]) == (steps < 5)
    said = [(path / "name").read_bytes() for path in pair]
    assert said == ([b"new", b"old"] if steps < 2 else [b"old", b"new"])
    assert visible(pair[0].parent) == ["fresh", "place"]
    assert not recover_exchange(pair[1])


def test_recovery_undoes_when_the_fresh_one_is_gone(pair: tuple[Path, Path]) -> None:
    """Somebody tidied up by hand: the old site comes back."""
    pair[1].rename(pair[1].with_name("fresh.old"))
    pair[1].with_name(".place.swap").write_text("fresh\n")
    pair[0].rename(pair[0].with_name("elsewhere"))
    assert recover_exchange(pair[1])
    assert (pair[1] / "name").read_bytes() == b"old"
    assert visible(pair[0].parent) == ["elsewhere", "place"]
