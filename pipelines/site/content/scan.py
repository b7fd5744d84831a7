"""List the files below a directory; refuse those that would be dropped or leaked.

Reads directory entries, and the bytes that read_policy.py checks. No writes, no network.
"""

from __future__ import annotations

import os
import re

from msgspec import Struct, field

from pipelines.core.errors import Fault
from pipelines.site.content.read_policy import CONTENT, EXTRA, THEME, WELL_KNOWN, ReadPolicy, Refusal

_MAX_NAME = 240  # bytes; file systems allow 255, and the suffix .gz must fit
# Files of editors, file managers and Git: ignored even in content/extra.
_EDITOR_FILE = re.compile(r"\.(?:DS_Store|directory|git\w*|#.*|.*\.sw[a-z])|.*~|(?i:(eh)?thumbs\.db)")
# npm packages of a theme.
_NPM_PACKAGES = f"{THEME}/node_modules"


class _Scanner(Struct):
    policy: ReadPolicy
    found: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add_fault(self, path: str, text: str, fix: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
        self.faults.append(Fault(shown, 0, text, fix, "read-policy"))

    def refuse(self, path: str, refusal: Refusal, is_link: bool) -> None:
        link = "is a link that" if is_link else "is below a link and"
        self.add_fault(path, f"{link} {refusal.text}", refusal.fix)

    def is_ignored(self, path: str, name: str) -> bool:
        """Return whether *path* is skipped; in content/extra, add a fault for a hidden file."""
        if _EDITOR_FILE.fullmatch(name) or path == _NPM_PACKAGES:
            return True
        if not name.startswith(".") or path == WELL_KNOWN:
            return False
        if path.startswith(f"{EXTRA}/"):
            self.add_fault(path, "files with a leading dot are not published", "rename it, or remove it")
        return True

    def is_valid_name(self, path: str, name: str) -> bool:
        """Return whether *name* can be part of a URL; add a fault if not."""
        try:
            name.encode()
        except UnicodeEncodeError:
            self.add_fault(path, "its name is not UTF-8", "rename it")
            return False
        if (length := len(os.fsencode(name))) > _MAX_NAME:
            self.add_fault(path, f"its name is too long ({length} bytes)", f"shorten it to {_MAX_NAME}")
            return False
        if re.search(r"[\x00-\x1f\x7f]", name):
            self.add_fault(path, "its name has a control character", "rename it")
            return False
        return True

    def exposes_source(self, path: str, real: str) -> bool:
        """Return whether the link *path* in content/extra leads to *real* in the rest of content/."""
        content, served = (f"{self.policy.project}/{one}/" for one in (CONTENT, EXTRA))
        return path.startswith(f"{EXTRA}/") and real.startswith(content) and not real.startswith(served)

    def may_follow(self, path: str, real: str, parents: frozenset[str]) -> bool:
        """Return whether the symbolic link *path* to *real* may be followed; add a fault if not."""
        if real in parents:
            self.add_fault(path, "is a link to one of its parent directories", "remove it")
        elif refusal := self.policy.check_link(path, real):
            self.refuse(path, refusal, is_link=True)
        elif self.exposes_source(path, real):
            self.add_fault(path, "is a link that would publish a source", "put the file itself here")
        else:
            return True
        return False

    def add_file(self, path: str, real: str, is_link: bool) -> None:
        """Add the file *path* with the resolved path *real*, or its fault."""
        below_link = not is_link and real != f"{self.policy.project}/{path}"
        if below_link and (refusal := self.policy.check_link(path, real)):
            self.refuse(path, refusal, is_link=False)
        elif not os.access(real, os.R_OK):
            self.add_fault(path, "cannot be read (Permission denied)", "make it a readable file")
        elif refusal := self.policy.check_file(path):
            self.add_fault(path, refusal.text, refusal.fix)
        else:
            self.found.append(path)

    def scan_directory(
        self, path: str, real: str, parents: frozenset[str]
    ) -> list[tuple[str, str, frozenset[str]]]:
        """Add the files of the directory *path*; return its subdirectories with their *parents*."""
        directories = []
        try:
            entries = list(os.scandir(real))
        except OSError as error:
            self.add_fault(path, f"cannot be read ({error.strerror})", "make it a readable directory")
            return []
        for entry in entries:
            name, is_link = f"{path}/{entry.name}", entry.is_symlink()
            if self.is_ignored(name, entry.name) or not self.is_valid_name(name, entry.name):
                continue
            inner = os.path.realpath(entry.path) if is_link else f"{real}/{entry.name}"
            if is_link and not self.may_follow(name, inner, parents):
                continue
            if entry.is_dir():
                directories.append((name, inner, parents | {inner}))
            elif not entry.is_file():
                self.add_fault(name, "is not a file or a directory", "remove it")
            else:
                self.add_file(name, inner, is_link)
        return directories


def scan_files(root: str, policy: ReadPolicy) -> tuple[list[str], list[Fault]]:
    """Return every file below *root*, relative to the project and sorted, and the faults.

    Files with a leading dot and those that end in ~ are ignored. In
    content/extra, whose files are published verbatim, a leading dot is a
    fault. Symbolic links are followed where *policy* allows it.
    """
    scanner = _Scanner(policy)
    start = os.path.join(policy.project, root)
    if os.path.islink(start):
        scanner.add_fault(
            root, "is a link: Git has no history of its target", "make it a directory, or a Git submodule"
        )
        return [], scanner.faults
    todo = [(root, start, frozenset({policy.project, start}))]
    while todo:
        todo += scanner.scan_directory(*todo.pop())
    return sorted(scanner.found, key=lambda path: path.split("/")), scanner.faults
