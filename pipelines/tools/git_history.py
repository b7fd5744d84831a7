"""Read when each file last changed, which files Git tracks, and the time of HEAD.

Reads the repository through git. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipelines.tools.git_repository import Repository, find_repository, git_version, open_repository


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
    repo = find_repository(project)
    if repo is None:
        return None
    index, modules = _index(repo, (folder, *others))
    state = f"{folder} {_log_state(repo)}"
    changes = dict(cached(state, lambda: _changes(repo, folder)))
    for name, module in modules.items():
        if name == folder or name.startswith(f"{folder}/"):
            changes |= {f"{name}/{path}": change for path, change in _changes(module, "")}
    return History(_commit_time(repo), bool(repo.cut_commits), changes, index)


def read_head_time(project: Path, trailer: str) -> tuple[int, tuple[str, ...]] | None:
    """Return the committer's time of HEAD, seconds since 1970, and the values of its trailer *trailer*.

    None without Git or without a commit. The trailers are read by Git's rules, without
    the user's configuration of them (git-interpret-trailers).
    """
    repo = find_repository(project)
    if repo is None:
        return None
    form = f"--format=%ct%n%(trailers:key={trailer},valueonly,unfold)"
    output = repo.run("-c", "trailer.separators=:", "log", "-1", "--no-show-signature", form, "HEAD")
    time, *values = output.splitlines()
    return int(time), tuple(value.strip() for value in values if value.strip())


def repository_state(project: Path, folders: Sequence[str]) -> str | None:
    """Return a digest of everything that ``read_history`` of *folders* depends on; None with submodules.

    "" without Git or without a commit.
    """
    repo = find_repository(project)
    if repo is None:
        return ""
    index = repo.run("ls-files", "-z", "--stage", "--", *_literal(repo, folders))
    if re.search(r"(?:^|\0)160000 ", index):
        return None
    return sha256(f"{_log_state(repo)}\0{index}".encode("utf-8", "surrogateescape")).hexdigest()


def _log_state(repo: Repository) -> str:
    """Return what a log of the repository depends on: commits, grafts, replacements, configuration."""
    grafts = repo.common / "info" / "grafts"
    parts = [
        repo.head,
        repo.prefix,
        *sorted(repo.cut_commits),
        grafts.read_text("utf-8", "surrogateescape") if grafts.exists() else "",
        repo.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/replace"),
        repo.run("config", "--list", "-z"),
        repr(sorted(item for item in os.environ.items() if item[0].startswith("GIT_"))),
        git_version(),
    ]
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _commit_time(repo: Repository) -> int:
    """Return the committer's time of HEAD, seconds since 1970."""
    return int(repo.run("log", "-1", "--no-show-signature", "--format=%ct", "HEAD"))


def _literal(repo: Repository, folders: Sequence[str]) -> list[str]:
    """Return *folders* as patterns of Git that match only themselves."""
    return [f":(literal){repo.prefix}{folder}" for folder in folders]


def read_index(project: Path, folders: Sequence[str]) -> Index | None:
    """Read the tracked files below *folders* of *project*; None without Git or without a commit."""
    repo = find_repository(project)
    return _index(repo, folders)[0] if repo else None


def _index(repo: Repository, folders: Sequence[str]) -> tuple[Index, dict[str, Repository]]:
    """Return the index below *folders*, and the fetched submodules there by their path."""
    tracked: set[str] = set()
    fetched: dict[str, Repository] = {}
    missing: list[str] = []

    def read(one: Repository, inner: str, paths: Sequence[str]) -> None:
        for record in one.run("ls-files", "-z", "--stage", "--", *paths).split("\0"):
            head, _, name = record.partition("\t")
            path = (inner + name).removeprefix(repo.prefix)
            if not head.startswith("160000 "):  # the mode of a submodule; gitformat-index(5)
                tracked.update([path] if name else [])
            # The directory of a submodule that is not fetched belongs to the outer repository.
            elif module := open_repository(one.top / name):
                fetched[path] = module
                read(module, f"{inner}{name}/", ())
            else:
                missing.append(path)

    read(repo, "", _literal(repo, folders))
    return Index(frozenset(tracked), tuple(sorted(missing))), dict(sorted(fetched.items()))


def _changes(repo: Repository, folder: str) -> Changes:
    """Return the newest change of each file below *folder* ("" for all), in the order of the log."""
    path = repo.prefix + folder
    log = repo.run(
        "log", "-z", "--name-status", "-M100%", "--no-show-signature", "--format=%x01%H %ct",
        "HEAD", "--", *([path] if path else []),
    )  # fmt: skip
    return _parse_log(log, repo.prefix, repo.cut_commits)


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
