"""Keep results of a build in out/cache: one SQLite file that later builds read.

Reads and writes that file alone. No network.

Nothing in it is needed: a file that is damaged, locked, foreign or read-only makes
the next build slower, and one line says so. Each value carries a checksum, and the
whole file belongs to one version of the program (``version``): with another one it
is emptied.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Protocol

from msgspec import Struct, field

NAME = "build.sqlite"
_FORMAT = "1"  # of the tables below
_WAIT = 10.0  # seconds that a build waits for another one that writes
# Primary result codes whose cause is not in the file (sqlite.org/rescode.html).
_ELSEWHERE = frozenset((
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL),
    sqlite3.SQLITE_CANTOPEN,
))  # fmt: skip
_SCHEMA = """
create table if not exists meta (name text primary key, value text not null) without rowid;
create table if not exists records
    (kind text not null, name text not null, checksum integer not null, value blob not null,
     primary key (kind, name));
create table if not exists blobs
    (digest blob primary key, checksum integer not null, value blob not null);
"""


class Store(Protocol):
    """Results by kind and name, and large values by their digest."""

    lasting: ClassVar[bool]  # longer than this process

    def records(self, kind: str, names: Collection[str] | None = None) -> dict[str, bytes]:
        """Return the records of *kind* by name: all, or those in *names*."""

    def blob(self, digest: bytes) -> bytes | None:
        """Return the bytes stored under *digest*, or None."""

    def save(self, kind: str, records: Mapping[str, bytes], blobs: Mapping[bytes, bytes]) -> None:
        """Add *records* of *kind*, and *blobs*; replace those that are there."""

    def keep(self, kind: str, names: Iterable[str]) -> None:
        """Remove the records of *kind* whose name is not in *names*."""

    def prune(self, used: Iterable[bytes]) -> None:
        """Remove the blobs that no record uses; *used* are the digests that records name."""

    def remove(self, blobs: Iterable[bytes]) -> None:
        """Remove *blobs*, by their digests; where a record names one, its value is computed again."""


class MemoryStore(Struct):
    """A store of one process, for the preview."""

    lasting: ClassVar[bool] = False

    _records: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _blobs: dict[bytes, bytes] = field(default_factory=dict)

    def records(self, kind: str, names: Collection[str] | None = None) -> dict[str, bytes]:
        """Return the records of *kind* by name: all, or those in *names*."""
        known = self._records.get(kind, {})
        return known if names is None else {name: known[name] for name in names if name in known}

    def blob(self, digest: bytes) -> bytes | None:
        """Return the bytes stored under *digest*, or None."""
        return self._blobs.get(digest)

    def save(self, kind: str, records: Mapping[str, bytes], blobs: Mapping[bytes, bytes]) -> None:
        """Add *records* of *kind*, and *blobs*; replace those that are there."""
        self._records.setdefault(kind, {}).update(records)
        self._blobs.update(blobs)

    def keep(self, kind: str, names: Iterable[str]) -> None:
        """Remove the records of *kind* whose name is not in *names*."""
        known = self._records.get(kind, {})
        self._records[kind] = {name: known[name] for name in names if name in known}

    def prune(self, used: Iterable[bytes]) -> None:
        """Remove the blobs that no record uses; *used* are the digests that records name."""
        self._blobs = {digest: self._blobs[digest] for digest in used if digest in self._blobs}

    def remove(self, blobs: Iterable[bytes]) -> None:
        """Remove *blobs*, by their digests; where a record names one, its value is computed again."""
        for digest in blobs:
            self._blobs.pop(digest, None)


class FileStore:
    """A store in a file. Close it after the build."""

    lasting: ClassVar[bool] = True

    def __init__(self, folder: Path, version: str, warn: Callable[[str], None]) -> None:
        """Open the store in *folder*; *warn* gets one line if it cannot be used."""
        self._warn, self._folder, self._version = warn, folder, f"{_FORMAT} {version}"
        self._process = os.getpid()
        self._database = self._open()
        self._inherited: sqlite3.Connection | None = None  # of the parent process
        self._read_only = False

    def _open(self) -> sqlite3.Connection | None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                self._remove()
                database = self._connect()
                self._warn(f"out/{self._folder.name}: the cache was damaged; this build starts without one")
                return database
        except (NotADirectoryError, FileExistsError):
            return None  # out is a file: the build says so
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return None

    def _remove(self) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        for path in self._folder.glob(f"{NAME}*"):
            path.unlink()

    def _own(self) -> sqlite3.Connection | None:
        """Return the connection of this process: none may be carried across a fork.

        Source: sqlite.org/howtocorrupt.html, section 2.6.
        """
        if self._database is not None and os.getpid() != self._process:
            self._process, self._inherited = os.getpid(), self._database  # not closed: it is the parent's
            try:
                uri = f"{(self._folder / NAME).absolute().as_uri()}?mode=ro"
                self._database = sqlite3.connect(uri, uri=True, timeout=_WAIT, check_same_thread=False)
            except sqlite3.Error:
                self._database = None
        return self._database

    def _connect(self) -> sqlite3.Connection:
        """Open the file, and empty it where another version has written it."""
        path = self._folder / NAME
        # The process that reads pages and the one that opened the file may differ in thread, never in time.
        database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            database.execute("pragma synchronous=off")  # a cache: a power cut may cost it
            database.execute("pragma secure_delete=off")  # what is deleted is not overwritten with zeros
            database.executescript(_SCHEMA)
            found = database.execute("select value from meta where name = 'version'").fetchone()
            if found is None or found[0] != self._version:
                database.execute("begin immediate")
                for table in ("records", "blobs", "meta"):
                    database.execute(f"delete from {table}")
                database.execute("insert into meta values ('version', ?)", (self._version,))
                database.execute("commit")
        except BaseException:
            database.close()
            raise
        return database

    def _give_up(self, error: Exception) -> None:
        """Say once that the build goes on without the file."""
        reason = " ".join(str(error).split())
        self._warn(
            f"out/{self._folder.name}: the cache is not used ({reason}); this build starts without one"
        )

    def _fail(self, error: Exception) -> None:
        """Close the file after an error, and go on without it; remove it if it is damaged."""
        self.close()
        if self._inherited is not None:
            return  # a worker process: the main one says it, if it needs the file
        if isinstance(error, sqlite3.Error) and _is_damage(error):
            with suppress(OSError):
                self._remove()
        self._give_up(error)

    def set_wait(self, seconds: float) -> None:
        """Wait so long for another build that writes."""
        if (database := self._own()) is not None:
            database.execute(f"pragma busy_timeout = {int(seconds * 1000)}")

    def records(self, kind: str, names: Collection[str] | None = None) -> dict[str, bytes]:
        """Return the records of *kind* by name: all, or those in *names*; a damaged one is missing."""
        if (database := self._own()) is None:
            return {}
        query = "select name, checksum, value from records where kind = ?"
        try:
            if names is None:
                rows = database.execute(query, (kind,)).fetchall()
            else:
                rows = [
                    row
                    for name in names
                    for row in database.execute(f"{query} and name = ?", (kind, name)).fetchall()
                ]
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return {}
        return {
            name: value
            for name, checksum, value in rows
            if isinstance(name, str) and isinstance(value, bytes) and zlib.crc32(value) == checksum
        }

    def blob(self, digest: bytes) -> bytes | None:
        """Return the bytes stored under *digest*, or None."""
        if (database := self._own()) is None:
            return None
        try:
            row = database.execute("select checksum, value from blobs where digest = ?", (digest,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return None
        return row[1] if row and isinstance(row[1], bytes) and zlib.crc32(row[1]) == row[0] else None

    def save(self, kind: str, records: Mapping[str, bytes], blobs: Mapping[bytes, bytes]) -> None:
        """Add *records* of *kind*, and *blobs*; replace those that are there."""
        if not (records or blobs):
            return

        def change(database: sqlite3.Connection) -> None:
            database.executemany(
                "insert or replace into records values (?, ?, ?, ?)",
                [(kind, name, zlib.crc32(value), value) for name, value in records.items()],
            )
            database.executemany(
                "insert or replace into blobs values (?, ?, ?)",
                [(digest, zlib.crc32(value), value) for digest, value in blobs.items()],
            )

        self._change(change)

    def keep(self, kind: str, names: Iterable[str]) -> None:
        """Remove the records of *kind* whose name is not in *names*."""
        gone = [(kind, name) for name in self.records(kind).keys() - frozenset(names)]
        if gone:
            self._change(lambda d: d.executemany("delete from records where kind = ? and name = ?", gone))

    def _change(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Apply *change* in one transaction; go on reading where nothing can be written."""
        database = self._own()
        if database is None or self._read_only:
            return
        try:
            database.execute("begin immediate")
            change(database)
            database.execute("commit")
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and _is_damage(error):
                self._fail(error)
                return
            with suppress(sqlite3.Error):
                database.execute("rollback")
            self._read_only = True
            self._warn(f"out/{self._folder.name}: the cache cannot be written ({error}); make it writable")

    def prune(self, used: Iterable[bytes]) -> None:
        """Remove the blobs that no record uses, once they are a third of all."""
        if (database := self._own()) is None:
            return
        try:
            known = [row[0] for row in database.execute("select digest from blobs")]
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return
        kept = frozenset(used)
        gone = [(digest,) for digest in known if digest not in kept]
        if gone and 3 * len(gone) >= len(known):
            self._change(lambda d: d.executemany("delete from blobs where digest = ?", gone))
            with suppress(sqlite3.Error):  # another build reads: the next one makes the file small
                _shrink(database)

    def remove(self, blobs: Iterable[bytes]) -> None:
        """Remove *blobs*, by their digests; where a record names one, its value is computed again."""
        gone = [(digest,) for digest in blobs]
        self._change(lambda d: d.executemany("delete from blobs where digest = ?", gone))

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()


def _shrink(database: sqlite3.Connection) -> None:
    """Make the file smaller where half of it is free; later builds fill what is less."""
    free, pages = (database.execute(f"pragma {n}").fetchone()[0] for n in ("freelist_count", "page_count"))
    if 2 * free >= pages:
        database.execute("vacuum")


def _is_damage(error: sqlite3.Error) -> bool:
    """Return whether *error* says that the file is not one of these stores, or not any more.

    Not that it is in use, may not be written, or that the disk is full.
    """
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF not in _ELSEWHERE


def blob_digest(data: bytes) -> bytes:
    """Return the key of *data* among the blobs."""
    return sha256(data).digest()
