"""Read when each file last changed, and which files Git tracks.

Reads the repository through GitPython. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipelines.tools.git import cut_commits, git, open_repository


@dataclass(frozen=True, slots=True)
class Change:
    """The newest commit that changed the content of a file."""

    time: int  # committer's time, seconds since 1970
    is_cut: bool  # by a shallow clone: the real change may be older
    is_added: bool  # the commit added the file: unchanged since


Changes = list[tuple[str, Change]]  # by path, in the order of the log


@dataclass(frozen=True, slots=True)
class Index:
    """The files that Git tracks below some directories of the project, submodules included."""

    tracked: frozenset[str]  # files, relative to the project
    missing: tuple[str, ...]  # submodules that are not fetched, relative to the project


@dataclass(frozen=True, slots=True)
class History:
    """The history of a repository that a build needs."""

    head_time: int  # seconds since 1970
    shallow: bool
    changes: Mapping[str, Change]  # by path relative to the project
    index: Index = Index(frozenset(), ())


def _compute(_state: str, compute: Callable[[], Changes]) -> Changes:
    return compute()


def read_history(
    project: Path,
    folder: str,
    others: Sequence[str] = (),
    cached: Callable[[str, Callable[[], Changes]], Changes] = _compute,
) -> History | None:
    """Read the history of *folder* below *project*; None without Git or without a commit.

    *cached* may return what an earlier call computed for an equal state of the repository.

    A pure rename is not a change of the file. A file of a submodule changed when a
    commit of the submodule changed it. The index covers *folder* and *others*.
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, prefix = found
        index, modules = _index(repo, prefix, (folder, *others))
        cut = cut_commits(repo)
        state = f"{folder} {_log_state(repo, prefix)}"
        changes = dict(cached(state, lambda: _changes(repo, prefix, folder, cut)))
        for name in modules:
            if name == folder or name.startswith(f"{folder}/"):
                with git.Repo(project / name) as module:
                    inner = _changes(module, "", "", cut_commits(module))
                    changes |= {f"{name}/{path}": change for path, change in inner}
        return History(repo.head.commit.committed_date, bool(cut), changes, index)


def repository_state(project: Path, folders: Sequence[str]) -> str | None:
    """Return a digest of everything that ``read_history`` of *folders* depends on; None with submodules.

    "" without Git or without a commit.
    """
    with open_repository(project) as found:
        if found is None:
            return ""
        repo, prefix = found
        index = str(repo.git.ls_files("-z", "--stage", "--", *_literal(prefix, folders)))
        if re.search(r"(?:^|\0)160000 ", index):
            return None
        return sha256(f"{_log_state(repo, prefix)}\0{index}".encode("utf-8", "surrogateescape")).hexdigest()


def _log_state(repo: git.Repo, prefix: str) -> str:
    """Return what a log of the repository depends on: commits, grafts, replacements, configuration."""
    grafts = Path(repo.common_dir) / "info" / "grafts"
    parts = [
        repo.head.commit.hexsha,
        prefix,
        *sorted(cut_commits(repo)),
        grafts.read_text("utf-8", "surrogateescape") if grafts.exists() else "",
        repo.git.for_each_ref("--format=%(refname) %(objectname)", "refs/replace"),
        repo.git.config("--list", "-z"),
        repr(sorted(item for item in os.environ.items() if item[0].startswith("GIT_"))),
        repr(repo.git.version_info),
    ]
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _literal(prefix: str, folders: Sequence[str]) -> list[str]:
    """Return *folders* as patterns of Git that match only themselves."""
    return [f":(literal){prefix}{folder}" for folder in folders]


def read_index(project: Path, folders: Sequence[str]) -> Index | None:
    """Read the tracked files below *folders* of *project*; None without Git or without a commit."""
    with open_repository(project) as found:
        return _index(found[0], found[1], folders)[0] if found else None


def _index(repo: git.Repo, prefix: str, folders: Sequence[str]) -> tuple[Index, list[str]]:
    """Return the index below *folders*, and the fetched submodules there."""
    tracked: set[str] = set()
    fetched: list[str] = []
    missing: list[str] = []

    def read(one: git.Repo, inner: str, paths: Sequence[str]) -> None:
        for record in one.git.ls_files("-z", "--stage", "--", *paths).split("\0"):
            head, _, name = record.partition("\t")
            path = (inner + name).removeprefix(prefix)
            if not head.startswith("160000 "):  # the mode of a submodule; gitformat-index(5)
                tracked.update([path] if name else [])
                continue
            try:
                # The directory of a submodule that is not fetched belongs to the outer repository.
                with git.Repo(Path(one.working_dir) / name) as module:
                    module.head.commit.hexsha  # noqa: B018  # lazy: fails here without a commit
                    fetched.append(path)
                    read(module, f"{inner}{name}/", ())
            except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
                missing.append(path)

    read(repo, "", _literal(prefix, folders))
    return Index(frozenset(tracked), tuple(sorted(missing))), sorted(fetched)


def _changes(repo: git.Repo, prefix: str, folder: str, cut: frozenset[str]) -> Changes:
    """Return the newest change of each file below *folder* ("" for all), in the order of the log."""
    log = repo.git.log(
        "-z", "--name-status", "-M100%", "--no-show-signature", "--format=%x01%H %ct",
        "HEAD", "--", *([prefix + folder] if prefix + folder else []),
    )  # fmt: skip
    return _parse_log(log, prefix, cut)


def _parse_log(log: str, prefix: str, cut: frozenset[str]) -> Changes:
    found: dict[str, Change] = {}
    renamed: dict[str, str] = {}  # an old name -> the current name of the file
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
                renamed.setdefault(name, renamed.get(new, new))
            else:
                change = Change(int(seconds), is_cut=commit in cut, is_added=status == "A")
                found.setdefault(renamed.get(name, name), change)
    return [(name.removeprefix(prefix), change) for name, change in found.items()]
