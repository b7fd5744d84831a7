"""Run git in a repository, for what every build reads: importing GitPython would take longer than that.

Reads the repository through git. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from pipelines.core.errors import ToolError
from pipelines.tools.shell import find_program, run_program

_TIMEOUT = 600  # seconds; the log of a large repository takes a few
_ENVIRONMENT = {"LANGUAGE": "C", "LC_ALL": "C"}  # messages in English, as GitPython has them


@dataclass(frozen=True)
class Repository:
    """A repository with a commit that is checked out."""

    top: Path  # its working tree
    prefix: str  # of the project in it: "" or "path/"
    head: str  # the commit that is checked out, as hex digits
    common: Path  # its directory of references and configuration
    _printed: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False)

    def ask(self, *arguments: str) -> str:
        """Return what git prints for *arguments*, or has printed when this was asked before."""
        if arguments not in self._printed:
            self._printed[arguments] = self.run(*arguments)
        return self._printed[arguments]

    def run(self, *arguments: str) -> str:
        """Return what git prints for *arguments*, without its last line break; raises ToolError."""
        return _run(self.top, arguments)

    @cached_property
    def cut_commits(self) -> frozenset[str]:
        """The commits whose parents a shallow clone does not have."""
        shallow = self.common / "shallow"
        return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def find_repository(project: Path) -> Repository | None:
    """Return the repository that contains *project*; None without one, or without a commit that has it.

    Raises ToolError where git is missing or refuses the repository.
    """
    project = project.resolve()
    top = next((one for one in (project, *project.parents) if _has_repository(one)), None)
    if top is None:
        return None
    prefix = "" if top == project else f"{project.relative_to(top).as_posix()}/"
    found = open_repository(top, prefix)
    if found is None or (prefix and not found.run("ls-tree", "-d", "HEAD", prefix.rstrip("/"))):
        return None  # the project is a directory in another checkout
    return found


def open_repository(top: Path, prefix: str = "") -> Repository | None:
    """Return the repository whose working tree is *top*; None without one, or without a commit."""
    if not _has_repository(top):
        return None
    output = _run(top, ("rev-parse", "--git-common-dir", "-q", "--verify", "HEAD"), statuses=(0, 1))
    common, _, head = output.rpartition("\n")
    return Repository(top, prefix, head, top / common) if common else None


@lru_cache(maxsize=1)
def git_version() -> str:
    """Return the version of git."""
    return _run(Path(), ("version",))


def _has_repository(folder: Path) -> bool:
    """Return whether *folder* is the top of a working tree (gitrepository-layout)."""
    git = folder / ".git"
    return git.is_file() or ((git / "HEAD").exists() and (git / "objects").is_dir())


def _run(folder: Path, arguments: Collection[str], statuses: Collection[int] = (0,)) -> str:
    if find_program("git") is None:
        raise ToolError("git is not installed, or not on PATH; install it")
    output = run_program(
        ["git", *arguments], timeout=_TIMEOUT, env=_ENVIRONMENT, cwd=folder, statuses=statuses
    )
    return output.removesuffix(b"\n").decode("utf-8", "surrogateescape")
