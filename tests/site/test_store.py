"""The cache in out/cache: whatever happens to it, the site is that of a clean build, and one line says so."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.site.build_cache import open_build_cache
from pipelines.site.build_report import BuildReport
from pipelines.site.cache import Cache
from pipelines.site.store import NAME, FileStore
from tests.support import project
from tests.support.project import AS_OF, build_site, tiny_site

POST = "---\ntitle: {0}\ndate: 2026-01-0{1}\n---\n\nThe text of {0}.\n"
FILES = {
    **{f"content/posts/{name}.md": POST.format(name, day) for day, name in enumerate(("one", "two"), 1)},
    "content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n",
}
DAMAGED = "out/cache: the cache was damaged; this build starts without one"
MALFORMED = "out/cache: the cache is not used ("
JUNK = b"\x93abc"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tiny_site(tmp_path, FILES)
    assert build(site)[2] == []
    return site


def build(site: Path) -> tuple[str, Cache, list[str]]:
    """Build with the cache of the project; return digest, cache and the lines it printed.

    Even if nothing has changed: what is stored of texts and pages is tried.
    """
    lines: list[str] = []
    with open_build_cache(site / "out", lines.append) as cache:
        report = BuildReport(explain=True)
        return build_site(site, cache=cache, report=report).digest, cache, lines


def in_sql(*statements: str, values: tuple[object, ...] = ()) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        database = sqlite3.connect(file)
        for statement in statements:
            database.execute(statement, values)
        database.commit()
        database.close()

    return change


def pages_overwritten(file: Path) -> None:
    """Damage every page of the file but the first, which SQLite reads when it opens it."""
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    file.write_bytes(data)


def with_the_site_lost(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def both(file: Path) -> None:
        change(file)
        shutil.rmtree(file.parents[1] / "site")

    return both


JUNK_BLOBS = in_sql("update blobs set value = ?, checksum = ?", values=(JUNK, zlib.crc32(JUNK)))
JUNK_RECORDS = in_sql("update records set value = ?, checksum = ?", values=(JUNK, zlib.crc32(JUNK)))
# What happens to the file, and the start of the line that the next build prints.
ACCIDENTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (lambda file: file.unlink(), ""),
    "empty": (lambda file: file.write_bytes(b""), ""),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:9000]), DAMAGED),
    "foreign": (lambda file: file.write_bytes(os.urandom(5000)), DAMAGED),
    "overwritten": (pages_overwritten, DAMAGED),
    "another program's tables": (in_sql("drop table records", "create table records (a)"), MALFORMED),
    "another version": (in_sql("update meta set value = 'other'"), ""),
    "a lost table": (in_sql("drop table blobs"), ""),
    "wrong checksums": (in_sql("update records set checksum = 1", "update blobs set checksum = 1"), ""),
    "junk in records": (JUNK_RECORDS, ""),
    "junk in blobs": (JUNK_BLOBS, ""),
    "a lost site": (with_the_site_lost(lambda _: None), ""),
    "a lost site and junk in blobs": (with_the_site_lost(JUNK_BLOBS), ""),
    "a lost site and no blobs": (with_the_site_lost(in_sql("delete from blobs")), ""),
}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", ACCIDENTS)
def test_no_accident_makes_a_build_wrong(name: str, site: Path) -> None:
    accident, line = ACCIDENTS[name]
    accident(site / "out/cache/build.sqlite")
    digest, _, lines = build(site)
    assert [text[: len(line)] for text in lines] == ([line] if line else [])
    assert digest == build_site(site, clean=True).digest
    for _ in range(2):  # the first may still have to store what the accident has cost
        digest, cache, lines = build(site)
    assert (lines, cache.misses) == ([], {"convert": 0, "render": 0})


@pytest.mark.slow
def test_a_cache_moves_between_machines(site: Path, tmp_path: Path) -> None:
    """It knows no path and no time of the machine that made it."""
    other = tmp_path / "elsewhere" / "project"
    shutil.copytree(site, other, ignore=shutil.ignore_patterns("site", "site.json"))
    for file in other.rglob("*"):
        os.utime(file, (1, 1))
    digest, cache, _ = build(other)
    assert (digest, cache.misses) == (build_site(site, clean=True).digest, {"convert": 0, "render": 0})


@pytest.mark.slow
def test_a_directory_in_the_place_of_the_file_is_named(site: Path) -> None:
    file = site / "out/cache/build.sqlite"
    file.unlink()
    file.mkdir()
    digest, _, lines = build(site)
    assert digest == build_site(site, clean=True).digest
    text = "out/cache: the cache is not used (unable to open database file); this build starts without one"
    assert lines == [text]


@pytest.mark.slow
def test_a_full_disk_is_named(site: Path) -> None:
    """A limit of the size of files stands for it: SQLite cannot grow its file, the pages still fit."""
    (site / "out/cache/build.sqlite").unlink()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", site, "build", "--as-of", str(AS_OF)],
        cwd=project.ROOT, preexec_fn=limit, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert re.match(r"out/cache: the cache (is not used|cannot be written) \(", done.stderr)


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_still_read(site: Path) -> None:
    """Permissions do not bind root, so another build that writes for long stands for them."""
    (site / "content/pages/about.md").write_text("---\ntitle: About\n---\n\nWho we are.\n\nMore.\n")
    writer = sqlite3.connect(site / "out/cache/build.sqlite", isolation_level=None)
    lines: list[str] = []
    with open_build_cache(site / "out", lines.append) as cache:
        assert isinstance(cache.store, FileStore)
        cache.store.set_wait(0.1)
        writer.execute("begin immediate")
        digest = build_site(site, cache=cache).digest
        writer.execute("rollback")
    writer.close()
    assert (cache.misses["convert"], cache.misses["render"]) == (1, 1)
    assert lines == ["out/cache: the cache cannot be written (database is locked); make it writable"]
    assert digest == build_site(site, clean=True).digest


@pytest.mark.slow
def test_builds_at_once_share_it(site: Path) -> None:
    (site / "out/cache/build.sqlite").unlink()
    argv = [sys.executable, "-m", "pipelines", "--project", str(site), "build", "--as-of", str(AS_OF)]
    builds = [subprocess.Popen(argv, cwd=project.ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(one.communicate(timeout=120)[1], one.returncode) for one in builds] == [(b"", 0)] * 3
    digest, cache, _ = build(site)
    assert (digest, cache.misses) == (build_site(site, clean=True).digest, {"convert": 0, "render": 0})


def test_what_was_deleted_makes_room_or_the_file_smaller(tmp_path: Path) -> None:
    """Later values fill what is free; a file of which half is free becomes smaller."""
    lines: list[str] = []
    store = FileStore(tmp_path, "1", lines.append)
    first, second, third = ({f"{n} {key}".encode(): bytes(5000) for key in range(100)} for n in range(3))
    store.save("page", {}, first | second)
    full = (tmp_path / NAME).stat().st_size
    store.prune(first.keys() | set(list(second)[:20]))
    assert (tmp_path / NAME).stat().st_size == full
    store.save("page", {}, dict(list(third.items())[:70]))
    assert (tmp_path / NAME).stat().st_size == full
    store.prune(list(first)[:50])
    assert (tmp_path / NAME).stat().st_size < full / 3
    assert store.blob(b"0 7") == bytes(5000)
    assert store.blob(b"1 7") is None
    assert lines == []
    store.close()
