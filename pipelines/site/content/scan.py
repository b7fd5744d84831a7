"""Find the files below a folder, and refuse what would vanish or leak without a word.

Reads names, and of files what pipelines/site/content/read_policy.py looks at. No writes, no network.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pipelines.core.errors import Fault
from pipelines.site.content.read_policy import CONTENT, EXTRA, THEME, WELL_KNOWN, ReadPolicy, Refusal

_MAX_NAME = 240  # bytes of a name; file systems take 255, and .gz must fit
# What editors, file managers and Git leave behind; anywhere else every name with a dot is left out.
_EDITOR_FILE = re.compile(r"\.(?:DS_Store|directory|git\w*|#.*|.*\.sw[a-z])|.*~|(?i:(eh)?thumbs\.db)")
# Packages of npm, which a theme may have beside its own files.
_NPM_PACKAGES = f"{THEME}/node_modules"


@dataclass(slots=True)
class _Scanner:
    policy: ReadPolicy
    found: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add_fault(self, path: str, text: str, fix: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
        self.faults.append(Fault(shown, 0, text, fix))

    def refuse(self, path: str, refusal: Refusal, is_link: bool) -> None:
        link = "is a link that" if is_link else "lies behind a link and"
        self.add_fault(path, f"{link} {refusal.text}", refusal.fix)

    def left_out(self, path: str, name: str) -> bool:
        """Say whether *path* is not read; blame it where its author would miss it."""
        if _EDITOR_FILE.fullmatch(name) or path == _NPM_PACKAGES:
            return True
        if not name.startswith(".") or path == WELL_KNOWN:
            return False
        if path.startswith(f"{EXTRA}/"):
            self.add_fault(path, "a name with a dot in front is not published", "rename it, or remove it")
        return True

    def sound(self, path: str, name: str) -> bool:
        """Blame a name that no link and no message can hold."""
        try:
            name.encode()
        except UnicodeEncodeError:
            self.add_fault(path, "its name is not UTF-8", "rename it")
            return False
        if (length := len(os.fsencode(name))) > _MAX_NAME:
            self.add_fault(path, f"its name is too long ({length} bytes)", f"shorten it to {_MAX_NAME}")
            return False
        if re.search(r"[\x00-\x1f\x7f]", name):
            self.add_fault(path, "its name holds a control character", "rename it")
            return False
        return True

    def publishes_a_source(self, path: str, real: str) -> bool:
        """Say whether the link *path* lies among what is served as it is, and leads to what is not."""
        content, served = (f"{self.policy.project}/{one}/" for one in (CONTENT, EXTRA))
        return path.startswith(f"{EXTRA}/") and real.startswith(content) and not real.startswith(served)

    def admits_link(self, path: str, real: str, above: frozenset[str]) -> bool:
        """Say whether the symbolic link *path* to *real* may be followed; blame it if not."""
        if real in above:
            self.add_fault(path, "is a link to a folder that it lies in", "remove it")
        elif refusal := self.policy.check_link(path, real):
            self.refuse(path, refusal, is_link=True)
        elif self.publishes_a_source(path, real):
            self.add_fault(path, "is a link that would publish a source", "put the file itself here")
        else:
            return True
        return False

    def take(self, path: str, real: str, is_link: bool) -> None:
        """Add the file *path*, which is *real* without symbolic links, or blame it."""
        behind = not is_link and real != f"{self.policy.project}/{path}"
        if behind and (refusal := self.policy.check_link(path, real)):
            self.refuse(path, refusal, is_link=False)
        elif not os.access(real, os.R_OK):
            self.add_fault(path, "cannot be read (Permission denied)", "make it a file that you may read")
        elif refusal := self.policy.check_file(path):
            self.add_fault(path, refusal.text, refusal.fix)
        else:
            self.found.append(path)

    def look(self, path: str, real: str, above: frozenset[str]) -> list[tuple[str, str, frozenset[str]]]:
        """Take the files of the folder *path*; return the folders in it. *above* are those around it."""
        folders = []
        try:
            entries = list(os.scandir(real))
        except OSError as error:
            self.add_fault(path, f"cannot be read ({error.strerror})", "make it a folder that you may read")
            return []
        for entry in entries:
            name, is_link = f"{path}/{entry.name}", entry.is_symlink()
            if self.left_out(name, entry.name) or not self.sound(name, entry.name):
                continue
            inner = os.path.realpath(entry.path) if is_link else f"{real}/{entry.name}"
            if is_link and not self.admits_link(name, inner, above):
                continue
            if entry.is_dir():
                folders.append((name, inner, above | {inner}))
            elif not entry.is_file():
                self.add_fault(name, "is neither a file nor a folder", "remove it")
            else:
                self.take(name, inner, is_link)
        return folders


def scan_files(root: str, policy: ReadPolicy) -> tuple[list[str], list[Fault]]:
    """Return every file below *root*, relative to the project and sorted, and what is wrong.

    Left out are names with a dot in front and those that end in ~. In
    content/extra such a name is a fault, since its files are meant to be served
    as they are. Symbolic links lead to what *policy* admits.
    """
    walk = _Scanner(policy)
    start = os.path.join(policy.project, root)
    if os.path.islink(start):
        walk.add_fault(
            root, "is a link, and Git has no history behind it", "make it a folder, or a Git submodule"
        )
        return [], walk.faults
    todo = [(root, start, frozenset({policy.project, start}))]
    while todo:
        todo += walk.look(*todo.pop())
    return sorted(walk.found, key=lambda path: PurePosixPath(path).parts), walk.faults
