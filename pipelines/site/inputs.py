"""Digest everything that a build reads, to see that nothing of it has changed.

The digest covers the bytes of content/, theme/, site.toml, pelicanconf.py and the modules
that it imports; the values of its settings; Git's history, index and configuration; the
options; the environment. The program and its packages are the version of the cache that
keeps the digest. What cannot be digested makes it unknown, and the build runs: another
plugin of Pelican, a function among its settings (a filter of Jinja, which may read
anything), a symbolic link, a Git submodule, a file that cannot be read.

Reads the project. No writes, no network.
"""

from __future__ import annotations

import os
import stat
import time
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from pipelines.core.config import FILE as CONFIG_FILE
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.site.content.read_policy import CONTENT, ROOTS, THEME
from pipelines.site.pelican.settings_file import has_other_plugins, run_settings_file, settings_files
from pipelines.site.reads import Opaque, digest_value
from pipelines.tools import git_history
from pipelines.tools.git_repository import Repository, find_repository

# Files of npm that fix what node_modules holds, from which a stylesheet may import.
_PACKAGES = ("package-lock.json", "node_modules/.package-lock.json")
# Variables of a shell or a terminal that change from one command to the next.
_VOLATILE = frozenset({"_", "OLDPWD", "SHLVL", "COLUMNS", "LINES"})
# A file that is younger than this when it is read may change again within one tick of its clock.
_YOUNG = 2_500_000_000  # nanoseconds; FAT counts two seconds

_Status = tuple[int, ...]  # what a change of a file changes


class _Unknown(Exception):
    """An input that has no digest."""


class Inputs(Struct, frozen=True):
    """The inputs of one build."""

    digest: str
    files: Mapping[str, str]  # mode and digest of each file, by its path relative to the project
    rest: str  # digest of everything else
    repo: Repository | None  # of the project, with what git has printed of it
    _project: Path
    _git: str
    _statuses: Mapping[str, _Status]
    _missing: Sequence[str]  # paths
    _young: Mapping[str, str]  # what young files and directories held, by path

    def are_current(self) -> bool:
        """Return whether all files and Git's state are still those that were digested."""
        try:
            if any(_status(os.lstat(path)) != status for path, status in self._statuses.items()):
                return False
            if git_history.repository_state(find_repository(self._project), ROOTS) != self._git:
                return False
            if any(os.path.lexists(path) for path in self._missing):
                return False
            return all(_held(path) == held for path, held in self._young.items())
        except (OSError, PipelineError):
            return False


def read_inputs(project: Path, config: SiteConfig, options: str) -> Inputs | None:
    """Return the inputs of a build of *project*; None where one has no digest.

    *options* are those of the build as text.
    """
    repo = find_repository(project)
    git = git_history.repository_state(repo, ROOTS)
    settings = run_settings_file(project)
    if git is None or settings is None or has_other_plugins(settings) or _reads_elsewhere(project, settings):
        return None
    folders = [project / root for root in ROOTS]
    folders += [Path(one) for one in settings.get("THEME_TEMPLATES_OVERRIDES", ())]
    beside = [project / CONFIG_FILE, *(project / name for name in _PACKAGES), *settings_files(project)]
    beside += _zones(config.timezone, str(settings.get("TIMEZONE") or ""))
    files = _Files()
    try:
        values = digest_value(dict(sorted(settings.items())), _class_name)
        files.read(project, folders, beside)
    except (_Unknown, Opaque, OSError):
        return None
    environment = sorted((key, value) for key, value in os.environ.items() if key not in _VOLATILE)
    rest = repr((config, options, values, git, environment, os.getcwd(), os.geteuid()))
    parts = "\0".join([*sorted(files.others), rest])
    other = sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()
    digest = f"{files.digest()} {other}"
    return Inputs(digest, files.found, other, repo, project, git, files.statuses, files.missing, files.young)


class _Files:
    """Files that are read, with their status before that."""

    def __init__(self) -> None:
        self.statuses: dict[str, _Status] = {}
        self.missing: list[str] = []
        self.young: dict[str, str] = {}  # what they hold, by path
        self.found: dict[str, str] = {}  # mode and digest of each file, by name
        self.others: list[str] = []  # directories, and files that are missing
        self._oldest = time.time_ns() - _YOUNG

    def digest(self) -> str:
        """Return the digest of the files that were read."""
        rows = "\0".join(f"{name}\0{held}" for name, held in sorted(self.found.items()))
        return sha256(rows.encode("utf-8", "surrogateescape")).hexdigest()

    def read(self, project: Path, folders: Sequence[Path], files: Sequence[Path]) -> None:
        """Read all files in *folders*, and *files*; raise _Unknown, or OSError."""
        for file in files:
            try:
                found = os.lstat(file)
            except (FileNotFoundError, NotADirectoryError):
                self._add_missing(project, str(file))
                continue
            self._add(project, str(file), found)
        todo = [str(folder) for folder in folders]
        while todo:
            folder = todo.pop()
            try:
                found = os.lstat(folder)
            except FileNotFoundError:
                self._add_missing(project, folder)
                continue
            if not stat.S_ISDIR(found.st_mode):
                raise _Unknown(folder)
            with os.scandir(folder) as scan:
                entries = list(scan)
            self._note(folder, found, _names(entry.name for entry in entries))
            for entry in entries:
                if entry.name == ".git":  # of another repository
                    raise _Unknown(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                    self.others.append(f"{_name(project, entry.path)}\0directory")
                else:
                    self._add(project, entry.path, entry.stat(follow_symlinks=False))

    def _add_missing(self, project: Path, path: str) -> None:
        self.missing.append(path)
        self.others.append(f"{_name(project, path)}\0missing")

    def _add(self, project: Path, path: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise _Unknown(path)
        digest = _file_digest(path)
        self._note(path, found, digest)
        self.found[_name(project, path)] = f"{found.st_mode} {digest}"

    def _note(self, path: str, found: os.stat_result, held: str) -> None:
        self.statuses[path] = _status(found)
        if max(found.st_mtime_ns, found.st_ctime_ns) >= self._oldest:
            self.young[path] = held


def _held(path: str) -> str:
    """Return what the file or directory *path* holds now, as ``_Files`` notes it; raise OSError."""
    return _names(os.listdir(path)) if os.path.isdir(path) else _file_digest(path)


def _file_digest(path: str) -> str:
    with open(path, "rb") as stream:
        return sha256(stream.read()).hexdigest()


def _names(names: Iterable[str]) -> str:
    return "/".join(sorted(names))


def _status(found: os.stat_result) -> _Status:
    return (found.st_ino, found.st_dev, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _name(project: Path, path: str) -> str:
    """Return *path* relative to *project*, so that the digest holds for a project that was moved."""
    return path.removeprefix(f"{project}/")


def _reads_elsewhere(project: Path, settings: Mapping[str, Any]) -> bool:
    """Return whether Pelican looks for content or a theme outside of content/ and theme/."""
    expected = {"PATH": project / CONTENT, "THEME": project / THEME}
    return any(
        os.path.normpath(project / str(settings.get(key, folder))) != str(folder)
        for key, folder in expected.items()
    )


def _zones(*names: str) -> Iterator[Path]:
    """Yield the file of each time zone, where the system has one; a package has a version."""
    for name in names:
        for folder in zoneinfo.TZPATH if name else ():
            if (file := Path(folder, name).resolve()).is_file():
                yield file
                break


def _class_name(value: object) -> bytes | None:
    """Return the name of a class of this program or of Pelican, whose code has a version."""
    if isinstance(value, type) and value.__module__.split(".")[0] in ("pipelines", "pelican", "jinja2"):
        return f"{value.__module__}.{value.__qualname__}".encode()
    return None
