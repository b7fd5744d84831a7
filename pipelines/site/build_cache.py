"""Open the cache of a project's builds: out/cache, and out/bytecode.

Reads the code of this program and the names of installed packages. Reads and writes
both directories. No network.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.site import bytecode
from pipelines.site.bytecode import BytecodeFolder
from pipelines.site.cache import Cache, cache_key
from pipelines.site.store import FileStore

FOLDER = "cache"  # in out/
_CODE = Path(__file__).resolve().parent.parent  # the package pipelines
_PARTS = ("core", "site", "tools")  # what a build runs


@contextmanager
def open_build_cache(out: Path, warn: Callable[[str], None]) -> Iterator[Cache]:
    """Open the cache in the directory *out*; *warn* gets one line if it cannot be used."""
    version = program_version()
    store = FileStore(out / FOLDER, version, warn)
    try:
        yield Cache(store, BytecodeFolder(out / bytecode.FOLDER, version))
    finally:
        store.close()


def program_version() -> str:
    """Return a digest of everything that turns a source into a page: code, Python, installed packages."""
    parts: list[str | bytes] = [sys.version, sys.platform]
    for path in sorted(path for part in _PARTS for path in _files(_CODE / part)):
        with open(path, "rb") as file:
            parts += [path.removeprefix(f"{_CODE}/"), file.read()]
    for folder in sys.path:
        packages = Path(folder)
        if packages.is_dir():
            parts += sorted(one.name for one in packages.glob("*.dist-info"))
    return cache_key(*parts)


def _files(folder: Path) -> Iterator[str]:
    """Yield the path of each file in *folder*, but Python's bytecode and links to nothing (Emacs' locks)."""
    for parent, _, names in os.walk(folder):
        paths = (f"{parent}/{name}" for name in names if not name.endswith(".pyc"))
        yield from filter(os.path.isfile, paths)
