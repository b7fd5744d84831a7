"""Keep compiled templates in out/bytecode, for later builds of this user on this machine.

They are code, as Python's own __pycache__ is: a directory or a file that another user may
write is not read, and nothing here is for another machine, unlike out/cache. A file is read
only if it begins with the digest of its key and its code.

Reads and writes that directory. No network.
"""

from __future__ import annotations

import marshal
import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import CodeType

from pipelines.core.files import write_atomic

FOLDER = "bytecode"  # in out/
_SIZE = sha256().digest_size


class BytecodeFolder:
    """Compiled templates, one file for each path of a template."""

    def __init__(self, folder: Path, version: str) -> None:
        """*version* is a digest of the program, Python and the installed packages."""
        self._folder, self._version = folder, version

    def find(self, template: str, key: str) -> CodeType | None:
        """Return the code of *template*, a path, that was stored under *key*; None without it."""
        with suppress(OSError):
            data = self._read(self._path(template))
            code = data[_SIZE:]
            if data[:_SIZE] == self._digest(key, code):
                found = marshal.loads(code)
                return found if isinstance(found, CodeType) else None
        return None

    def store(self, template: str, key: str, code: CodeType) -> None:
        """Store *code* under *key*; without effect where that is impossible."""
        data = marshal.dumps(code)
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _check_owner(os.lstat(self._folder), stat.S_IFDIR)
            write_atomic(self._path(template), self._digest(key, data) + data, mode=0o600)

    def _path(self, template: str) -> Path:
        return self._folder / sha256(template.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def _digest(self, key: str, code: bytes) -> bytes:
        return sha256(f"{self._version}\0{key}\0".encode() + code).digest()

    def _read(self, path: Path) -> bytes:
        """Return the bytes of *path*; raise OSError where another user may have written it."""
        _check_owner(os.lstat(self._folder), stat.S_IFDIR)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            _check_owner(os.fstat(descriptor), stat.S_IFREG)
            return file.read()


def _check_owner(found: os.stat_result, kind: int) -> None:
    if stat.S_IFMT(found.st_mode) != kind or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError
