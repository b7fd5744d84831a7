"""Read when each file last changed, which files Git tracks, and the time of HEAD.

Reads the repository through git. No writes, no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from pipelines.core.errors import ToolError
from pipelines.tools.git_repository import Repository, find_repository, git_version, open_repository


class Change(Struct, frozen=True):
    """The newest commit that changed the content of a file."""

    time: int  # committer's time, seconds since 1970
    is_cut: bool  # by a shallow clone: the real change may be older
    is_added: bool  # the commit added the file: unchanged since


class Log(Struct, frozen=True):
    """What Git prints of a directory: the files that each commit changed, newest first."""

    head: str  # the commit that it begins with
    text: bytes


Refresh = Callable[[Log | None], Log]  # brings the last log up to date, or reads it


class Index(Struct, frozen=True):
    """The files that Git tracks below some directories of the project, submodules included."""

    tracked: frozenset[str]  # files, relative to the project
    missing: tuple[str, ...]  # submodules that are not fetched, relative to the project


class History(Struct, frozen=True):
    """The history of a repository that a build needs."""

    changes: Mapping[str, Change]  # by path relative to the project
    index: Index = Index(frozenset(), ())


def _read_anew(_state: str, refresh: Refresh) -> Log:
    return refresh(None)


def read_history(
    repo: Repository | None,
    folder: str,
    others: Sequence[str] = (),
    cached: Callable[[str, Refresh], Log] = _read_anew,
) -> History | None:
    """Read the history of *folder* of the project in *repo*; None without Git or without a commit.

    *cached* passes the log that it got for an equal state of the repository, of this or of another
    commit, to the function that brings it up to date.

    A pure rename is not a change of the file. A file of a submodule changed when a
    commit of the submodule changed it. The index covers *folder* and *others*.
    """
    if repo is None:
        return None
    index, modules = _index(repo, (folder, *others))
    log = cached(f"{folder} {_log_state(repo)}", lambda last: _log(repo, folder, last))
    changes = _parse_log(log, repo)
    for name, module in modules.items():
        if name == folder or name.startswith(f"{folder}/"):
            found = _parse_log(_log(module, ""), module)
            changes |= {f"{name}/{path}": change for path, change in found.items()}
    return History(changes, index)


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


def repository_state(repo: Repository | None, folders: Sequence[str]) -> str | None:
    """Return a digest of everything that ``read_history`` of *folders* depends on; None with submodules.

    "" without Git or without a commit.
    """
    if repo is None:
        return ""
    index = repo.ask("ls-files", "-z", "--stage", "--", *_literal(repo, folders))
    if re.search(r"(?:^|\0)160000 ", index):
        return None
    state = f"{repo.head}\0{_log_state(repo)}\0{index}"
    return sha256(state.encode("utf-8", "surrogateescape")).hexdigest()


def _log_state(repo: Repository) -> str:
    """Return what a log depends on beside its commit: grafts, replacements, configuration."""
    grafts = repo.common / "info" / "grafts"
    parts = [
        repo.prefix,
        *sorted(repo.cut_commits),
        grafts.read_text("utf-8", "surrogateescape") if grafts.exists() else "",
        repo.ask("for-each-ref", "--format=%(refname) %(objectname)", "refs/replace"),
        repo.ask("config", "--list", "-z"),
        repr(sorted(item for item in os.environ.items() if item[0].startswith("GIT_"))),
        git_version(),
    ]
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


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
        for record in one.ask("ls-files", "-z", "--stage", "--", *paths).split("\0"):
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


def _log(repo: Repository, folder: str, last: Log | None = None) -> Log:
    """Return the log of *folder* ("" for all); only commits that follow those of *last* are read.

    A log takes a time that grows with the number of commits times that of files.
    """
    if last and last.head == repo.head:
        return last
    if last and _is_linear(repo, last.head):
        newer = _log_of(repo, folder, f"{last.head}..{repo.head}")
        return Log(repo.head, newer + b"\0" + last.text if newer else last.text)
    return Log(repo.head, _log_of(repo, folder, repo.head))


def _log_of(repo: Repository, folder: str, revisions: str) -> bytes:
    path = repo.prefix + folder
    log = repo.run(
        "log", "-z", "--name-status", "-M100%", "--no-show-signature", "--format=%x01%H %ct",
        revisions, "--", *([path] if path else []),
    )  # fmt: skip
    return log.encode("utf-8", "surrogateescape")


def _is_linear(repo: Repository, older: str) -> bool:
    """Return whether each commit from HEAD back to *older* has one parent.

    A log of HEAD then lists these commits, and after them the log of *older*. False for a
    commit that is not in this clone, or of another branch.
    """
    try:
        rows = [
            row.split() for row in repo.run("rev-list", "--parents", f"{older}..{repo.head}").splitlines()
        ]
    except ToolError:
        return False
    return all(len(row) == 2 for row in rows) and bool(rows) and rows[-1][1] == older


def _parse_log(log: Log, repo: Repository) -> dict[str, Change]:
    """Return the newest change of each file in *log*, in its order; paths are relative to the project."""
    text = log.text.decode("utf-8", "surrogateescape")
    found: dict[str, Change] = {}
    renamed: dict[str, str] = {}  # an old name -> the current name of the file
    for record in text.split("\x01")[1:]:
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
                change = Change(int(seconds), is_cut=commit in repo.cut_commits, is_added=status == "A")
                found.setdefault(renamed.get(name, name), change)
    return {name.removeprefix(repo.prefix): change for name, change in found.items()}
