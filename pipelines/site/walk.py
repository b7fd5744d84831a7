"""Find the files below a folder, and refuse what would vanish or leak without a word.

Reads names, not contents. No writes, no network.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipelines.errors import Fault

# In the folder of files that are copied as they are, this is the one name with a dot that is meant.
_WELL_KNOWN = ".well-known"
_LONGEST = 240  # bytes of a name; file systems take 255, and .gz must fit
# What editors, file managers and Git leave behind; anywhere else every name with a dot is left out.
_LITTER = re.compile(r"\.(?:DS_Store|directory|git\w*|#.*|.*\.sw[a-z])|.*~")


@dataclass(slots=True)
class _Walk:
    home: str  # the project, without symbolic links
    verbatim: str  # the folder of files that are copied as they are, relative to the project
    closed: str  # the folder that no link from outside of it may open
    found: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, path: str, text: str, remedy: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
        self.faults.append(Fault(shown, 0, text, remedy))

    def left_out(self, path: str, name: str) -> bool:
        """Say whether *path* is not read; blame it where its author would miss it."""
        if not name.startswith(".") and not name.endswith("~"):
            return False
        if not path.startswith(f"{self.verbatim}/") or _LITTER.fullmatch(name):
            return True
        if path == f"{self.verbatim}/{_WELL_KNOWN}":
            return False
        self.blame(path, "a name with a dot in front is not published", "rename it, or remove it")
        return True

    def sound(self, path: str, name: str) -> bool:
        """Blame a name that no link and no message can hold."""
        try:
            name.encode()
        except UnicodeEncodeError:
            self.blame(path, "its name is not UTF-8", "rename it")
            return False
        if (length := len(os.fsencode(name))) > _LONGEST:
            self.blame(path, f"its name is too long ({length} bytes)", f"shorten it to {_LONGEST}")
            return False
        if re.search(r"[\x00-\x1f\x7f]", name):
            self.blame(path, "its name holds a control character", "rename it")
            return False
        return True

    def target(self, path: str, above: frozenset[str]) -> str:
        """Return where the symbolic link *path* leads, or "" and blame it."""
        real = os.path.realpath(os.path.join(self.home, path))
        inside = os.path.relpath(real, self.home)
        if inside.startswith(".."):
            self.blame(path, "is a link that leads out of the project", "put the file itself here")
        elif not os.path.exists(real):
            self.blame(path, "is a link that leads nowhere", "mend it, or remove it")
        elif real in above:
            self.blame(path, "is a link to a folder that it lies in", "remove it")
        elif any(part.startswith(".") for part in inside.split("/")):
            self.blame(path, f"is a link to {inside}, which is hidden", "put the file itself here")
        else:
            return real
        return ""

    def opens(self, path: str, real: str) -> bool:
        """Say whether the link *path* lies among what is served as it is, and leads to what is not."""
        sources = f"{self.home}/{os.path.dirname(self.verbatim)}/"
        served = f"{self.home}/{self.verbatim}/"
        if not path.startswith(f"{self.verbatim}/"):
            return False
        return f"{real}/".startswith(sources) and not real.startswith(served)

    def look(self, path: str, real: str, above: frozenset[str]) -> list[tuple[str, str, frozenset[str]]]:
        """Take the files of the folder *path*; return the folders in it. *above* are those around it."""
        folders = []
        try:
            entries = list(os.scandir(os.path.join(self.home, path)))
        except OSError as error:
            self.blame(path, f"cannot be read ({error.strerror})", "make it a folder that you may read")
            return []
        for entry in entries:
            name = f"{path}/{entry.name}"
            if self.left_out(name, entry.name) or not self.sound(name, entry.name):
                continue
            inner = self.target(name, above) if entry.is_symlink() else f"{real}/{entry.name}"
            closed = f"{self.home}/{self.closed}"
            if f"{inner}/".startswith(f"{closed}/") and not f"{name}/".startswith(f"{self.closed}/"):
                self.blame(name, f"is a link into {self.closed}", "put the page that needs it there too")
            elif inner and entry.is_symlink() and self.opens(name, inner):
                self.blame(name, "is a link that would publish a source", "put the file itself here")
            elif inner and entry.is_dir():
                folders.append((name, inner, above | {inner}))
            elif inner and not entry.is_file():
                self.blame(name, "is neither a file nor a folder", "remove it")
            elif inner and not os.access(inner, os.R_OK):
                self.blame(name, "cannot be read (Permission denied)", "make it a file that you may read")
            elif inner:
                self.found.append(name)
        return folders


def below(project: Path, root: str, verbatim: str, closed: str) -> tuple[list[str], list[Fault]]:
    """Return every file below *root*, relative to *project* and sorted, and what is wrong.

    Left out are names with a dot in front and those that end in ~. In the
    folder *verbatim* such a name is a fault, since its files are meant to be
    served as they are. Symbolic links may lead to anything of the project but
    what is hidden, and into the folder *closed* only from inside of it.
    """
    home = os.path.realpath(project)
    walk = _Walk(home, verbatim, closed)
    start = os.path.join(home, root)
    if os.path.islink(start):
        start = walk.target(root, frozenset({home}))
    todo = [(root, start, frozenset({home, start}))] if start else []
    while todo:
        todo += walk.look(*todo.pop())
    return sorted(walk.found, key=lambda path: PurePosixPath(path).parts), walk.faults
