"""The tree that a build writes into its staging directory, file by file.

Begins with what is in that directory, a spare tree (see spare_tree.py) or nothing: a file
that is there already stays, one of the last site is linked, and others are written. What
the build does not name is removed in the end, so that the tree is that of a build into an
empty directory, with its modes and mtimes.

Writes the staging directory; reads the site of the last build to link its files. No network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.core.digests import TreeDigest, digest_of_facts, mtime, normalize_directory
from pipelines.site.output import spare_tree
from pipelines.site.output.directory_swap import RECORD
from pipelines.site.output.listing import expected_listing
from pipelines.site.output.spare_tree import FoundTree
from pipelines.site.output.tree import FileFacts, link_unchanged, write_normalized


class StagedTree:
    """The files of a site in a staging directory, by path: "public/index.html"."""

    def __init__(self, root: Path, last: Path, found: FoundTree | None = None) -> None:
        """Begin with *found*, what is in *root*; *last* is the site of the last build."""
        self.root, self._last = root, last
        self._files: dict[str, FileFacts] = {}
        found = found or spare_tree.read(root)
        self._spare = found.files  # files that the build has not named yet
        self._directories = found.directories  # that exist -> they are normalized
        self._used: set[str] = set()  # directories of the tree
        self._kept: set[str] = set()  # files that were there already

    def __contains__(self, path: str) -> bool:
        return path in self._files

    @property
    def files(self) -> Mapping[str, FileFacts]:
        """The files of the tree, by path."""
        return self._files

    def keep(self, path: str, facts: FileFacts) -> bool:
        """Return whether the file *path* is there, or is linked from the last site now."""
        spare = self._spare.get(path)
        if spare == (facts.size, mtime(facts.sha256) * 10**9):
            self._kept.add(path)
            return True
        parent = path.rpartition("/")[0]
        if spare is None:
            self._make_way(path)
            self._make_directory(parent)
        else:
            os.unlink(f"{self.root}/{path}")
            del self._spare[path]
            self._change(parent)
        return link_unchanged(f"{self._last}/{path}", f"{self.root}/{path}", facts)

    def write(self, path: str, data: bytes) -> None:
        """Add the file *path* with *data*; raise FileExistsError where the tree has that path."""
        self._check(path)
        facts = FileFacts(hashlib.sha256(data).digest(), len(data))
        if not self.keep(path, facts):
            write_normalized(f"{self.root}/{path}", data, facts.sha256)
        self.add(path, facts)

    def add(self, path: str, facts: FileFacts) -> None:
        """Add the file *path*, which is in its place; raise FileExistsError where the tree has that path."""
        self._check(path)
        self._files[path] = facts
        self._spare.pop(path, None)
        parent = path.rpartition("/")[0]
        self._use(parent)
        if path not in self._kept:
            self._change(parent)

    def discard(self, path: str) -> None:
        """Forget the file *path*, which ``keep`` has found: another one takes its place."""
        self._kept.discard(path)

    def prepare(self, paths: Iterable[str]) -> None:
        """Clear the way for the files *paths*, which other processes write."""
        for path in paths:
            self._make_way(path)

    def use_directory(self, path: str) -> None:
        """Add the directory *path*, even if it stays empty."""
        self._make_way(f"{path}/file")
        self._make_directory(path)
        self._use(path)

    def finish(self) -> TreeDigest:
        """Remove what the build did not name, normalize the directories; return the digest of the tree."""
        for path in self._spare:
            os.unlink(f"{self.root}/{path}")
            self._change(path.rpartition("/")[0])
        for path in sorted(self._directories.keys() - self._used, reverse=True):  # the inner ones first
            os.rmdir(f"{self.root}/{path}")
            self._change(path.rpartition("/")[0])
        for path in self._used:
            if not self._directories.get(path):
                normalize_directory(self.root / path)
        return digest_of_facts(self._files)

    def listing(self, record: str) -> bytes:
        """Return the digest of the finished tree (see listing.py) with *record*, the result of the build."""
        data = record.encode()
        facts = FileFacts(hashlib.sha256(data).digest(), len(data))
        return expected_listing({**self._files, RECORD: facts}, self._used)

    def _check(self, path: str) -> None:
        """Raise FileExistsError where *path* is a file or a directory of the tree, or is below a file."""
        if path in self._files or path in self._used:
            raise FileExistsError(f"two files of the site have the path {path}")
        parent = path.rpartition("/")[0]
        while parent and parent not in self._used:
            if parent in self._files:
                raise FileExistsError(f"{path} is below a file of the site")
            parent = parent.rpartition("/")[0]

    def _make_way(self, path: str) -> None:
        """Remove what is in the way of the file *path*: a directory there, a file above it."""
        if path in self._directories and path not in self._used:
            shutil.rmtree(self.root / path)
            for one in [one for one in self._directories if f"{one}/".startswith(f"{path}/")]:
                del self._directories[one]
            self._spare = {one: at for one, at in self._spare.items() if not one.startswith(f"{path}/")}
            self._change(path.rpartition("/")[0])
        parent = path.rpartition("/")[0]
        while parent and parent not in self._directories:
            above = parent.rpartition("/")[0]
            if self._spare.pop(parent, None):
                os.unlink(f"{self.root}/{parent}")
                self._change(above)
            parent = above

    def _make_directory(self, path: str) -> None:
        if path and path not in self._directories:
            above = path.rpartition("/")[0]
            self._make_directory(above)
            os.makedirs(f"{self.root}/{path}", exist_ok=True)  # another process may have made it
            self._change(path)
            self._change(above)

    def _use(self, path: str) -> None:
        """Note that *path* is a directory of the tree, and those above it."""
        while path and path not in self._used:
            self._used.add(path)
            if path not in self._directories:  # another process has made it
                self._change(path)
                self._change(path.rpartition("/")[0])
            path = path.rpartition("/")[0]

    def _change(self, path: str) -> None:
        """Note that the directory *path* exists, and has other entries than before."""
        if path:
            self._directories[path] = False
