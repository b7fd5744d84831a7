"""What Git knows about the tree: the time of HEAD, and when each file last changed.

Reads the repository through GitPython, in one pass. Writes nothing, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import git

from pipelines.errors import ToolError


@dataclass(frozen=True, slots=True)
class Change:
    """The newest commit that changed the content of a file."""

    time: int  # committer's time, seconds since 1970
    lies: bool  # the history was cut here, so that the true change may be older
    added: bool  # the commit that brought the file: nothing changed since


@dataclass(frozen=True, slots=True)
class History:
    """A repository as far as a build needs it."""

    head_time: int  # seconds since 1970
    shallow: bool
    changes: Mapping[str, Change]  # by path relative to the project


def history(project: Path, folder: str) -> History | None:
    """Read the history of *folder* below *project*; None without Git or without a commit.

    A commit that only renames a file does not count as a change of it.
    """
    try:
        repo = git.Repo(project, search_parent_directories=True)
        head = repo.head.commit
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
        return None
    except git.GitCommandNotFound:
        raise ToolError("git: not installed, and this tree has a history; install git") from None
    with repo:
        top = Path(repo.working_tree_dir or project).resolve()
        prefix = project.resolve().relative_to(top).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        if not _holds(repo, prefix):  # a folder inside somebody else's checkout
            return None
        cut = _cut_commits(repo)
        log = repo.git.log(
            "-z", "--name-status", "-M100%", "--no-show-signature", "--format=%x01%H %ct",
            "HEAD", "--", prefix + folder,
        )  # fmt: skip
        return History(head.committed_date, bool(cut), dict(_newest(log, prefix, cut)))


def _holds(repo: git.Repo, prefix: str) -> bool:
    return not prefix or bool(repo.git.ls_tree("-d", "HEAD", prefix.rstrip("/")))


def _cut_commits(repo: git.Repo) -> frozenset[str]:
    """Return the commits whose parents a shallow clone does not have."""
    shallow = Path(repo.common_dir) / "shallow"
    return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def _newest(log: str, prefix: str, cut: frozenset[str]) -> list[tuple[str, Change]]:
    found: dict[str, Change] = {}
    later: dict[str, str] = {}  # an old name -> the name that the file has today
    for record in log.split("\x01")[1:]:
        head, _, rest = record.partition("\0")
        commit, _, seconds = head.strip().partition(" ")
        fields = iter(rest.strip("\n").split("\0"))
        for status in fields:
            status = status.strip("\n")
            if not status:
                continue
            name = next(fields)
            if status.startswith("R"):
                new = next(fields)
                later.setdefault(name, later.get(new, new))
            else:
                change = Change(int(seconds), lies=commit in cut, added=status == "A")
                found.setdefault(later.get(name, name), change)
    return [(name.removeprefix(prefix), change) for name, change in found.items()]
